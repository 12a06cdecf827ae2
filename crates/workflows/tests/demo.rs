//! The demo and reports, from files to files.

use emotome_embedding::evaluate::dominance::Finding;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::{Interrupt, Progress, Run, Silent};
use emotome_triplets::formats::{ChoiceTable, Format, ReadOptions, Stimuli, WriteOptions};
use emotome_triplets::split::split;
use emotome_triplets::{Choice, ChoiceSet, Position, Split, Triplet};
use emotome_workflows::WorkflowError;
use emotome_workflows::analysis::{AgentChoices, AnalysisError, AnalysisParams, analyse};
use emotome_workflows::choices::ChoiceFile;
use emotome_workflows::demo::demo;
use emotome_workflows::emotion2025::{Emotion2025Request, emotion2025};
use emotome_workflows::publish::{Destination, Published};
use emotome_workflows::report::{ReportRequest, report};
use std::collections::HashSet;
use std::path::Path;

/// A run that nobody watches or stops.
fn quiet<T>(work: impl FnOnce(Run<'_>) -> T) -> T {
    work(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

fn to(out: &Path) -> Destination {
    Destination {
        out: out.into(),
        overwrite: Overwrite::Refuse,
        resume: false,
        seed: Seed(1),
        command: vec!["test".into()],
    }
}

/// A page without gaps, and a table beside every figure.
fn assert_complete(summary: &Published) {
    let page = std::fs::read_to_string(&summary.report).unwrap();
    // Pictures for download are letters too, and may spell anything.
    let words: String = page
        .split("base64,")
        .map(|part| part.split_once('"').map_or(part, |(_, rest)| rest))
        .collect();
    // The script asks whether cells are numbers.
    let (words, _) = words.split_once("<script>").unwrap();
    assert!(page.len() > 10_000 && !words.contains("NaN"));
    let folder = std::fs::read_dir(summary.study.join("figures")).unwrap();
    let names: HashSet<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let svgs: Vec<&str> = names
        .iter()
        .filter_map(|n| n.strip_suffix(".svg"))
        .collect();
    assert!(svgs.len() >= 3, "{names:?}");
    for name in svgs {
        assert!(names.contains(&format!("{name}.tsv")), "{name}");
    }
}

#[test]
fn the_demo_finds_what_its_choices_hold_and_refuses_to_overwrite_it() {
    let folder = tempfile::tempdir().unwrap();
    let to = to(&folder.path().join("study"));
    let summary = quiet(|run| demo(&to, run)).unwrap();
    let a = &summary.analyses[0];
    let accuracy = a.scores[0].test.accuracy;
    assert!((0.70..0.75).contains(&accuracy), "{accuracy}");
    let ceiling = a.ceiling.as_ref().unwrap().any_order.dirichlet.value;
    assert!((0.77..0.82).contains(&ceiling), "{ceiling}");
    let full = a.full_set.as_ref().unwrap();
    assert!(full.correlation.r > 0.85, "{}", full.correlation.r);
    let [none, .., all] = full.pruned_r2[..] else {
        panic!("{:?}", full.pruned_r2)
    };
    assert!(none.is_nan() && all > 0.999, "{:?}", full.pruned_r2);
    assert_eq!(full.pruned_r2.len(), a.dims + 1);
    let page = std::fs::read_to_string(&summary.report).unwrap();
    assert!(page.contains("is the first to predict similarities"));
    assert!(!page.contains("The report splits anew"));
    for place in a.positions.unwrap() {
        assert!((0.32..0.35).contains(&place.share), "{place:?}");
    }
    assert_complete(&summary);
    no_triplet_is_in_two_splits(&summary);
    assert!(matches!(
        quiet(|run| demo(&to, run)),
        Err(WorkflowError::Output(_))
    ));
}

fn no_triplet_is_in_two_splits(summary: &Published) {
    let file = summary.study.join("choices/smollm2.parquet");
    let options = ReadOptions::new(Stimuli::Count(summary.analyses[0].n_stimuli));
    let read = quiet(|run| Format::Parquet.read(&file, &options, run));
    let table = read.unwrap().table;
    let splits = table.extras.split.unwrap();
    let of = |wanted| {
        let rows = (0..splits.len()).filter(|&row| splits[row] == wanted);
        table.choices.select(rows)
    };
    let (main, full) = (of(Split::Train), of(Split::FullSet));
    let items: HashSet<StimulusId> = full
        .choices()
        .iter()
        .flat_map(|c| c.triplet.items())
        .collect();
    let items: Vec<StimulusId> = items.into_iter().collect();
    let params = AnalysisParams::new(Seed(1));
    let rows = split(&main, params.shares, &items, params.seed).unwrap();
    let found = [&rows.train, &rows.validation, &rows.test, &rows.full_set].map(|rows| rows.len());
    assert_eq!(found, summary.analyses[0].trials);
    let mut seen = HashSet::new();
    for rows in [&rows.train, &rows.validation, &rows.test] {
        let triplets: HashSet<_> = rows
            .iter()
            .map(|&row| main.choices()[row].triplet.unordered())
            .collect();
        for choice in full.choices() {
            assert!(!triplets.contains(&choice.triplet.unordered()));
        }
        for triplet in triplets {
            assert!(seen.insert(triplet), "{triplet:?} stands in two splits");
        }
    }
}

/// Choices of an agent that guesses.
fn guesses(n: u32, trials: u64) -> ChoiceSet {
    let choices = (0..trials).map(|t| {
        let mut rng = CounterRng::new(Seed(7), t);
        let mut items: Vec<u32> = (0..n).collect();
        rng.shuffle(&mut items);
        Choice {
            triplet: Triplet::new([items[0], items[1], items[2]].map(StimulusId)).unwrap(),
            odd: Position::ALL[rng.below(3) as usize],
        }
    });
    ChoiceSet::new(n as usize, choices.collect()).unwrap()
}

fn small(seed: u64) -> AnalysisParams {
    AnalysisParams {
        seeds: 3,
        dims: 10,
        lambdas: vec![0.004, 0.016],
        nested: vec![1, 5],
        ..AnalysisParams::new(Seed(seed))
    }
}

#[test]
fn an_agent_that_guesses_gets_a_report_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let triplets = folder.path().join("guesses.npy");
    let choices = guesses(30, 3000);
    Format::LastOdd
        .write(&triplets, &choices.into(), &WriteOptions::default())
        .unwrap();
    // The weak penalty keeps dimensions, the strong one none.
    for (name, lambdas) in [("weak", vec![1e-5]), ("strong", vec![0.004, 10.0])] {
        let request = ReportRequest {
            to: to(&folder.path().join(name)),
            triplets: ChoiceFile {
                n_stimuli: Some(30),
                ..ChoiceFile::new(triplets.clone())
            },
            ceiling: Some(triplets.clone()),
            full_set: None,
            ratings: None,
            captions: None,
            agent: None,
            params: AnalysisParams {
                lambdas,
                ..small(1)
            },
        };
        let summary = quiet(|run| report(&request, run)).unwrap();
        let a = &summary.analyses[0];
        assert_eq!(
            (a.finding, a.agent.as_str()),
            (Finding::AtChance, "guesses")
        );
        assert!(a.positions.is_none(), "the file has the odd one last");
        assert_eq!(a.dominance.is_none(), a.dims == 0);
        assert_complete(&summary);
    }
}

#[test]
fn a_report_reads_the_splits_of_a_journal_file() {
    let folder = tempfile::tempdir().unwrap();
    let triplets = folder.path().join("smollm2.parquet");
    std::fs::write(
        &triplets,
        include_bytes!("../../../demo/smollm2_choices.parquet"),
    )
    .unwrap();
    let request = ReportRequest {
        to: to(&folder.path().join("report")),
        triplets: ChoiceFile::new(triplets),
        ceiling: None,
        full_set: None,
        ratings: None,
        captions: None,
        agent: None,
        params: AnalysisParams {
            seeds: 1,
            dims: 20,
            lambdas: vec![0.008],
            nested: vec![3],
            vice: false,
            baselines: false,
            ..small(1)
        },
    };
    let summary = quiet(|run| report(&request, run)).unwrap();
    let a = &summary.analyses[0];
    assert!(a.ceiling.is_some() && a.full_set.is_some() && a.positions.is_some());
    assert!(a.reproducibility.is_none() && a.consensus_of == 1);
    assert!(a.scores[0].test.accuracy > 0.68, "{:?}", a.scores[0]);
    assert_complete(&summary);
}

#[test]
fn impossible_parameters_are_refused_by_name() {
    let choices = guesses(10, 100);
    let of = |params: AnalysisParams| {
        let choices = AgentChoices {
            main: &choices,
            ceiling: None,
            full_set: None,
            order_known: true,
            ceiling_order_known: true,
            ratings: &[],
        };
        quiet(|run| analyse("guesser", choices, &params, None, run)).unwrap_err()
    };
    let mut bad = vec![small(1); 5];
    bad[0].lambdas.clear();
    bad[1].seeds = 0;
    bad[2].shares.test = 0.0;
    bad[3].dims = 0;
    bad[4].lambdas = vec![f64::NAN];
    for params in bad {
        let error = of(params);
        assert!(
            matches!(
                error,
                WorkflowError::Analysis(AnalysisError::Parameter { .. })
            ),
            "{error}"
        );
    }
    let mut few = small(1);
    few.shares.test = 0.001;
    let error = of(few);
    assert!(
        matches!(
            error,
            WorkflowError::Analysis(AnalysisError::EmptySplit { split: "test", .. })
        ),
        "{error}"
    );
}

#[test]
fn agents_that_judge_by_human_ratings_are_predicted() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let ratings = data.join("ratings/ck2017_ratings48.csv");
    if !ratings.exists() {
        eprintln!("skipped: {} is not here", ratings.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let request = Emotion2025Request {
        to: to(&folder.path().join("study")),
        ratings: Some(ratings),
        captions: None,
        list: List::Unique2181,
        trials: 60_000,
        analysis: AnalysisParams {
            dims: 20,
            lambdas: vec![0.004],
            seeds: 2,
            nested: vec![2],
            imposed: vec![7],
            vice: false,
            baselines: false,
            ..AnalysisParams::new(Seed(1))
        },
        full_set: 32,
    };
    let summary = quiet(|run| emotion2025(&request, run)).unwrap();
    let a = &summary.analyses[0];
    assert!(a.scores[0].test.accuracy > 0.7, "{:?}", a.scores[0]);
    assert_eq!(a.consensus_of, 1, "a consensus needs two fits");
    let imposed = &a.imposed[0];
    assert_eq!((imposed.dims, imposed.embedding.n_dims()), (7, 7));
    let [published, without_self, honest] = imposed.single_fit.as_ref().unwrap().means();
    assert!(published > without_self && without_self > honest - 0.05);
    for file in [
        "embedding.npz",
        "embedding.tsv",
        "embedding.json",
        "seeds/seed-02/embedding.npz",
    ] {
        let path = summary
            .study
            .join("embeddings/human-categories/7-dimensions")
            .join(file);
        assert!(path.exists(), "no {}", path.display());
    }
    let names: Vec<&str> = a.scores.iter().map(|s| s.name.as_str()).collect();
    assert!(
        names.contains(&"cosine of 14 rated dimensions"),
        "{names:?}"
    );
    assert_complete(&summary);
}

/// Stops a run when a note of it holds the words.
struct StopAt<'a>(&'static str, &'a Interrupt);

impl Progress for StopAt<'_> {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, message: &str) {
        if message.contains(self.0) {
            self.1.request();
        }
    }
    fn end(&self) {}
}

#[test]
fn an_interrupted_report_resumes_and_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let triplets = folder.path().join("guesses.npy");
    Format::LastOdd
        .write(
            &triplets,
            &guesses(30, 3000).into(),
            &WriteOptions::default(),
        )
        .unwrap();
    let request = |name: &str, resume| ReportRequest {
        to: Destination {
            resume,
            ..to(&folder.path().join(name))
        },
        triplets: ChoiceFile::new(triplets.clone()),
        ceiling: None,
        full_set: None,
        ratings: None,
        captions: None,
        agent: None,
        params: AnalysisParams {
            lambdas: vec![1e-5],
            ..small(1)
        },
    };
    let whole = quiet(|run| report(&request("whole", false), run)).unwrap();
    let interrupt = Interrupt::default();
    let stopped = report(
        &request("parts", false),
        Run {
            progress: &StopAt("models to compare with", &interrupt),
            interrupt: &interrupt,
        },
    );
    let error = stopped.unwrap_err();
    assert!(matches!(error, WorkflowError::Paused { .. }), "{error}");
    assert!(error.to_string().contains("--resume"), "{error}");
    let again = quiet(|run| report(&request("parts", false), run)).unwrap_err();
    assert!(matches!(again, WorkflowError::Output(_)), "{again}");
    let resumed = quiet(|run| report(&request("parts", true), run)).unwrap();
    let [a, b] =
        [&whole, &resumed].map(|made| std::fs::read(made.study.join("analysis.json")).unwrap());
    assert!(a == b, "the resumed analysis differs");
    assert!(!resumed.study.join(".emotome-unfinished").exists());
    let nothing = quiet(|run| report(&request("whole", true), run)).unwrap_err();
    assert!(
        matches!(nothing, WorkflowError::NothingToResume { .. }),
        "{nothing}"
    );
}

/// Last-odd files lose the order of presentation, so that all repeats would look alike.
#[test]
fn order_counts_only_where_every_file_of_repeats_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, format: Format, table: ChoiceTable| {
        let path = folder.path().join(name);
        let options = WriteOptions::default();
        format.write(&path, &table, &options).unwrap();
        path
    };
    let main = guesses(30, 3000);
    let repeats = || {
        let rows = (0..40).flat_map(|row| [row; 6]);
        main.select(rows).into()
    };
    let mut marked = ChoiceTable::from(main.clone());
    let splits = (0..3000).map(|row| match row {
        0..2800 => Split::Train,
        2800..2900 => Split::Validation,
        _ => Split::Test,
    });
    marked.extras.split = Some(splits.collect());
    let shown = write("main.csv", Format::Table, marked);
    let sorted = write("main.npy", Format::LastOdd, main.clone().into());
    let ceiling_shown = write("ceiling.csv", Format::Table, repeats());
    let ceiling_sorted = write("ceiling.npy", Format::LastOdd, repeats());
    for (name, triplets, ceiling) in [
        ("sorted repeats", &shown, &ceiling_sorted),
        ("sorted choices", &sorted, &ceiling_shown),
    ] {
        let request = ReportRequest {
            to: to(&folder.path().join(name)),
            triplets: ChoiceFile {
                n_stimuli: Some(30),
                ..ChoiceFile::new(triplets.clone())
            },
            ceiling: Some(ceiling.clone()),
            full_set: None,
            ratings: None,
            captions: None,
            agent: None,
            params: AnalysisParams {
                lambdas: vec![0.02],
                seeds: 1,
                nested: vec![],
                vice: false,
                baselines: false,
                ..small(1)
            },
        };
        let summary = quiet(|run| report(&request, run)).unwrap();
        let a = &summary.analyses[0];
        let page = std::fs::read_to_string(&summary.report).unwrap();
        assert_eq!(
            page.contains("marks 100 choices for validation and 100 for testing"),
            triplets == &shown,
            "{name}"
        );
        let same_order = a.ceiling.as_ref().unwrap().same_order.is_some();
        assert_eq!(same_order, ceiling == &ceiling_shown, "{name}");
        assert_eq!(a.positions.is_some(), triplets == &shown, "{name}");
    }
}
