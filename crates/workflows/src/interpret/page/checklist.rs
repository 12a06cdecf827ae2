//! What reviewers ask, and where the answer stands: here, elsewhere, or nowhere yet.

use super::super::Interpretation;
use emotome_figures::report::Section;
use emotome_figures::table::{Cell, Table};

/// Whether a question is answered on this page.
enum Answer {
    /// Here, with these words.
    Here(String),
    /// By another command or by the study itself.
    Elsewhere(&'static str),
}

/// What a report of choices tells on the same page.
#[derive(Debug, Clone, Copy)]
pub(in crate::interpret) struct Beside {
    /// Noise ceilings.
    pub(in crate::interpret) ceilings: bool,
    /// Which dimensions come back in further fits.
    pub(in crate::interpret) reproducibility: bool,
}

pub(super) fn section(found: &Interpretation, beside: Option<Beside>) -> Section {
    let mut table = Table::new(["question", "answered", "where, or what is needed"]);
    for (question, answer) in answers(found, beside) {
        let (answered, words) = match &answer {
            Answer::Here(words) => ("here", words.as_str()),
            Answer::Elsewhere(words) => ("not here", *words),
        };
        table.push([Cell::from(question), answered.into(), words.into()]);
    }
    Section {
        heading: "What reviewers ask".into(),
        text: vec![
            "A list to hand in with a paper: what this page answers, and what it cannot.".into(),
        ],
        tables: vec![("Questions of reviewers".into(), table)],
        ..Section::default()
    }
}

fn answers(found: &Interpretation, beside: Option<Beside>) -> Vec<(&'static str, Answer)> {
    use Answer::{Elsewhere, Here};
    let dims: Vec<String> = found
        .agents
        .iter()
        .map(|agent| format!("{} {}", agent.agent, agent.dims))
        .collect();
    let permutations = found.params.permutations;
    let explained = found.agents.iter().any(|agent| agent.explained.is_some());
    let given = found.agents.iter().any(|agent| agent.given_names.is_some());
    let named = found.agents.iter().any(|agent| agent.ratings.is_some());
    vec![
        (
            "Were the triplets also judged by people?",
            Elsewhere("emotome qc --human FILE compares agents with people on the same triplets"),
        ),
        (
            "What are the noise ceilings, and how are they defined?",
            match beside {
                Some(beside) if beside.ceilings => Here("“How well the embedding predicts”, from repeated triplets, with its definition; ceilings of ratings need the answers of single raters".into()),
                Some(_) => Elsewhere("choices to repeated triplets: --ceiling FILE, or a split column that marks them"),
                None => Elsewhere("emotome report --ceiling FILE, for choices; ceilings of ratings need the answers of single raters"),
            },
        ),
        (
            "Do all spaces have the same number of features?",
            Here(format!(
                "{}: {} dimensions, {} ratings. Shares of variance are of held-out stimuli, so that more predictors do not help by their number.",
                match found.agents.iter().all(|a| a.dims == found.agents[0].dims) {
                    true => "The embeddings do, the ratings do not",
                    false => "No",
                },
                dims.join(", "),
                found.ratings.len()
            )),
        ),
        (
            "Which control models were compared?",
            Elsewhere("visual, motion, semantic and caption features: give each as another --embedding"),
        ),
        (
            "Variance partitioning with intervals?",
            match explained {
                true => Here("“How much of the dimensions ratings explain”, intervals over stimuli".into()),
                false => Elsewhere("needs ratings of both kinds: categories and affective dimensions"),
            },
        ),
        (
            "Are tests corrected for multiple comparisons?",
            match named {
                true => Here(format!(
                    "Correlations are: false-discovery rate over all cells and over dimensions, and a null of the largest |r|, from {permutations} permutations of the stimuli; matches of dimensions: a null of the largest r of any two. The tests of structure and the comparisons of agents stand each for itself"
                )),
                false => Elsewhere("needs ratings"),
            },
        ),
        (
            "Are results robust to order and wording of the prompt?",
            Elsewhere("emotome qc, for agents asked in several orders and wordings"),
        ),
        (
            "Why this number of dimensions, and does each come back?",
            match beside {
                Some(beside) if beside.reproducibility => Here("“How many dimensions, and how λ was chosen”, “Which dimensions can be trusted”".into()),
                Some(_) => Elsewhere("fits from several random starts (--seeds)"),
                None => Elsewhere("emotome report: dimensions chosen by validation, reproducibility of each over seeds"),
            },
        ),
        (
            "Could the model know the stimuli and their ratings?",
            Elsewhere("the clips and norms of public sets are public: say so, and repeat the analysis on stimuli that are not"),
        ),
        (
            "Model, version, temperature, engine?",
            Elsewhere("the journal records them for each answer; emotome qc prints them"),
        ),
        (
            "How were dimensions named?",
            match named {
                true if given => Here("Names were given from outside and are shown; names by a fixed rule from correlations, beside what chance gives, stand in the table".into()),
                true => Here("By a fixed rule from correlations, beside what chance gives; no name was chosen by eye".into()),
                false => Elsewhere("needs ratings, or emotome name"),
            },
        ),
    ]
}
