//! Does the place at which a stimulus is shown decide whether it is called odd?

use super::finding::{p_text, percent};
use super::{DiagnoseParams, Finding, Judged, Severity};
use emotome_stats::distribution::chi_squared_sf;
use emotome_stats::interval::wilson;

/// Independent trials below which shares are not tested.
const NEEDED: f64 = 100.0;

const PLACES: [&str; 3] = ["first", "second", "third"];

/// Orders shown and places called odd, one showing a triplet.
#[derive(Debug, Default)]
pub(super) struct Tally {
    orders: [f64; 6],
    places: [f64; 3],
}

impl Tally {
    pub(super) fn push(&mut self, (trial, outcome): &Judged) {
        self.orders[usize::from(trial.triplet.order_code())] += 1.0;
        if let Some(place) = outcome.chosen() {
            self.places[place.index()] += 1.0;
        }
    }

    pub(super) fn findings(&self, params: &DiagnoseParams) -> Vec<Finding> {
        let orders = presentation_order(params, self.orders);
        let balanced = orders.severity < Severity::Warning;
        vec![orders, position_shares(params, self.places, balanced)]
    }

    /// Choices of each place.
    pub(super) fn places(&self) -> [u64; 3] {
        self.places.map(|count| count as u64)
    }
}

/// Pearson's χ² against equal shares, and its p-value.
pub(super) fn equal_shares(counts: &[f64]) -> (f64, f64) {
    let expected = counts.iter().sum::<f64>() / counts.len() as f64;
    let chi2 = counts
        .iter()
        .map(|c| (c - expected).powi(2) / expected)
        .sum();
    (chi2, chi_squared_sf(chi2, counts.len() as f64 - 1.0))
}

fn presentation_order(params: &DiagnoseParams, counts: [f64; 6]) -> Finding {
    let name = "presentation-order";
    let total: f64 = counts.iter().sum();
    if total < NEEDED {
        return Finding::untested(
            name,
            format!("only {total} distinct triplets, {NEEDED} are needed"),
            "judge more trials",
        );
    }
    let (chi2, p) = equal_shares(&counts);
    let largest = counts.iter().copied().fold(0.0, f64::max) / total;
    let severity = params.severity_of_departure(p, largest - 1.0 / 6.0);
    let explanation = format!(
        "the commonest of the six orders of a triplet (by id) makes up {} of {total} distinct triplets, \
         16.7 % expected (χ²(5) = {chi2:.1}, {})",
        percent(largest),
        p_text(p)
    );
    Finding::new(name, severity, largest, explanation).n(total).expected(1.0 / 6.0).p(p).advise(
        "show every triplet in one of its six orders at random; until then a preference for a place \
         cannot be told from similarity",
    )
}

fn position_shares(params: &DiagnoseParams, counts: [f64; 3], balanced: bool) -> Finding {
    let name = "position-shares";
    let total: f64 = counts.iter().sum();
    if total < NEEDED {
        return Finding::untested(
            name,
            format!("only {total} choices on distinct triplets, {NEEDED} are needed"),
            "judge more trials",
        );
    }
    let (chi2, p) = equal_shares(&counts);
    let shares = counts.map(|c| c / total);
    let worst = (0..3)
        .max_by(|&a, &b| {
            (shares[a] - 1.0 / 3.0)
                .abs()
                .total_cmp(&(shares[b] - 1.0 / 3.0).abs())
        })
        .unwrap_or(0);
    let severity = params.severity_of_departure(p, (shares[worst] - 1.0 / 3.0).abs());
    let listed: Vec<String> = (0..3)
        .map(|k| {
            let ci = wilson(counts[k], total, 0.95);
            format!(
                "{} {} [{:.1}–{:.1}]",
                PLACES[k],
                percent(shares[k]),
                100.0 * ci.low,
                100.0 * ci.high
            )
        })
        .collect();
    let mut explanation = format!(
        "the odd one out stood {} of the time in {total} distinct triplets, 33.3 % expected each \
         (χ²(2) = {chi2:.1}, {})",
        listed.join(", "),
        p_text(p)
    );
    let advice = if shares[worst] == 1.0 {
        "the agent always answers the same place, and says nothing about the stimuli; ask all six orders and \
         average where it gives probabilities. (Or this is a file of choices that stores the odd item at a fixed \
         place, so that the presented order is lost: then no check of order says anything about the agent.)"
    } else if !balanced {
        explanation.push_str("; the orders are not balanced, so this may be similarity");
        "balance the orders of presentation first"
    } else {
        "show each triplet in several orders and average (ask all six where the agent gives \
         probabilities), or shorten the prompt; fitted as they are, such choices dilute similarity"
    };
    Finding::new(name, severity, shares[worst], explanation)
        .interval(wilson(counts[worst], total, 0.95))
        .n(total)
        .expected(1.0 / 3.0)
        .p(p)
        .advise(advice)
}
