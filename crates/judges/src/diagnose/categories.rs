//! Are trials without a choice missing at random with respect to what the stimuli are?

use super::declined::{Missing, Without};
use super::finding::{Finding, Severity, p_text, percent};
use super::{DiagnoseError, DiagnoseParams};
use emotome_stats::correlation::{fisher_r, fisher_z, spearman};
use emotome_stats::distribution::{normal_quantile, student_t_two_sided};
use emotome_stats::interval::{Interval, wilson};
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::{CounterRng, Seed};
use rayon::prelude::*;
use serde::Serialize;

/// What is known of the stimuli.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// Whether a stimulus belongs to a category, by stimulus.
    Flag(Vec<bool>),
    /// A rating, by stimulus; NaN where it has none.
    Rating(Vec<f64>),
}

/// Missing choices against one attribute of the stimuli. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategoryMissing {
    /// The attribute.
    pub category: String,
    /// Why trials have no choice.
    pub reason: Without,
    /// Stimuli that have the flag, or a rating.
    pub stimuli: u64,
    /// Showings of stimuli with the flag, or of all rated stimuli.
    pub shown: u64,
    /// Of these, showings in a trial without a choice, as a share.
    pub missing: f64,
    /// Its 95 % interval (Wilson), showings taken as independent.
    pub ci95: Interval,
    /// The share for the other stimuli; `null` for ratings.
    pub missing_elsewhere: Option<f64>,
    /// For flags the difference of the mean shares of stimuli with and without it, for ratings
    /// Spearman's ρ of rating and share over stimuli.
    pub effect: f64,
    /// The difference of the mean shares of stimuli with and without the flag, or of the half of them with
    /// the higher ratings and the other half.
    pub difference: f64,
    /// 95 % interval of ρ (Fisher, with the variance of Bonett & Wright 2000); `null` for flags.
    pub effect_ci95: Option<Interval>,
    /// Two-sided p: of a permutation of the flag over stimuli, or of ρ by Student's t.
    pub p: f64,
    /// Adjusted over all rows by Benjamini and Hochberg.
    pub p_adjusted: f64,
}

/// Random relabellings that differ as much after which no more are drawn, and rounds of them at most.
const ENOUGH: u64 = 10;
const ROUNDS: u64 = 16;

/// Stimuli below which an attribute is not tested, on either side.
const NEEDED: usize = 3;

/// Compares missing choices between stimuli with and without a flag, or along a rating.
///
/// The stimulus is the unit: its share of trials without a choice is compared, so that one stimulus that
/// always fails is one value, however often it was shown. Reasons for which no choice is missing, and
/// attributes with too few stimuli, have no row. Attributes have one value a stimulus, or are refused.
///
/// # Errors
/// [`DiagnoseError::Attribute`].
pub fn missing_by_category(
    missing: &Missing,
    attributes: &[(String, Attribute)],
    params: &DiagnoseParams,
) -> Result<Vec<CategoryMissing>, DiagnoseError> {
    let n = missing.shown().len();
    let mut rows = Vec::new();
    for (name, attribute) in attributes {
        let found = match attribute {
            Attribute::Flag(flags) => flags.len(),
            Attribute::Rating(values) => values.len(),
        };
        if found != n {
            return Err(DiagnoseError::Attribute {
                name: name.clone(),
                found,
                n,
            });
        }
        for reason in Without::ALL {
            let counts = missing.without(reason);
            if counts.iter().sum::<u64>() > 0 {
                rows.extend(row(
                    name,
                    attribute,
                    reason,
                    missing.shown(),
                    counts,
                    params,
                ));
            }
        }
    }
    let p: Vec<f64> = rows.iter().map(|row| row.p).collect();
    for (row, adjusted) in rows.iter_mut().zip(benjamini_hochberg(&p)) {
        row.p_adjusted = adjusted;
    }
    Ok(rows)
}

fn row(
    name: &str,
    attribute: &Attribute,
    reason: Without,
    shown: &[u64],
    counts: &[u64],
    params: &DiagnoseParams,
) -> Option<CategoryMissing> {
    let known = |i: &usize| match attribute {
        Attribute::Flag(_) => shown[*i] > 0,
        Attribute::Rating(values) => shown[*i] > 0 && values[*i].is_finite(),
    };
    let stimuli: Vec<usize> = (0..shown.len()).filter(known).collect();
    let share = |i: &usize| counts[*i] as f64 / shown[*i] as f64;
    let total = |ids: &[usize], of: &[u64]| ids.iter().map(|&i| of[i]).sum::<u64>();
    let shares: Vec<f64> = stimuli.iter().map(share).collect();
    let (group, elsewhere, effect, effect_ci95, difference, p) = match attribute {
        Attribute::Flag(flags) => {
            let (with, others): (Vec<usize>, Vec<usize>) = stimuli.iter().partition(|&&i| flags[i]);
            if with.len().min(others.len()) < NEEDED {
                return None;
            }
            let seed = Seed(params.seed).derive(name).child(reason as u64);
            let marked: Vec<f64> = with.iter().map(share).collect();
            let (effect, p) = permutation(&shares, &marked, params.permutations, seed);
            let elsewhere = total(&others, counts) as f64 / total(&others, shown) as f64;
            (with, Some(elsewhere), effect, None, effect, p)
        }
        Attribute::Rating(values) => {
            let rated: Vec<f64> = stimuli.iter().map(|&i| values[i]).collect();
            let rho = spearman(&rated, &shares);
            let n = rated.len() as f64;
            if rated.len() < 10 || rho.is_nan() {
                return None;
            }
            let p = student_t_two_sided(rho * ((n - 2.0) / (1.0 - rho * rho)).sqrt(), n - 2.0);
            let half = normal_quantile(0.975) * ((1.0 + rho * rho / 2.0) / (n - 3.0)).sqrt();
            let ci = Interval {
                low: fisher_r(fisher_z(rho) - half),
                high: fisher_r(fisher_z(rho) + half),
            };
            let mut order: Vec<usize> = (0..rated.len()).collect();
            order.sort_by(|&a, &b| rated[a].total_cmp(&rated[b]));
            let mean =
                |half: &[usize]| half.iter().map(|&i| shares[i]).sum::<f64>() / half.len() as f64;
            let (lower, upper) = order.split_at(order.len() / 2);
            (stimuli, None, rho, Some(ci), mean(upper) - mean(lower), p)
        }
    };
    let (missed, seen) = (total(&group, counts) as f64, total(&group, shown));
    Some(CategoryMissing {
        category: name.to_owned(),
        reason,
        stimuli: group.len() as u64,
        shown: seen,
        missing: missed / seen as f64,
        ci95: wilson(missed, seen as f64, 0.95),
        missing_elsewhere: elsewhere,
        effect,
        effect_ci95,
        difference,
        p,
        p_adjusted: f64::NAN,
    })
}

/// The mean of `marked` less that of all others in `values`, and how often as many random values differ
/// as much. O(draws · values).
///
/// Random values are drawn in rounds until ten of them, or sixteen rounds, are done (Besag & Clifford 1991,
/// doi:10.1093/biomet/78.2.301): p-values are adjusted for many categories and must be able to be small.
fn permutation(values: &[f64], marked: &[f64], permutations: u32, seed: Seed) -> (f64, f64) {
    let (n, m) = (values.len(), marked.len());
    let total: f64 = values.iter().sum();
    let difference = |sum: f64| sum / m as f64 - (total - sum) / (n - m) as f64;
    let observed = difference(marked.iter().sum());
    // Sums in another order differ in their last digits.
    let limit = observed.abs() * (1.0 - 1e-9);
    let round = u64::from(permutations) * 10;
    let (mut draws, mut extreme) = (0, 0);
    while extreme < ENOUGH && draws < ROUNDS * round {
        extreme += (draws..draws + round)
            .into_par_iter()
            .map_init(
                || (0..n as u32).collect::<Vec<u32>>(),
                |ids, replicate| {
                    ids.iter_mut().zip(0..).for_each(|(id, i)| *id = i);
                    let mut rng = CounterRng::new(seed, replicate);
                    let sum: f64 = (0..m)
                        .map(|k| {
                            let other = k + rng.below((n - k) as u64) as usize;
                            ids.swap(k, other);
                            values[ids[k] as usize]
                        })
                        .sum();
                    u64::from(difference(sum).abs() >= limit)
                },
            )
            .sum::<u64>();
        draws += round;
    }
    (observed, (1 + extreme) as f64 / (1 + draws) as f64)
}

/// Whether any attribute goes with missing choices, as a finding.
#[must_use]
pub fn category_finding(rows: &[CategoryMissing], params: &DiagnoseParams) -> Finding {
    let name = "missing-by-category";
    let worst = rows
        .iter()
        .filter(|row| !row.p_adjusted.is_nan())
        .min_by(|a, b| a.p_adjusted.total_cmp(&b.p_adjusted));
    let Some(worst) = worst else {
        return Finding::untested(
            name,
            "no choice is missing, or nothing is known of the stimuli",
            "give the study with its ratings or flags",
        );
    };
    let found: Vec<&CategoryMissing> = rows
        .iter()
        .filter(|row| row.p_adjusted <= params.alpha)
        .collect();
    // A correlation is no share: what counts is how much more often choices are missing.
    let sizes = found.iter().map(|row| row.difference.abs());
    let size = sizes.fold(0.0, f64::max);
    let severity = params.severity_of_departure(worst.p_adjusted, size);
    let listed: Vec<String> = found
        .iter()
        .take(5)
        .map(|row| {
            let reason = match row.reason {
                Without::Refused => "refused",
                Without::Unclear => "unclear",
                Without::Failed => "failed",
            };
            match row.missing_elsewhere {
                Some(other) => format!(
                    "{}: {} {reason}, {} elsewhere",
                    row.category,
                    percent(row.missing),
                    percent(other)
                ),
                None => format!(
                    "{}: {reason} more with higher ratings (ρ = {:+.2}; {} between the halves)",
                    row.category,
                    row.effect,
                    percent(row.difference.abs())
                )
                .replace(if row.effect < 0.0 { "higher" } else { "\0" }, "lower"),
            }
        })
        .collect();
    let explanation = if found.is_empty() {
        format!(
            "no flag or rating of the stimuli goes with missing choices ({} comparisons, smallest adjusted {})",
            rows.len(),
            p_text(worst.p_adjusted)
        )
    } else {
        format!(
            "{} of {} comparisons of flags and ratings with missing choices stand out; {}{}",
            found.len(),
            rows.len(),
            listed.join("; "),
            if found.len() > listed.len() {
                "; …"
            } else {
                ""
            }
        )
    };
    let finding = Finding::new(name, severity, found.len() as f64, explanation)
        .n(rows.len() as f64)
        .expected(0.0)
        .p(worst.p_adjusted);
    debug_assert!(finding.severity != Severity::Untested);
    finding.advise(
        "choices are missing not at random: what these stimuli are about is under-represented in everything \
         fitted to the choices; report it, and show that results hold without these stimuli",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn permutations_correlations_and_adjusted_tails_are_those_of_scipy() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/qc.json")).unwrap();
        let case = &fixture["missing"];
        let list = |name: &str| case[name].as_array().unwrap();
        let counts = |name| list(name).iter().map(|v| v.as_u64().unwrap()).collect();
        let mut missing = Missing::new(60);
        missing.shown = counts("shown");
        missing.without[Without::Refused as usize] = counts("lost");
        let flag = list("flag").iter().map(|v| v == true).collect();
        let rating = list("rating").iter().map(|v| v.as_f64().unwrap());
        let attributes = [
            ("flag".to_owned(), Attribute::Flag(flag)),
            ("rating".to_owned(), Attribute::Rating(rating.collect())),
        ];
        let rows = missing_by_category(&missing, &attributes, &DiagnoseParams::default()).unwrap();
        let value = |name: &str| case[name].as_f64().unwrap();
        let near = |found: f64, expected: f64, within: f64| {
            assert!(
                (found - expected).abs() <= within,
                "{found}, expected {expected}"
            );
        };
        assert_eq!(rows.len(), 2);
        near(rows[0].effect, value("difference"), 1e-12);
        // Of 19,990 and 99,999 random relabellings: three standard errors.
        near(rows[0].p, value("difference_p"), 0.0075);
        near(rows[1].effect, value("rho"), 1e-12);
        near(rows[1].p / value("rho_p"), 1.0, 1e-8);
        let ci = rows[1].effect_ci95.unwrap();
        near(ci.low, case["rho_ci95"][0].as_f64().unwrap(), 1e-9);
        near(ci.high, case["rho_ci95"][1].as_f64().unwrap(), 1e-9);
        let adjusted = missing.adjusted(missing.without(Without::Refused));
        for (found, expected) in adjusted.iter().zip(list("by_stimulus")) {
            near(*found, expected.as_f64().unwrap(), 1e-10);
        }
    }
}
