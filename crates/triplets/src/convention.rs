//! Which column of a file is odd and where its ids start: stated by the user, tested on the data.
//!
//! Files of odd-one-out choices look alike and differ in both. A wrong guess trains and scores
//! without an error and means the opposite, so [`detect`] compares every hypothesis with the data.

mod file_rows;
mod pair_effect;

use crate::formats::Imported;
use crate::trial::{ChoiceSet, Position, UnorderedTriplet};
use emotome_stats::interval::{Interval, normal, wilson};
use emotome_stats::summary::{mean, standard_deviation};
use emotome_stimuli::StimulusId;
use file_rows::FileRows;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// The number from which a file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Base {
    /// From 0, as Python does.
    #[serde(rename = "0")]
    Zero,
    /// From 1, as MATLAB and R do.
    #[serde(rename = "1")]
    One,
}

impl Base {
    /// The first number.
    #[must_use]
    pub const fn offset(self) -> i64 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offset().fmt(f)
    }
}

impl FromStr for Base {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "0" => Ok(Self::Zero),
            "1" => Ok(Self::One),
            _ => Err(format!("base {name:?} found; files count from 0 or from 1")),
        }
    }
}

/// Where a row says which item is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OddColumn {
    /// The first item is odd.
    First,
    /// The second item is odd.
    Second,
    /// The third item is odd.
    Third,
    /// A column of its own has the place of the odd item, counted from this base.
    Choice(Base),
}

impl fmt::Display for OddColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Choice(Base::One) => "choice",
            Self::Choice(Base::Zero) => "choice-from-0",
        })
    }
}

impl FromStr for OddColumn {
    type Err = String;

    /// The column of a flag: `first`, `second`, `third` (or `last`), `choice` (a column with the
    /// place counted from 1) or `choice-from-0`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "first" => Ok(Self::First),
            "second" => Ok(Self::Second),
            "third" | "last" => Ok(Self::Third),
            "choice" => Ok(Self::Choice(Base::One)),
            "choice-from-0" => Ok(Self::Choice(Base::Zero)),
            _ => Err(format!(
                "odd column {name:?} is unknown; expected first, second, third, last, choice or choice-from-0"
            )),
        }
    }
}

/// Which column is odd and from where ids count; the layout of the columns is the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Convention {
    /// Where a row says which item is odd.
    pub odd: OddColumn,
    /// The number of the first stimulus.
    pub base: Base,
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "odd = {}, ids from {}", self.odd, self.base)
    }
}

/// Rows looked at with a reference, and without one (where fits are needed); spread over the file.
const MAX_ROWS: [usize; 2] = [200_000, 60_000];
/// Standard errors by which a hypothesis must lead. Rows share items and are not independent,
/// hence more than the usual two.
const LEAD: f64 = 4.0;
/// How much more than its rivals the true column must explain without a reference.
///
/// The column of the odd item informs about the row; each other column is that information passed
/// through a coin toss, which leaves it a quarter (weak preferences) to three eighths (certain
/// ones), and half where rows are sorted by id. Anchored comparisons come out at about 1.
const RATIO: f64 = 1.5;

/// What the data are compared with.
#[derive(Clone, Copy)]
pub enum Reference<'a> {
    /// Similarities of all stimuli from elsewhere, e.g. the rows of an embedding: the pair with the
    /// highest leaves the odd one; exact ties and NaN are not scored. Asked about any two ids below
    /// the number of stimuli.
    Similarity(&'a (dyn Fn(StimulusId, StimulusId) -> f64 + Sync)),
    /// Choices of known convention on some of the same triplets; their majority counts.
    Choices(&'a ChoiceSet),
    /// Nothing: how well one part of the file predicts the other. Cannot tell the base.
    Itself,
}

/// How well one hypothesis fits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// The hypothesis.
    #[serde(flatten)]
    pub convention: Convention,
    /// The rows that could be scored.
    pub rows: u64,
    /// The rows whose ids are out of range under the hypothesis.
    pub impossible: u64,
    /// The share of scored rows whose odd item is the one expected; chance is 1/3.
    pub accuracy: f64,
    /// 95 % interval of the accuracy (Wilson).
    pub accuracy_ci95: Interval,
    /// Without a reference: held-out information in bits per row that similarity between stimuli
    /// adds to their single odd rates.
    pub gain_bits: Option<f64>,
    /// 95 % interval of the gain.
    pub gain_ci95: Option<Interval>,
}

/// What the data say about their convention.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detection {
    /// Every hypothesis, the best first.
    pub scores: Vec<Score>,
    /// The column of the odd item, where decidable.
    pub odd: Option<OddColumn>,
    /// The base, where decidable.
    pub base: Option<Base>,
    /// The lowest and highest id, as the file counts.
    pub id_range: (u32, u32),
    /// The number of stimuli.
    pub n_stimuli: usize,
    /// What could not be decided, and why.
    pub undecided: Option<String>,
}

impl Detection {
    /// Whether the data contradict a stated convention; what is undecidable contradicts nothing.
    #[must_use]
    pub fn contradicts(&self, stated: Convention) -> bool {
        self.odd.is_some_and(|odd| odd != stated.odd)
            || self.base.is_some_and(|base| base != stated.base)
    }
}

impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, score) in self.scores.iter().enumerate() {
            let Interval { low, high } = score.accuracy_ci95;
            write!(
                f,
                "{}{}: ",
                if at > 0 { "; " } else { "" },
                score.convention
            )?;
            if score.rows == 0 {
                f.write_str("no row can be scored")?;
            } else {
                write!(
                    f,
                    "{:.1} % [{:.1}, {:.1}] of {} rows as expected",
                    score.accuracy * 100.0,
                    low * 100.0,
                    high * 100.0,
                    score.rows
                )?;
            }
            if let (Some(gain), Some(ci)) = (score.gain_bits, score.gain_ci95) {
                write!(
                    f,
                    ", held-out gain {gain:.4} [{:.4}, {:.4}] bits",
                    ci.low, ci.high
                )?;
            }
            if score.impossible > 0 {
                write!(f, ", {} rows out of range", score.impossible)?;
            }
        }
        let (low, high) = self.id_range;
        write!(
            f,
            "; ids run from {low} to {high} for {} stimuli",
            self.n_stimuli
        )?;
        let odd = self.odd.map(|odd| format!("--odd {odd}"));
        let base = self.base.map(|base| format!("--base {base}"));
        let flags: Vec<String> = odd.into_iter().chain(base).collect();
        if !flags.is_empty() {
            write!(f, "; use `{}`", flags.join(" "))?;
        }
        self.undecided
            .as_ref()
            .map_or(Ok(()), |why| write!(f, "; {why}"))
    }
}

/// Tests which column is odd and where ids start, on at most 200,000 rows spread over the file.
///
/// With a reference, the share of rows whose odd item is the one expected is compared over three
/// columns and two bases. Without one, a similarity between stimuli is fitted under each column to
/// two thirds of the triplets and asked about the rest (see the source for the model); the base then
/// shows only if some id excludes the other one. A hypothesis is decided for when it leads every
/// rival by 4 standard errors of the paired difference; "not decidable" is an honest outcome for
/// small files, and contradicts no flag.
///
/// O(rows) with a reference; O(rows · 10 · 15) without, well under a second on two cores.
#[must_use]
pub fn detect(imported: &Imported, reference: Reference<'_>) -> Detection {
    let by_itself_only = matches!(reference, Reference::Itself);
    let rows = FileRows::sample(
        imported,
        MAX_ROWS[usize::from(by_itself_only)],
        by_itself_only,
    );
    let mut detection = Detection {
        scores: Vec::new(),
        odd: None,
        base: None,
        id_range: imported.id_range,
        n_stimuli: rows.n,
        undecided: None,
    };
    if rows.items.is_empty() {
        detection.undecided = Some("not decidable: no row holds a choice".into());
        return detection;
    }
    let (low, high) = imported.id_range;
    if low == 0 {
        detection.base = Some(Base::Zero);
    } else if high as usize >= rows.n && !imported.n_inferred {
        detection.base = Some(Base::One);
    }
    match reference {
        Reference::Similarity(similarity) => {
            let expected = |base| {
                (0..rows.items.len())
                    .into_par_iter()
                    .map(|row| odd_by_similarity(rows.ids(row, base)?, similarity))
                    .collect()
            };
            by_reference(&rows, expected, &mut detection);
        }
        Reference::Choices(choices) => {
            let majority = majorities(choices);
            let expected = |base| {
                let place = |row| {
                    let ids = rows.ids(row, base)?;
                    let odd = majority
                        .get(&crate::Triplet::new(ids).ok()?.unordered())
                        .copied()
                        .flatten()?;
                    Position::ALL
                        .into_iter()
                        .find(|place| ids[place.index()] == odd)
                };
                (0..rows.items.len()).map(place).collect()
            };
            by_reference(&rows, expected, &mut detection);
        }
        Reference::Itself => by_itself(&rows, &mut detection),
    }
    detection
}

fn odd_by_similarity(
    [a, b, c]: [StimulusId; 3],
    similarity: &(dyn Fn(StimulusId, StimulusId) -> f64 + Sync),
) -> Option<Position> {
    let left_over = [similarity(b, c), similarity(a, c), similarity(a, b)];
    let best = left_over.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut winners = Position::ALL
        .into_iter()
        .filter(|place| left_over[place.index()] == best);
    match (winners.next(), winners.next()) {
        (Some(place), None) if left_over.iter().all(|value| !value.is_nan()) => Some(place),
        _ => None,
    }
}

/// The item most often called odd in each triplet; `None` for a tie.
fn majorities(choices: &ChoiceSet) -> HashMap<UnorderedTriplet, Option<StimulusId>> {
    let mut votes: HashMap<UnorderedTriplet, [u32; 3]> = HashMap::new();
    for choice in choices.choices() {
        let key = choice.triplet.unordered();
        let odd = choice.triplet.at(choice.odd);
        let at = key
            .items()
            .iter()
            .position(|&item| item == odd)
            .unwrap_or_default();
        votes.entry(key).or_default()[at] += 1;
    }
    let winner = |key: &UnorderedTriplet, votes: [u32; 3]| {
        let most = votes.iter().max()?;
        let mut winners = (0..3).filter(|&at| votes[at] == *most);
        match (winners.next(), winners.next()) {
            (Some(at), None) => Some(key.items()[at]),
            _ => None,
        }
    };
    votes
        .into_iter()
        .map(|(key, votes)| (key, winner(&key, votes)))
        .collect()
}

/// Standard errors by which paired hits lead; infinite hits against none count as they are.
fn lead(wins: u64, losses: u64) -> f64 {
    if wins + losses == 0 {
        0.0
    } else {
        (wins as f64 - losses as f64) / ((wins + losses) as f64).sqrt()
    }
}

fn by_reference(
    rows: &FileRows,
    expected: impl Fn(Base) -> Vec<Option<Position>>,
    detection: &mut Detection,
) {
    let mut hits: Vec<(Score, Vec<bool>)> = Vec::new();
    for base in [rows.stated.base, other(rows.stated.base)] {
        let expected = expected(base);
        let scored = expected.iter().flatten().count() as u64;
        for (odd, places) in rows.columns() {
            let hit: Vec<bool> = expected
                .iter()
                .zip(&places)
                .map(|(expected, place)| *expected == Some(*place))
                .collect();
            let count = hit.iter().filter(|&&hit| hit).count() as u64;
            let score = Score {
                convention: Convention { odd, base },
                rows: scored,
                impossible: rows.impossible(base),
                accuracy: count as f64 / scored as f64,
                accuracy_ci95: wilson(count as f64, scored as f64, 0.95),
                gain_bits: None,
                gain_ci95: None,
            };
            hits.push((score, hit));
        }
    }
    // A stable sort: among equals the stated convention stays first.
    let count = |hit: &[bool]| hit.iter().filter(|&&hit| hit).count();
    hits.sort_by_key(|(_, hit)| std::cmp::Reverse(count(hit)));
    let (best, best_hits) = &hits[0];
    let leads = |rival: &[bool]| {
        let wins = best_hits
            .iter()
            .zip(rival)
            .filter(|(best, rival)| **best && !**rival)
            .count() as u64;
        let losses = best_hits
            .iter()
            .zip(rival)
            .filter(|(best, rival)| !**best && **rival)
            .count() as u64;
        lead(wins, losses) >= LEAD
    };
    let rivals = |differs: &dyn Fn(Convention) -> bool| {
        hits.iter()
            .filter(|(score, _)| differs(score.convention))
            .all(|(score, hit)| {
                // The same answers in every row are no rival.
                leads(hit) || (score.convention.base == best.convention.base && hit == best_hits)
            })
    };
    let above_chance = best.accuracy_ci95.low > 1.0 / 3.0;
    if above_chance && rivals(&|rival| rival.odd != best.convention.odd) {
        detection.odd = Some(best.convention.odd);
    }
    if above_chance
        && detection.base.is_none()
        && rivals(&|rival| rival.base != best.convention.base)
    {
        detection.base = Some(best.convention.base);
    }
    if detection.odd.is_none() {
        let most = hits
            .iter()
            .map(|(score, _)| score.rows)
            .max()
            .unwrap_or_default();
        detection.undecided = Some(format!(
            "not decidable: no column of the {most} scored rows leads the others by {LEAD} standard errors"
        ));
    }
    detection.scores = hits.into_iter().map(|(score, _)| score).collect();
}

const fn other(base: Base) -> Base {
    match base {
        Base::Zero => Base::One,
        Base::One => Base::Zero,
    }
}

fn by_itself(rows: &FileRows, detection: &mut Detection) {
    let columns = rows.columns();
    let places: Vec<&[Position]> = columns
        .iter()
        .map(|(_, places)| places.as_slice())
        .collect();
    let fits = pair_effect::held_out(&rows.items, &places);
    let count = rows.items.len() as f64;
    let standard_error = |values: &[f64]| standard_deviation(values) / count.sqrt();
    let mut scored: Vec<(Score, Vec<f64>)> = Vec::new();
    for ((odd, _), fit) in columns.iter().zip(fits) {
        let gain = mean(&fit.gains_bits);
        let score = Score {
            convention: Convention {
                odd: *odd,
                base: rows.stated.base,
            },
            rows: rows.items.len() as u64,
            impossible: 0,
            accuracy: fit.hits / count,
            accuracy_ci95: wilson(fit.hits, count, 0.95),
            gain_bits: Some(gain),
            gain_ci95: Some(normal(gain, standard_error(&fit.gains_bits), 0.95)),
        };
        scored.push((score, fit.gains_bits));
    }
    scored.sort_by(|a, b| {
        b.0.gain_bits
            .partial_cmp(&a.0.gain_bits)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    if let Some(((best, gains), rivals)) = scored.split_first() {
        let gain = best.gain_bits.unwrap_or_default();
        let z = |values: &[f64]| {
            let error = standard_error(values);
            if error > 0.0 {
                mean(values) / error
            } else {
                0.0
            }
        };
        let leads = |(rival, theirs): &(Score, Vec<f64>)| {
            let ahead: Vec<f64> = gains
                .iter()
                .zip(theirs)
                .map(|(ours, theirs)| ours - theirs)
                .collect();
            theirs == gains
                || (z(&ahead) >= LEAD && gain >= RATIO * rival.gain_bits.unwrap_or_default())
        };
        if z(gains) < LEAD {
            detection.undecided = Some(
                "the column is not decidable without a reference: under no hypothesis does one part of the file \
                 predict the other (too few rows per stimulus, or no preferences)"
                    .into(),
            );
        } else if rivals.iter().all(leads) {
            detection.odd = Some(best.convention.odd);
        } else {
            detection.undecided = Some(
                "the column is not decidable without a reference: two columns explain about as much, which \
                 odd-one-out choices never do (are these anchored comparisons, or choices by single items?)"
                    .into(),
            );
        }
    }
    if detection.base.is_none() {
        let note = "the base is not decidable without a reference: the ids fit both";
        detection.undecided = Some(
            detection
                .undecided
                .take()
                .map_or_else(|| note.into(), |why| format!("{why}; {note}")),
        );
    }
    detection.scores = scored.into_iter().map(|(score, _)| score).collect();
}
