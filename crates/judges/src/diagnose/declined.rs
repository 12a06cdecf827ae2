//! Which trials ended without a choice, and are they spread evenly over the stimuli?

use super::finding::percent;
use super::{Evidence, Finding, Severity};
use emotome_stats::interval::wilson;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_triplets::Outcome;
use statrs::distribution::{Binomial, DiscreteCDF};

const REFUSED: fn(Outcome) -> bool = |o| matches!(o, Outcome::Refused);
const UNCLEAR: fn(Outcome) -> bool = |o| matches!(o, Outcome::Invalid | Outcome::Ambiguous);
const FAILED: fn(Outcome) -> bool = |o| matches!(o, Outcome::Failed | Outcome::TimedOut);

pub(super) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    vec![
        rate(
            evidence,
            "refusals",
            "were refused",
            REFUSED,
            "refused trials are missing not at random: report them by category, and how the result changes \
             without the stimuli concerned; never fill them in",
        ),
        by_stimulus(evidence, "refusals-by-stimulus", "refused", REFUSED),
        rate(
            evidence,
            "unclear-answers",
            "had no answer in the asked form, or several",
            UNCLEAR,
            "read some of the raw replies; ask again with a short constrained form, or score the answer \
             tokens instead of parsing text",
        ),
        by_stimulus(
            evidence,
            "unclear-by-stimulus",
            "left without a clear answer",
            UNCLEAR,
        ),
        rate(
            evidence,
            "failures",
            "failed or timed out for reasons outside the agent",
            FAILED,
            "collect them again",
        ),
        by_stimulus(
            evidence,
            "failures-by-stimulus",
            "lost to failures or time limits",
            FAILED,
        ),
    ]
}

fn rate(
    evidence: &Evidence<'_>,
    name: &'static str,
    what: &str,
    of: fn(Outcome) -> bool,
    advice: &str,
) -> Finding {
    let total = evidence.judged.len() as f64;
    let count = evidence
        .judged
        .iter()
        .filter(|(_, outcome)| of(*outcome))
        .count() as f64;
    let share = count / total;
    let severity = match share {
        0.0 => Severity::Fine,
        _ if share < evidence.params.missing => Severity::Note,
        _ if share < evidence.params.missing_large => Severity::Warning,
        _ => Severity::Serious,
    };
    Finding::new(
        name,
        severity,
        share,
        format!("{count} of {total} trials ({}) {what}", percent(share)),
    )
    .interval(wilson(count, total, 0.95))
    .expected(0.0)
    .advise(advice)
}

/// Tests each stimulus against the overall rate (binomial, upper tail), with control of the
/// false-discovery rate over stimuli.
fn by_stimulus(
    evidence: &Evidence<'_>,
    name: &'static str,
    what: &str,
    of: fn(Outcome) -> bool,
) -> Finding {
    let n = evidence.n_stimuli;
    let (mut shown, mut missing) = (vec![0_u64; n], vec![0_u64; n]);
    let mut without = 0_u64;
    for &row in &evidence.distinct {
        let (trial, outcome) = evidence.row(row);
        let counts = of(*outcome);
        without += u64::from(counts);
        for id in trial.triplet.items() {
            shown[id.index()] += 1;
            missing[id.index()] += u64::from(counts);
        }
    }
    let overall = without as f64 / evidence.distinct.len() as f64;
    let p: Vec<f64> = (0..n)
        .map(|i| match (shown[i], missing[i]) {
            (0, _) => f64::NAN,
            (_, 0) => 1.0,
            (shown, missing) => {
                Binomial::new(overall, shown).map_or(f64::NAN, |binomial| binomial.sf(missing - 1))
            }
        })
        .collect();
    let adjusted = benjamini_hochberg(&p);
    let share = |i: usize| missing[i] as f64 / shown[i] as f64;
    let mut flagged: Vec<usize> = (0..n)
        .filter(|&i| adjusted[i] <= evidence.params.alpha)
        .collect();
    flagged.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then(a.cmp(&b)));
    let severity = match flagged.first() {
        None => Severity::Fine,
        Some(&worst) if share(worst) < 0.5 => Severity::Warning,
        Some(_) => Severity::Serious,
    };
    let listed: Vec<String> = flagged
        .iter()
        .take(10)
        .map(|&i| format!("{i}: {}", percent(share(i))))
        .collect();
    let explanation = if flagged.is_empty() {
        format!(
            "no stimulus was {what} more often than the overall {}",
            percent(overall)
        )
    } else {
        format!(
            "{} of {n} stimuli were {what} more often than the overall {} (false-discovery rate {}); {}{}",
            flagged.len(),
            percent(overall),
            evidence.params.alpha,
            listed.join(", "),
            if flagged.len() > listed.len() {
                ", …"
            } else {
                ""
            }
        )
    };
    let smallest = adjusted
        .iter()
        .copied()
        .filter(|p| !p.is_nan())
        .fold(1.0, f64::min);
    Finding::new(name, severity, flagged.len() as f64, explanation)
        .expected(0.0)
        .p(smallest)
        .stimuli(flagged.iter().map(|&i| i as u32).collect())
        .advise(
            "choices about these stimuli are missing not at random: report them as a list, check that the \
             agent can open them, and show that the result holds without them",
        )
}
