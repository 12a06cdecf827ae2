//! Which dimensions can be trusted.

use crate::analysis::{Analysis, SingleFit};
use emotome_embedding::evaluate::reproducibility as evaluated;
use emotome_figures::report::Section;
use emotome_figures::reproducibility::{DimensionReproducibility, Reproducibility};

pub(super) fn section(heading: String, a: &Analysis) -> Section {
    let Some(r) = &a.reproducibility else {
        return Section {
            heading,
            text: vec![if a.dims == 0 {
                "The fit kept no dimension, so none can come back."
            } else if a.seed_dims.len() < 2 {
                "Only one seed was fitted, so nothing can be said about reproducibility. Fit at least two (--seeds)."
            } else {
                "There are too few stimuli to match dimensions on one half of them and to test on the other, so nothing can be said about reproducibility."
            }.into()],
            ..Section::default()
        };
    };
    let mut text = vec![format!(
        "{}. {} The reproducible core is the dimensionality to report.",
        match (a.consensus_of, r.runs) {
            (1, 1) => "The embedding is a single fit, and one further fit from another random start tells which dimensions come back; more seeds tell it better (--seeds)".to_owned(),
            (1, runs) => format!("The embedding is a single fit, and {runs} further fits from other random starts tell which dimensions come back"),
            (of, 1) => format!("The embedding is the consensus of {of} fits from different random starts, and one further fit, which had no part in it, tells which dimensions come back; more seeds tell it better (--seeds)"),
            (of, runs) => format!("The embedding is the consensus of {of} fits from different random starts, and {runs} further fits, which had no part in it, tell which dimensions come back"),
        },
        core(r),
    )];
    if let Some(single) = &a.single_fit {
        text.push(format!(
            "For comparison, the first fit alone. {}",
            self_match(single)
        ));
    }
    Section {
        heading,
        text,
        figures: vec![Box::new(figure(&a.agent, r))],
        ..Section::default()
    }
}

/// How the core was found and how large it is.
pub(super) fn core(r: &evaluated::Reproducibility) -> String {
    format!(
        "Each dimension is matched one to one with a dimension of every further fit on one half of the stimuli and correlated on the other half. {} of {} dimensions come back with r ≥ {} and better than the best of shuffled stimuli (r = {:.2}).",
        r.core,
        r.dimensions.len(),
        r.params.core_r,
        r.null_max_r
    )
}

/// What the self-match and the shared matches of published values add.
pub(super) fn self_match(single: &SingleFit) -> String {
    let [published, without_self, honest] = single.means();
    format!(
        "Published reproducibilities count a fit's match with itself, let several dimensions share a match, and match and score on the same stimuli: for the {} dimensions of one fit a mean r of {published:.2}. Without the match with itself it is {without_self:.2}; matched one to one, and scored on other stimuli than matched on, it is {honest:.2} (plain means over fits and dimensions).",
        single.reproducibility.dimensions.len(),
    )
}

pub(crate) fn figure(of: &str, r: &evaluated::Reproducibility) -> Reproducibility {
    let dimensions = r.dimensions.iter().map(|d| DimensionReproducibility {
        label: (d.dimension + 1).to_string(),
        r: d.r,
        ci95: d.ci95,
        null95: r.null_max_r,
        reproducible: d.core,
    });
    Reproducibility {
        title: format!("Reproducibility of dimensions, {of}"),
        dimensions: dimensions.collect(),
        runs: r.runs,
    }
}
