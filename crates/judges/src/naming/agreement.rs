//! How far the names that a model gives a dimension agree, beside what names of other dimensions share.
//!
//! Two names are compared as they are normalised: lower case, split at whatever is neither letter nor digit, stop words
//! (`a, an, and, as, at, by, for, from, in, into, of, on, or, the, their, to, with`) left out unless nothing else is
//! left.
//!
//! - *exact*: the normalised names are equal;
//! - *Jaccard*: shared words / all words of the two;
//! - *similarity*: the cosine of their counts of character trigrams, each word with a blank before and after it, so
//!   that `fear` and `fearful` are alike (0.58) and `fear` and `joy` are not (0). It knows no synonyms: `dread` and
//!   `fear` share nothing. What it gives is a lower bound of the agreement in meaning, and the
//!   [discrimination](super::discrimination) test, which asks what names do, stands beside it.

use emotome_stats::distribution::student_t_quantile;
use emotome_stats::interval::Interval;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Words that tell nothing.
const STOP_WORDS: [&str; 17] = [
    "a", "an", "and", "as", "at", "by", "for", "from", "in", "into", "of", "on", "or", "the",
    "their", "to", "with",
];

/// Fewest names of a dimension with an interval.
const FEWEST: usize = 3;

/// The words of a name that count, in order.
///
/// ```
/// use emotome_judges::naming::agreement::words;
/// assert_eq!(words("The Fear of heights!"), ["fear", "heights"]);
/// assert_eq!(words("At the"), ["at", "the"]);
/// ```
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    let all = lower.split(|c: char| !c.is_alphanumeric());
    let all: Vec<String> = all
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let telling: Vec<String> = all
        .iter()
        .filter(|word| !STOP_WORDS.contains(&word.as_str()))
        .cloned()
        .collect();
    if telling.is_empty() { all } else { telling }
}

/// A name, ready to be compared.
#[derive(Debug, Clone, PartialEq)]
struct Profile {
    words: Vec<String>,
    set: BTreeSet<String>,
    trigrams: BTreeMap<[char; 3], f64>,
    norm: f64,
}

impl Profile {
    fn of(name: &str) -> Self {
        let words = words(name);
        let mut trigrams = BTreeMap::new();
        for word in &words {
            let padded: Vec<char> = [' '].into_iter().chain(word.chars()).chain([' ']).collect();
            for three in padded.windows(3) {
                *trigrams.entry([three[0], three[1], three[2]]).or_default() += 1.0;
            }
        }
        Self {
            set: words.iter().cloned().collect(),
            norm: trigrams.values().map(|n: &f64| n * n).sum::<f64>().sqrt(),
            words,
            trigrams,
        }
    }

    fn jaccard(&self, other: &Self) -> f64 {
        let shared = self.set.intersection(&other.set).count() as f64;
        let all = self.set.union(&other.set).count() as f64;
        if all > 0.0 { shared / all } else { 0.0 }
    }

    fn similarity(&self, other: &Self) -> f64 {
        if self.words == other.words {
            return 1.0;
        }
        let shared =
            |(three, n): (&[char; 3], &f64)| other.trigrams.get(three).map_or(0.0, |m| n * m);
        let dot: f64 = self.trigrams.iter().map(shared).sum();
        if dot > 0.0 {
            (dot / (self.norm * other.norm)).min(1.0)
        } else {
            0.0
        }
    }
}

/// The cosine of the trigram counts of two names, from 0 to 1; 1 if they are equal once normalised.
///
/// ```
/// use emotome_judges::naming::agreement::similarity;
/// assert_eq!(similarity("Fear of heights", "heights, fear"), 1.0);
/// assert_eq!(similarity("fear", "joy"), 0.0);
/// ```
#[must_use]
pub fn similarity(a: &str, b: &str) -> f64 {
    Profile::of(a).similarity(&Profile::of(b))
}

/// How far the names of one dimension agree. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Names compared.
    pub names: usize,
    /// Names that differ once normalised.
    pub distinct: usize,
    /// The share of pairs of names that are equal once normalised.
    pub exact: f64,
    /// The mean Jaccard index of pairs.
    pub jaccard: f64,
    /// The mean similarity of pairs.
    pub similarity: f64,
    /// Its 95 % interval, from three names on: jackknife over repeats, t with as many degrees of freedom as names
    /// less one, cut at 0 and 1. Names that are all equal leave it no width, and no room for surprise: it says
    /// nothing of stimuli or models other than those asked.
    pub interval: Option<Interval>,
    /// Chance level: the mean similarity of these names and those of all other dimensions; none without others.
    pub chance: Option<f64>,
}

/// The agreement of the names of each dimension; `None` where there are fewer than two.
///
/// U = mean over pairs i < j of s(i, j). Its standard error is the jackknife's,
/// √((n − 1)/n · Σᵢ (U₍₋ᵢ₎ − Ū)²) (Arvesen 1969, doi:10.1214/aoms/1177697287). O(N²) for N names in all.
#[must_use]
pub fn agreements(names: &[Vec<String>]) -> Vec<Option<Agreement>> {
    let profiles: Vec<Vec<Profile>> = names
        .iter()
        .map(|names| names.iter().map(|name| Profile::of(name)).collect())
        .collect();
    let of = |(dim, own): (usize, &Vec<Profile>)| {
        let n = own.len();
        if n < 2 {
            return None;
        }
        let mean = |of: &dyn Fn(&Profile, &Profile) -> f64| {
            mean_over_pairs(n, |i, j| of(&own[i], &own[j]))
        };
        let distinct: BTreeSet<&[String]> = own.iter().map(|name| name.words.as_slice()).collect();
        let others = profiles
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != dim)
            .flat_map(|(_, names)| names);
        let (mut sum, mut count) = (0.0, 0_u64);
        for other in others {
            for name in own {
                sum += name.similarity(other);
                count += 1;
            }
        }
        Some(Agreement {
            names: n,
            distinct: distinct.len(),
            exact: mean(&|a, b| f64::from(a.words == b.words)),
            jaccard: mean(&Profile::jaccard),
            similarity: mean(&Profile::similarity),
            interval: (n >= FEWEST).then(|| jackknife(n, |i, j| own[i].similarity(&own[j]))),
            chance: (count > 0).then(|| sum / count as f64),
        })
    };
    profiles.iter().enumerate().map(of).collect()
}

fn mean_over_pairs(n: usize, of: impl Fn(usize, usize) -> f64) -> f64 {
    let pairs = (0..n).flat_map(|j| (0..j).map(move |i| (i, j)));
    pairs.map(|(i, j)| of(i, j)).sum::<f64>() / (n * (n - 1) / 2) as f64
}

fn jackknife(n: usize, of: impl Fn(usize, usize) -> f64) -> Interval {
    let all = mean_over_pairs(n, &of);
    let without = |left: usize| {
        let at = |i: usize| if i < left { i } else { i + 1 };
        mean_over_pairs(n - 1, |i, j| of(at(i), at(j)))
    };
    let parts: Vec<f64> = (0..n).map(without).collect();
    let mean = parts.iter().sum::<f64>() / n as f64;
    let spread: f64 = parts.iter().map(|part| (part - mean).powi(2)).sum();
    let half =
        student_t_quantile(0.05, (n - 1) as f64) * (spread * (n - 1) as f64 / n as f64).sqrt();
    Interval {
        low: (all - half).max(0.0),
        high: (all + half).min(1.0),
    }
}

/// The name that all others are most similar to, taken together: its place, the first of equals. `None` without names.
#[must_use]
pub fn medoid(names: &[String]) -> Option<usize> {
    let profiles: Vec<Profile> = names.iter().map(|name| Profile::of(name)).collect();
    let total = |a: &Profile| profiles.iter().map(|b| a.similarity(b)).sum::<f64>();
    let totals: Vec<f64> = profiles.iter().map(total).collect();
    // Sums of the same similarities in another order may differ in their last bits.
    let better = |best: usize, i: usize| {
        if totals[i] > totals[best] + 1e-9 {
            i
        } else {
            best
        }
    };
    (0..totals.len()).reduce(better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::{CounterRng, Seed};
    use proptest::prelude::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_medoid_is_the_name_most_agree_on() {
        assert_eq!(
            medoid(&owned(&[
                "joy",
                "Open water",
                "water",
                "open waters",
                "the sea"
            ])),
            Some(1)
        );
        assert_eq!(medoid(&owned(&["a b", "c d", "e f"])), Some(0));
        assert_eq!(medoid(&[]), None);
    }

    #[test]
    fn equal_names_agree_wholly_and_stand_beside_chance() {
        let found = agreements(&[
            owned(&["Fear", "the fear", "FEAR!"]),
            owned(&["joy"]),
            owned(&["fearful", "joy"]),
        ]);
        let first = found[0].as_ref().unwrap();
        assert_eq!(
            (first.exact, first.jaccard, first.similarity, first.distinct),
            (1.0, 1.0, 1.0, 1)
        );
        assert_eq!(
            first.interval,
            Some(Interval {
                low: 1.0,
                high: 1.0
            })
        );
        // 9 pairs with another dimension, three of them fear and fearful.
        assert!((first.chance.unwrap() - similarity("fear", "fearful") / 3.0).abs() < 1e-12);
        assert_eq!(found[1], None);
        assert_eq!(found[2].as_ref().unwrap().interval, None);
        assert_eq!(
            agreements(&[owned(&["x", "y"])])[0]
                .as_ref()
                .unwrap()
                .chance,
            None
        );
    }

    /// Names drawn from a vocabulary in which any two share nothing: true similarity = Σ p².
    #[test]
    fn intervals_cover_the_true_agreement_of_drawn_names() {
        let vocabulary = ["fear", "joy", "calm", "lust"];
        for (shares, n) in [
            ([0.4, 0.3, 0.2, 0.1], 5),
            ([0.4, 0.3, 0.2, 0.1], 10),
            ([0.7, 0.3, 0.0, 0.0], 10),
        ] {
            let truth: f64 = shares.iter().map(|p| p * p).sum();
            let covered = (0..1_000)
                .filter(|&study| {
                    let mut rng = CounterRng::new(Seed(5), study);
                    let names: Vec<String> = (0..n)
                        .map(|_| {
                            let u = rng.uniform();
                            let mut sum = 0.0;
                            let at = shares.iter().position(|p| {
                                sum += p;
                                u < sum
                            });
                            vocabulary[at.unwrap_or(3)].to_owned()
                        })
                        .collect();
                    let found = agreements(&[names]);
                    found[0].as_ref().unwrap().interval.unwrap().contains(truth)
                })
                .count();
            println!("{n} names, shares {shares:?}: {covered} of 1000");
            assert!(
                covered >= 860,
                "{covered} of 1000 intervals of {n} names cover {truth}"
            );
        }
    }

    proptest! {
        #[test]
        fn similarities_are_symmetric_and_bounded(a in "\\PC{0,30}", b in "[a-d ]{0,12}") {
            for (a, b) in [(&a, &b), (&b, &a), (&a, &a)] {
                let s = similarity(a, b);
                prop_assert!((0.0..=1.0).contains(&s));
                prop_assert!((s - similarity(b, a)).abs() < 1e-12);
                let (a, b) = (Profile::of(a), Profile::of(b));
                prop_assert!((0.0..=1.0).contains(&a.jaccard(&b)));
            }
        }

        #[test]
        fn the_medoid_does_not_depend_on_case(names in prop::collection::vec("[a-c]{1,3}( [a-c]{1,3})?", 1..8)) {
            let upper: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
            prop_assert_eq!(medoid(&names), medoid(&upper));
        }
    }
}
