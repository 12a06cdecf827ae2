//! What a diagnostic says.

use super::DiagnoseParams;
use emotome_stats::interval::Interval;
use emotome_stats::multiplicity::holm;
use serde::Serialize;

/// How much a finding matters; a clean agent has none above [`Note`](Self::Note).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The trials cannot tell.
    Untested,
    /// Nothing to see.
    Fine,
    /// True, but too small to matter, or no fault.
    Note,
    /// Look into it before you rely on these choices.
    Warning,
    /// These choices should not be used as they are.
    Serious,
}

/// The result of one diagnostic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The diagnostic, e.g. `position-shares`.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The number it looks at; `None` if the trials do not give one.
    pub statistic: Option<f64>,
    /// How many trials, pairs or triplets that number rests on, where it is one of them.
    pub n: Option<u64>,
    /// Its 95 % confidence interval, where there is one.
    pub interval: Option<Interval>,
    /// The value a good agent would have, where one is known.
    pub expected: Option<f64>,
    /// The p-value of the test, where one is made.
    pub p: Option<f64>,
    /// The same adjusted for all checks of the agent by Holm, where a small p speaks against the agent.
    pub p_adjusted: Option<f64>,
    /// Whether a small p speaks against the agent.
    #[serde(skip)]
    alarms: bool,
    /// The stimuli concerned, worst first, for findings about stimuli.
    pub stimuli: Vec<u32>,
    /// The share of each of these stimuli, and where the explanation lists them.
    #[serde(skip)]
    listed: Option<(usize, Vec<f64>)>,
    /// What was found, in a sentence with its numbers.
    pub explanation: String,
    /// What to do about it; empty if nothing.
    pub what_to_do: String,
}

impl Finding {
    pub(super) fn new(
        name: &'static str,
        severity: Severity,
        statistic: f64,
        explanation: String,
    ) -> Self {
        Self {
            name,
            severity,
            statistic: Some(statistic),
            n: None,
            interval: None,
            expected: None,
            p: None,
            p_adjusted: None,
            alarms: false,
            stimuli: Vec::new(),
            listed: None,
            explanation,
            what_to_do: String::new(),
        }
    }

    /// Nothing happened that could be tested.
    pub(super) fn fine(name: &'static str, explanation: String) -> Self {
        Self::new(name, Severity::Fine, 0.0, explanation)
    }

    pub(super) fn untested(
        name: &'static str,
        explanation: impl Into<String>,
        remedy: &str,
    ) -> Self {
        Self {
            statistic: None,
            what_to_do: remedy.to_owned(),
            ..Self::new(name, Severity::Untested, f64::NAN, explanation.into())
        }
    }

    pub(super) fn n(self, n: f64) -> Self {
        Self {
            n: Some(n as u64),
            ..self
        }
    }

    pub(super) fn expected(self, expected: f64) -> Self {
        Self {
            expected: Some(expected),
            ..self
        }
    }

    pub(super) fn interval(self, interval: Interval) -> Self {
        Self {
            interval: Some(interval),
            ..self
        }
    }

    /// The p-value of a departure that a good agent would not have.
    pub(super) fn p(self, p: f64) -> Self {
        Self {
            p: Some(p),
            alarms: true,
            ..self
        }
    }

    /// The p-value of what speaks for the agent, or of no fault.
    pub(super) fn p_aside(self, p: f64) -> Self {
        Self { p: Some(p), ..self }
    }

    /// Stimuli with their shares, listed by id at the end of the explanation.
    pub(super) fn stimuli(self, shares: Vec<(u32, f64)>) -> Self {
        let (stimuli, shares) = shares.into_iter().unzip();
        let listed = Some((self.explanation.len(), shares));
        Self {
            stimuli,
            listed,
            ..self
        }
        .named(|id| id.to_string())
    }

    /// The same with stimuli listed by name.
    #[must_use]
    pub fn named(mut self, name: impl Fn(u32) -> String) -> Self {
        const SHOWN: usize = 10;
        let Some((from, shares)) = self.listed.as_ref().filter(|l| !l.1.is_empty()) else {
            return self;
        };
        let rows = self.stimuli.iter().zip(shares).take(SHOWN);
        let listed: Vec<String> = rows
            .map(|(&id, share)| format!("{}: {}", name(id), percent(*share)))
            .collect();
        let more = if shares.len() > SHOWN { ", …" } else { "" };
        self.explanation.truncate(*from);
        self.explanation += &format!("; {}{more}", listed.join(", "));
        self
    }

    /// Advice, given unless all is well.
    pub(super) fn advise(self, what_to_do: &str) -> Self {
        if self.severity == Severity::Fine {
            return self;
        }
        Self {
            what_to_do: what_to_do.to_owned(),
            ..self
        }
    }
}

/// Adjusts the p-values of all findings about an agent for their number, and turns warnings that do not
/// stand into notes.
///
/// Of fifteen tests at 1 % one goes off for one faultless agent in seven. A warning therefore stands
/// only if p, adjusted over all checks that were made of the agent (Holm), is at most `alpha`; then
/// at most that share of faultless agents gets one.
pub fn adjust(findings: &mut [Finding], params: &DiagnoseParams) {
    let of = |f: &Finding| f.p.filter(|_| f.alarms).unwrap_or(f64::NAN);
    let p: Vec<f64> = findings.iter().map(of).collect();
    for (finding, adjusted) in findings.iter_mut().zip(holm(&p)) {
        if adjusted.is_nan() {
            continue;
        }
        finding.p_adjusted = Some(adjusted);
        if finding.severity > Severity::Note && adjusted > params.alpha {
            finding.severity = Severity::Note;
        }
    }
}

/// A share in per cent with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A p-value in words, e.g. `p = 0.012` or `p < 1e-300`.
pub(super) fn p_text(p: f64) -> String {
    match p {
        p if p < 1e-300 => "p < 1e-300".to_owned(),
        p if p < 1e-3 => format!("p = {p:.1e}"),
        p => format!("p = {p:.3}"),
    }
}
