//! What the diagnostics are called on the page, and what each number is in plain words.

use emotome_figures::scale::Unit;
use emotome_judges::diagnose::Severity;

/// Title, how the statistic is written, and what it is.
pub(super) fn of(name: &str) -> (&'static str, Unit, &'static str) {
    use Unit::{Percent, Plain};
    match name {
        "presentation-order" => (
            "Balance of orders",
            Percent,
            "The share of the commonest of the six orders in which a triplet can be shown.",
        ),
        "position-shares" => (
            "Preference for a place",
            Percent,
            "How often the stimulus at the most (or least) favoured place is called odd.",
        ),
        "order-dependence" => (
            "Answers that stay at their place",
            Percent,
            "Two answers to one triplet in different orders: how often they point at the same place.",
        ),
        "order-flips" => (
            "Answers that change with the order",
            Percent,
            "Two answers to one triplet in different orders: how often they name different stimuli.",
        ),
        "retest-agreement" => (
            "Repeats in the same order",
            Percent,
            "Two answers to one triplet in one order: how often they agree.",
        ),
        "similarity-structure" => (
            "Answers hang together",
            Plain,
            "How alike a pair of stimuli is judged in different company, as a correlation: 0 for guessing.",
        ),
        "item-marginals" => (
            "One number per stimulus",
            Percent,
            "How much of what is consistently said of pairs follows from one number per stimulus, without comparing.",
        ),
        "serial-dependence" => (
            "Answers like the one before",
            Percent,
            "How often an answer stands at the same place as that of the trial before it.",
        ),
        "time-dependence" => (
            "Answers like the one before in time",
            Percent,
            "How often an answer stands at the same place as the last one before it about other stimuli.",
        ),
        "repeated-rows" => (
            "Rows written twice",
            Percent,
            "How often a row repeats the one before it, order and answer included.",
        ),
        "refusals" => (
            "Refusals",
            Percent,
            "Trials that the agent declined to answer.",
        ),
        "unclear-answers" => (
            "Unclear answers",
            Percent,
            "Trials whose reply held no answer in the asked form, or several.",
        ),
        "failures" => (
            "Failures",
            Percent,
            "Trials that failed or timed out, for reasons outside the agent.",
        ),
        "refusals-by-stimulus" => (
            "Stimuli refused more than others",
            Plain,
            "Stimuli whose trials are refused more often than trials are overall.",
        ),
        "unclear-by-stimulus" => (
            "Stimuli with more unclear answers",
            Plain,
            "Stimuli whose trials are left without a clear answer more often than trials are overall.",
        ),
        "failures-by-stimulus" => (
            "Stimuli that fail more than others",
            Plain,
            "Stimuli whose trials fail more often than trials do overall.",
        ),
        "missing-by-category" => (
            "Choices missing by content",
            Plain,
            "Flags and ratings of the stimuli that go with missing choices.",
        ),
        "drift-positions" => (
            "Drift of the places",
            Percent,
            "The largest fitted change of a place's share from the first to the last window of the collection.",
        ),
        "unsteady-positions" => (
            "Stretches with a preference",
            Percent,
            "How much a place's share varies between windows beyond sampling, as a standard deviation.",
        ),
        "drift-missing" => (
            "Drift of missing choices",
            Percent,
            "The fitted change of the share of trials without a choice from the first to the last window.",
        ),
        "drift-latency" => (
            "Drift of answering times",
            Plain,
            "The time that answers take in the last window, as a multiple of that in the first.",
        ),
        "position-prior" => (
            "Choices decided by the place",
            Percent,
            "Choices that change when each probability is divided by what its place gets whatever is shown there.",
        ),
        _ => ("Other", Plain, ""),
    }
}

/// A severity for a reader in a hurry.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Untested => "Not tested",
        Severity::Fine => "Fine",
        Severity::Note => "Note",
        Severity::Warning => "Warning",
        Severity::Serious => "Serious",
    }
}

/// What a verdict means for the choices of an agent.
pub(super) const fn verdict(severity: Severity) -> &'static str {
    match severity {
        Severity::Untested => "there are too few trials to tell",
        Severity::Fine | Severity::Note => "nothing speaks against using its choices",
        Severity::Warning => "look into the warnings before you rely on its choices",
        Severity::Serious => "its choices should not be used as they are",
    }
}
