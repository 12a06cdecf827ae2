//! The convention test must find the truth where the data show it, and say so where they do not.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use emotome_stimuli::array::read_matrix;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::convention::{Base, Convention, Detection, OddColumn, Reference, detect};
use emotome_triplets::formats::{Format, FormatError, Imported, ReadOptions, Stimuli, import};
use ndarray::Array2;
use std::path::{Path, PathBuf};

fn read(path: &Path, format: Format, options: &ReadOptions<'_>) -> Result<Imported, FormatError> {
    format.read(
        path,
        options,
        Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        },
    )
}

fn options(n: usize, odd: OddColumn, base: Base) -> ReadOptions<'static> {
    ReadOptions {
        convention: Some(Convention { odd, base }),
        ..ReadOptions::new(Stimuli::Count(n))
    }
}

/// A folder of the shared data, or a note why the test is skipped.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(folder);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

fn dot(embedding: &Array2<f64>) -> impl Fn(StimulusId, StimulusId) -> f64 + Sync + '_ {
    |a, b| embedding.row(a.index()).dot(&embedding.row(b.index()))
}

fn percent(detection: &Detection, odd: OddColumn, base: Base) -> f64 {
    let wanted = Convention { odd, base };
    let score = detection
        .scores
        .iter()
        .find(|score| score.convention == wanted)
        .unwrap();
    (score.accuracy * 1000.0).round() / 10.0
}

#[test]
fn human_things_choices_are_found_odd_last_and_counted_from_0_by_an_embedding() {
    let (Some(triplets), Some(embeddings)) = (shared("triplets"), shared("embeddings")) else {
        return;
    };
    let vice = read_matrix(embeddings.join("vice_things.npy"))
        .unwrap()
        .values;
    let path = triplets.join("2171trials_humans.txt");
    let similarity = dot(&vice);
    let imported = read(
        &path,
        Format::LastOdd,
        &ReadOptions::new(Stimuli::Count(1854)),
    )
    .unwrap();
    let detection = detect(&imported, Reference::Similarity(&similarity));
    assert_eq!(
        (detection.odd, detection.base),
        (Some(OddColumn::Third), Some(Base::Zero)),
        "{detection}"
    );
    assert_eq!(percent(&detection, OddColumn::Third, Base::Zero), 66.0);
    assert_eq!(percent(&detection, OddColumn::Second, Base::Zero), 17.3);
    assert_eq!(percent(&detection, OddColumn::First, Base::Zero), 16.7);

    // Every wrong flag is refused with the numbers.
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    for odd in [OddColumn::First, OddColumn::Second] {
        let options = options(1854, odd, Base::Zero);
        let error = import(
            &path,
            Format::LastOdd,
            &options,
            Reference::Similarity(&similarity),
            run,
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!(
                "read as odd = {odd}, ids from 0, but the data say otherwise"
            )),
            "{text}"
        );
        assert!(
            text.contains("odd = third, ids from 0: 66.0 % [64.0, 68.0] of 2171 rows"),
            "{text}"
        );
        assert!(text.contains("use `--odd third --base 0`"), "{text}");
    }
}

#[test]
fn the_base_is_found_by_an_embedding_even_where_all_ids_fit_both() {
    let (Some(triplets), Some(embeddings)) = (shared("triplets"), shared("embeddings")) else {
        return;
    };
    let vice = read_matrix(embeddings.join("vice_things.npy"))
        .unwrap()
        .values;
    let text = std::fs::read_to_string(triplets.join("2171trials_humans.txt")).unwrap();
    let one_based: String = text
        .lines()
        .map(|line| {
            line.split(' ')
                .map(|id| (id.parse::<u32>().unwrap() + 1).to_string())
                .collect::<Vec<_>>()
                .join(" ")
                + "\n"
        })
        .filter(|line| !line.contains("1854"))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one_based.txt");
    std::fs::write(&path, one_based).unwrap();
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let similarity = dot(&vice);
    let reference = Reference::Similarity(&similarity);
    let error = import(
        &path,
        Format::LastOdd,
        &options(1854, OddColumn::Third, Base::Zero),
        reference,
        run,
    )
    .unwrap_err();
    assert!(error.to_string().contains("--base 1`"), "{error}");
    let stated = options(1854, OddColumn::Third, Base::One);
    let (_, detection) = import(&path, Format::LastOdd, &stated, reference, run).unwrap();
    assert_eq!(
        (detection.odd, detection.base),
        (Some(OddColumn::Third), Some(Base::One)),
        "{detection}"
    );
}

#[test]
fn the_large_human_file_shows_its_odd_column_by_itself() {
    let Some(triplets) = shared("triplets") else {
        return;
    };
    let path = triplets.join("things_human_100k.txt");
    let run = Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    };
    let (_, detection) = import(
        &path,
        Format::LastOdd,
        &ReadOptions::new(Stimuli::Count(1854)),
        Reference::Itself,
        run,
    )
    .unwrap();
    eprintln!("{detection}");
    // Id 0 occurs in the file, which leaves no base but 0.
    assert_eq!(
        (detection.odd, detection.base),
        (Some(OddColumn::Third), Some(Base::Zero)),
        "{detection}"
    );
    let gain = |odd| {
        detection
            .scores
            .iter()
            .find(|score| score.convention.odd == odd)
            .unwrap()
            .gain_bits
            .unwrap()
    };
    assert!(
        gain(OddColumn::Third) > 4.0 * gain(OddColumn::First),
        "{detection}"
    );
    let error = import(
        &path,
        Format::LastOdd,
        &options(1854, OddColumn::First, Base::Zero),
        Reference::Itself,
        run,
    )
    .unwrap_err();
    assert!(matches!(error, FormatError::Contradicted { .. }), "{error}");
}

#[test]
fn a_small_file_over_many_stimuli_is_not_decidable_by_itself() {
    let Some(triplets) = shared("triplets") else {
        return;
    };
    let path = triplets.join("2171trials_humans.txt");
    for odd in [OddColumn::First, OddColumn::Third] {
        let imported = read(&path, Format::LastOdd, &options(1854, odd, Base::Zero)).unwrap();
        let detection = detect(&imported, Reference::Itself);
        assert_eq!(detection.odd, None, "{detection}");
        assert!(
            detection
                .undecided
                .as_ref()
                .unwrap()
                .starts_with("the column is not decidable without a reference")
        );
        assert!(!detection.contradicts(imported.convention));
    }
}

/// GPT-4's choices tell people's convention, though weakly: a fifth of the lead of an embedding.
#[test]
fn choices_of_another_agent_tell_the_convention() {
    let Some(triplets) = shared("triplets") else {
        return;
    };
    let gpt4 = read(
        &triplets.join("2171trials_GPT_4.txt"),
        Format::LastOdd,
        &ReadOptions::new(Stimuli::Count(1854)),
    )
    .unwrap()
    .table
    .choices;
    let path = triplets.join("2171trials_humans.txt");
    for odd in [OddColumn::First, OddColumn::Third] {
        let imported = read(&path, Format::LastOdd, &options(1854, odd, Base::Zero)).unwrap();
        let detection = detect(&imported, Reference::Choices(&gpt4));
        assert_eq!(detection.odd, Some(OddColumn::Third), "{detection}");
        assert_eq!(percent(&detection, OddColumn::Third, Base::Zero), 45.7);
    }
}

/// Choices of an agent with planted preferences, as rows of three ids with the odd one last.
struct Planted {
    embedding: Array2<f64>,
    rng: CounterRng,
}

impl Planted {
    fn new(n: usize, d: usize, seed: u64) -> Self {
        let mut rng = CounterRng::new(Seed(seed), 0);
        let embedding = Array2::from_shape_fn((n, d), |_| {
            if rng.uniform() < 0.3 {
                rng.normal().abs() * 1.5
            } else {
                0.0
            }
        });
        Self { embedding, rng }
    }

    fn triplet(&mut self) -> [usize; 3] {
        let n = self.embedding.nrows() as u64;
        loop {
            let [a, b, c] = [0; 3].map(|_| self.rng.below(n) as usize);
            if a != b && a != c && b != c {
                return [a, b, c];
            }
        }
    }

    fn similarity(&self, a: usize, b: usize) -> f64 {
        self.embedding.row(a).dot(&self.embedding.row(b))
    }

    fn odd(&mut self, [a, b, c]: [usize; 3]) -> usize {
        let weights = [
            self.similarity(b, c),
            self.similarity(a, c),
            self.similarity(a, b),
        ]
        .map(f64::exp);
        let mut at = self.rng.uniform() * weights.iter().sum::<f64>();
        for (place, weight) in weights.into_iter().enumerate() {
            at -= weight;
            if at < 0.0 {
                return place;
            }
        }
        2
    }

    fn odd_last(&mut self) -> [usize; 3] {
        let items = self.triplet();
        let odd = self.odd(items);
        let [p, q] = [(odd + 1) % 3, (odd + 2) % 3];
        let (p, q) = (p.min(q), p.max(q));
        [items[p], items[q], items[odd]]
    }
}

fn detect_rows(rows: &[[usize; 3]], n: usize) -> Detection {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.txt");
    let text: String = rows
        .iter()
        .map(|[a, b, c]| format!("{a} {b} {c}\n"))
        .collect();
    std::fs::write(&path, text).unwrap();
    let imported = read(&path, Format::LastOdd, &ReadOptions::new(Stimuli::Count(n))).unwrap();
    detect(&imported, Reference::Itself)
}

#[test]
fn planted_choices_show_their_column_wherever_it_stands() {
    let mut planted = Planted::new(66, 6, 5);
    let rows: Vec<_> = (0..20_000).map(|_| planted.odd_last()).collect();
    for (order, odd) in [
        ([2, 0, 1], OddColumn::First),
        ([0, 2, 1], OddColumn::Second),
        ([0, 1, 2], OddColumn::Third),
    ] {
        let rows: Vec<_> = rows.iter().map(|row| order.map(|at| row[at])).collect();
        let detection = detect_rows(&rows, 66);
        assert_eq!(detection.odd, Some(odd), "{detection}");
    }
}

#[test]
fn sorting_the_similar_pair_does_not_mislead_the_test() {
    let mut planted = Planted::new(66, 6, 6);
    let rows: Vec<_> = (0..20_000)
        .map(|_| {
            let [a, b, odd] = planted.odd_last();
            [a.min(b), a.max(b), odd]
        })
        .collect();
    let detection = detect_rows(&rows, 66);
    // Sorted columns are predicted better by far than choices; what counts is what pairs explain.
    let accuracy = |odd| {
        detection
            .scores
            .iter()
            .find(|score| score.convention.odd == odd)
            .unwrap()
            .accuracy
    };
    assert!(accuracy(OddColumn::First) > accuracy(OddColumn::Third));
    assert_eq!(detection.odd, Some(OddColumn::Third), "{detection}");
}

#[test]
fn a_design_around_target_items_does_not_mislead_the_test() {
    let mut planted = Planted::new(200, 8, 7);
    let mut rows = Vec::new();
    while rows.len() < 40_000 {
        let mut items = planted.triplet();
        items[0] %= 30;
        if items[1] < 30 || items[2] < 30 {
            continue;
        }
        let odd = planted.odd(items);
        let pair: Vec<_> = (0..3).filter(|&at| at != odd).map(|at| items[at]).collect();
        rows.push([pair[0], pair[1], items[odd]]);
    }
    let detection = detect_rows(&rows, 200);
    assert_eq!(detection.odd, Some(OddColumn::Third), "{detection}");
}

#[test]
fn guesses_anchored_rows_and_single_item_choices_are_not_decidable() {
    let mut planted = Planted::new(66, 6, 8);
    let guesses: Vec<_> = (0..20_000).map(|_| planted.triplet()).collect();
    let anchored: Vec<_> = (0..20_000)
        .map(|_| {
            let [i, j, k] = planted.triplet();
            let nearer = 1.0 / (1.0 + (planted.similarity(i, k) - planted.similarity(i, j)).exp());
            if planted.rng.uniform() < nearer {
                [i, j, k]
            } else {
                [i, k, j]
            }
        })
        .collect();
    let single: Vec<_> = (0..20_000)
        .map(|_| {
            let [a, b, c] = planted.triplet();
            let strange = |item: usize| (item * 37) % 66;
            let odd = [a, b, c]
                .into_iter()
                .max_by_key(|&item| strange(item))
                .unwrap();
            let pair: Vec<_> = [a, b, c].into_iter().filter(|&item| item != odd).collect();
            [pair[0], pair[1], odd]
        })
        .collect();
    for (name, rows, why) in [
        ("guesses", guesses, "under no hypothesis"),
        ("anchored", anchored, "anchored comparisons"),
        ("single", single, "single items"),
    ] {
        let detection = detect_rows(&rows, 66);
        assert_eq!(detection.odd, None, "{name}: {detection}");
        assert!(
            detection.undecided.as_ref().unwrap().contains(why),
            "{name}: {detection}"
        );
    }
}

#[test]
fn a_choice_column_is_tested_against_the_three_columns() {
    let mut planted = Planted::new(66, 6, 9);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ceiling.txt");
    let write = |name: &str, shown: &[[usize; 3]], choice: &[usize]| {
        let text: String = shown
            .iter()
            .zip(choice)
            .map(|([a, b, c], choice)| format!("{a} {b} {c} {}\n", choice + 1))
            .collect();
        std::fs::write(dir.path().join(name), text).unwrap();
    };
    let shown: Vec<_> = (0..20_000).map(|_| planted.triplet()).collect();
    let choice: Vec<_> = shown.iter().map(|&items| planted.odd(items)).collect();
    write("ceiling.txt", &shown, &choice);
    let imported = read(
        &path,
        Format::NmiCeiling,
        &ReadOptions::new(Stimuli::Count(66)),
    )
    .unwrap();
    let detection = detect(&imported, Reference::Itself);
    assert_eq!(
        detection.odd,
        Some(OddColumn::Choice(Base::One)),
        "{detection}"
    );

    // Rows sorted odd-last whose choice column still has the places before sorting.
    let sorted: Vec<_> = shown
        .iter()
        .zip(&choice)
        .map(|(items, &odd)| [items[(odd + 1) % 3], items[(odd + 2) % 3], items[odd]])
        .collect();
    write("ceiling.txt", &sorted, &choice);
    let imported = read(
        &path,
        Format::NmiCeiling,
        &ReadOptions::new(Stimuli::Count(66)),
    )
    .unwrap();
    let detection = detect(&imported, Reference::Itself);
    assert_eq!(detection.odd, Some(OddColumn::Third), "{detection}");
    assert!(detection.contradicts(imported.convention));
}

#[test]
fn the_first_and_last_id_settle_the_base_unless_the_number_of_stimuli_is_inferred() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.txt");
    let found = |text: &str, options: &ReadOptions<'_>| {
        std::fs::write(&path, text).unwrap();
        detect(
            &read(&path, Format::LastOdd, options).unwrap(),
            Reference::Itself,
        )
        .base
    };
    let one_based = options(9, OddColumn::Third, Base::One);
    assert_eq!(
        found("0 1 2\n7 3 2\n", &options(9, OddColumn::Third, Base::Zero)),
        Some(Base::Zero)
    );
    assert_eq!(found("1 9 2\n7 3 2\n", &one_based), Some(Base::One));
    assert_eq!(found("1 8 2\n7 3 2\n", &one_based), None);
    assert_eq!(
        found(
            "1 8 2\n7 3 2\n",
            &ReadOptions {
                stimuli: Stimuli::Infer,
                ..one_based
            }
        ),
        None
    );
}

#[test]
fn a_large_file_is_judged_by_all_rows_among_few_of_its_stimuli() {
    // 300,000 rows over 1,000 stimuli: evenly thinned to 60,000 they would not do.
    let mut planted = Planted::new(1_000, 20, 11);
    planted.embedding *= 0.5;
    let rows: Vec<_> = (0..300_000).map(|_| planted.odd_last()).collect();
    let detection = detect_rows(&rows, 1_000);
    assert_eq!(detection.odd, Some(OddColumn::Third), "{detection}");
    assert!(
        (40_000..=60_000).contains(&detection.scores[0].rows),
        "{detection}"
    );
    let thinned: Vec<_> = rows.iter().copied().step_by(5).collect();
    assert_eq!(detect_rows(&thinned, 1_000).odd, None);
}

#[test]
fn detection_does_not_depend_on_the_number_of_threads() {
    let mut planted = Planted::new(66, 6, 10);
    let rows: Vec<_> = (0..5_000).map(|_| planted.odd_last()).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| detect_rows(&rows, 66))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_file_without_a_choice_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("refused.csv");
    std::fs::write(&path, "a,b,c,choice\n0,1,2,NA\n").unwrap();
    let imported = read(&path, Format::Table, &ReadOptions::new(Stimuli::Count(3))).unwrap();
    let near = |a: StimulusId, b: StimulusId| -f64::from(a.0.abs_diff(b.0));
    for reference in [
        Reference::Itself,
        Reference::Similarity(&near),
        Reference::Choices(&imported.table.choices),
    ] {
        let detection = detect(&imported, reference);
        assert_eq!((detection.odd, detection.base), (None, None));
        assert!(
            detection.to_string().contains("no row holds a choice"),
            "{detection}"
        );
    }
}
