//! Is an answer left over from the trial before?

use super::finding::{p_text, percent};
use super::{Evidence, Finding, Severity};
use emotome_stats::distribution::normal_cdf;
use emotome_triplets::design::rank::triplet_count;
use statrs::distribution::{DiscreteCDF, Poisson};

/// Pairs of successive choices below which nothing is tested.
const NEEDED: f64 = 100.0;

pub(super) fn findings(evidence: &Evidence<'_>) -> Vec<Finding> {
    vec![serial_dependence(evidence), repeated_rows(evidence)]
}

/// The rows of successive trials of the same collector.
fn successive<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = (u32, u32)> + 'a {
    let lane = |row| evidence.row(row).0.number % evidence.params.shards;
    let pairs = evidence.in_time.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(move |&(a, b)| lane(a) == lane(b))
}

/// Tests `Σ d_t·d_{t+1}`, where d_t is the indicator of the place answered less its mean.
///
/// Trials in succession that share a stimulus are left out: their answers may rightly agree. Each
/// triplet counts once as the later of two, or repeats of one sequence would count as many. Under
/// independence the products are uncorrelated with mean 0 and variance tr Σ², Σ = diag(p) − p pᵀ.
fn serial_dependence(evidence: &Evidence<'_>) -> Finding {
    let name = "serial-dependence";
    let mut table = [[0.0_f64; 3]; 3];
    let mut sharing = 0_u64;
    let mut counts = vec![false; evidence.judged.len()];
    evidence
        .distinct
        .iter()
        .for_each(|&row| counts[row as usize] = true);
    for (earlier, later) in successive(evidence).filter(|&(_, later)| counts[later as usize]) {
        let ((a, before), (b, after)) = (evidence.row(earlier), evidence.row(later));
        let (Some(before), Some(after)) = (before.chosen(), after.chosen()) else {
            continue;
        };
        if b.triplet
            .items()
            .iter()
            .any(|id| a.triplet.items().contains(id))
        {
            sharing += 1;
        } else {
            table[before.index()][after.index()] += 1.0;
        }
    }
    let total: f64 = table.iter().flatten().sum();
    if total < NEEDED {
        return Finding::untested(
            name,
            format!(
                "only {total} successive choices on different stimuli ({sharing} more share one)"
            ),
            "collect the trials of a design in random order",
        );
    }
    let mut shares = [0.0; 3];
    for (i, row) in table.iter().enumerate() {
        for (j, count) in row.iter().enumerate() {
            shares[i] += count / (2.0 * total);
            shares[j] += count / (2.0 * total);
        }
    }
    let power = |k: i32| shares.iter().map(|p: &f64| p.powi(k)).sum::<f64>();
    let chance = power(2);
    let same = (0..3).map(|k| table[k][k]).sum::<f64>() / total;
    let spread = (power(2) - 2.0 * power(3) + chance.powi(2)) / total;
    let p = if spread > 0.0 {
        normal_cdf((chance - same) / spread.sqrt())
    } else {
        f64::NAN
    };
    if p.is_nan() {
        return Finding::untested(
            name,
            "every answer stands at the same place",
            "see position-shares",
        );
    }
    let severity = evidence.severity_of_departure(p, same - chance);
    let mut explanation = format!(
        "an answer stands at the same place as the one before in {} of {total} successive trials, {} \
         expected ({})",
        percent(same),
        percent(chance),
        p_text(p)
    );
    if severity > Severity::Fine {
        let stale = percent((same - chance) / (1.0 - chance));
        explanation.push_str(&format!(
            "; if stale answers are the cause, they make up about {stale}"
        ));
    }
    Finding::new(name, severity, same, explanation)
        .expected(chance)
        .p(p)
        .advise(
            "look for replies that could not be parsed and for what the collector stored then; a stale \
             variable that keeps the previous answer does this. Store such trials as invalid and ask again",
        )
}

/// Counts successive trials that are equal in presented order, replicate and answer.
fn repeated_rows(evidence: &Evidence<'_>) -> Finding {
    let (mut total, mut equal) = (0.0, 0.0);
    for (earlier, later) in successive(evidence) {
        let ((a, before), (b, after)) = (evidence.row(earlier), evidence.row(later));
        total += 1.0;
        let same = before.chosen().is_some() && before == after && a.triplet == b.triplet;
        equal += f64::from(u8::from(same && a.replicate == b.replicate));
    }
    let name = "repeated-rows";
    if total == 0.0 {
        return Finding::untested(name, "there is one trial only", "judge more trials");
    }
    // By chance: the same triplet in the same order, drawn twice in succession.
    let expected = total / (6.0 * triplet_count(evidence.n_stimuli as u64) as f64);
    let p = if equal == 0.0 {
        1.0
    } else {
        Poisson::new(expected).map_or(f64::NAN, |poisson| poisson.sf(equal as u64 - 1))
    };
    let severity = match evidence.severity_of_departure(p, equal / total) {
        // Rows written twice are never a matter of taste, however few.
        Severity::Note => Severity::Warning,
        other => other,
    };
    let explanation = format!(
        "{equal} of {total} trials repeat the row before them, order and answer included; {expected:.2} expected \
         by chance ({})",
        p_text(p)
    );
    Finding::new(name, severity, equal / total, explanation).expected(expected / total).p(p).advise(
        "the collector wrote a row twice, for instance because a variable kept its value when a reply \
         could not be parsed: drop the second of each pair and mend the collector",
    )
}
