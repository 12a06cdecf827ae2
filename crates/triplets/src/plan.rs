//! What a design will take before anything runs: trials, coverage, disk, time and cost.

use crate::design::rank::{pair_count, triplet_count};
use crate::design::{Arm, Balance, Design};
use serde::Serialize;
use std::fmt;

/// What a plan needs to know beyond the design; what is not given is reported as unknown.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `dims` | 30 | dimensions expected, for the number of trials |
/// | `trials_per_second` | unknown | the agent's rate |
/// | `tokens` | unknown | tokens of a trial: prompt, completion |
/// | `price` | unknown | price of a million tokens: prompt, completion |
/// | `currency` | `USD` | of the price |
/// | `reply_bytes` | 0 | length of a reply that is kept |
#[derive(Debug, Clone, PartialEq)]
pub struct PlanParams {
    /// Dimensions expected.
    pub dims: u32,
    /// The agent's rate.
    pub trials_per_second: Option<f64>,
    /// Tokens of a trial: prompt, completion.
    pub tokens: Option<[f64; 2]>,
    /// Price of a million tokens: prompt, completion.
    pub price: Option<[f64; 2]>,
    /// The currency of the price.
    pub currency: String,
    /// Bytes of a reply that is kept.
    pub reply_bytes: f64,
}

impl Default for PlanParams {
    fn default() -> Self {
        Self {
            dims: 30,
            trials_per_second: None,
            tokens: None,
            price: None,
            currency: "USD".to_owned(),
            reply_bytes: 0.0,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A parameter is out of its range.
    #[error("{name} = {value}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was found.
        value: f64,
        /// What was expected.
        expected: &'static str,
    },
}

/// How the main arm compares with n·d·log₂n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sufficiency {
    /// Every triplet is shown: there are no more to ask.
    Complete,
    /// Fewer than the theoretical minimum, which holds up to a constant.
    TooFew,
    /// Between 1 and 10 times n·d·log₂n: less than random samples usually need.
    Sparse,
    /// 10 to 20 times n·d·log₂n, as random samples usually need.
    Usual,
    /// More than 20 times.
    Ample,
}

/// What a design will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Stimuli n.
    pub n_stimuli: usize,
    /// Dimensions d expected.
    pub dims: u32,
    /// All triplets, C(n,3).
    pub triplets: u64,
    /// All pairs, C(n,2).
    pub pairs: u64,
    /// n·d·log₂n: the order of the number of trials that fixes n points in d dimensions.
    ///
    /// Jamieson & Nowak (2011), doi:10.1109/Allerton.2011.6120287.
    pub bound: f64,
    /// Ten and twenty times as many, no more than there are triplets: what random samples need in
    /// practice.
    pub recommended: [u64; 2],
    /// Trials of each arm.
    pub arms: Vec<(Arm, u64)>,
    /// Trials of all arms, hence rows of the journal for each agent.
    pub trials: u64,
    /// Main trials as a multiple of n·d·log₂n.
    pub multiple: f64,
    /// What that multiple means.
    pub sufficiency: Sufficiency,
    /// Main trials expected to remain for training.
    pub training_trials: f64,
    /// Main trials a stimulus stands in, 3M/n.
    pub per_stimulus: f64,
    /// Main trials a pair stands in, 3M/C(n,2).
    pub per_pair: f64,
    /// Share of all triplets shown in the main arm.
    pub coverage: f64,
    /// Bytes of the journal without replies.
    pub journal_bytes: f64,
    /// Bytes of replies before compression.
    pub reply_bytes: f64,
    /// Bytes of memory that all choices take in training.
    pub memory_bytes: f64,
    /// Seconds at the given rate.
    pub seconds: Option<f64>,
    /// Prompt and completion tokens.
    pub tokens: Option<[f64; 2]>,
    /// The price of the tokens, where tokens and their prices are known.
    pub cost: Option<f64>,
    /// The currency of the cost.
    pub currency: String,
    /// What deserves a second look.
    pub notes: Vec<String>,
}

/// Bytes of a bare choice in a journal: measured, 10 M rows of 2,180 stimuli.
pub const BYTES_PER_CHOICE: f64 = 35.0;

/// Bytes more for a choice with probabilities, latency, prompt hash, seed, reply reference, time,
/// tokens and price.
pub const BYTES_OF_DETAILS: f64 = 45.0;

/// Bytes of a [`Choice`](crate::Choice) in memory.
const BYTES_IN_MEMORY: f64 = 16.0;

impl Plan {
    /// The plan of a design. O(1).
    ///
    /// ```
    /// use emotome_triplets::{design::DesignParams, plan::{Plan, PlanParams}};
    /// let design = DesignParams { trials: 7_100_000, ..DesignParams::new(2_180, 1) }.check().unwrap();
    /// let plan = Plan::of(&design, &PlanParams::default()).unwrap();
    /// assert_eq!(plan.bound.round(), 725_293.0);
    /// assert_eq!((plan.per_stimulus.round(), plan.cost), (9_771.0, None));
    /// ```
    ///
    /// # Errors
    /// [`PlanError::Parameter`] for a parameter out of its range.
    pub fn of(design: &Design, params: &PlanParams) -> Result<Self, PlanError> {
        check(params)?;
        let n = design.n_stimuli();
        let (triplets, pairs) = (triplet_count(n as u64), pair_count(n as u64));
        let arms: Vec<(Arm, u64)> = design
            .arms()
            .map(|(arm, range)| (arm, range.end - range.start))
            .to_vec();
        let main = design.params().trials;
        let bound = n as f64 * f64::from(params.dims) * (n as f64).log2();
        let multiple = main as f64 / bound;
        let trials = design.len();
        let rows = trials as f64;
        let tokens = params.tokens.map(|tokens| tokens.map(|t| t * rows));
        let details = params.tokens.is_some() || params.reply_bytes > 0.0;
        let row_bytes = BYTES_PER_CHOICE + if details { BYTES_OF_DETAILS } else { 0.0 };
        let mut plan = Self {
            n_stimuli: n,
            dims: params.dims,
            triplets,
            pairs,
            bound,
            recommended: [10.0, 20.0].map(|k| triplets.min((k * bound).ceil() as u64)),
            arms,
            trials,
            multiple,
            sufficiency: match multiple {
                _ if main >= triplets => Sufficiency::Complete,
                m if m < 1.0 => Sufficiency::TooFew,
                m if m < 10.0 => Sufficiency::Sparse,
                m if m <= 20.0 => Sufficiency::Usual,
                _ => Sufficiency::Ample,
            },
            training_trials: main as f64
                * (1.0 - design.params().validation - design.params().test),
            per_stimulus: 3.0 * main as f64 / n as f64,
            per_pair: 3.0 * main as f64 / pairs as f64,
            coverage: (main as f64 / triplets as f64).min(1.0),
            journal_bytes: row_bytes * rows,
            reply_bytes: params.reply_bytes * rows,
            memory_bytes: BYTES_IN_MEMORY * rows,
            seconds: params.trials_per_second.map(|rate| rows / rate),
            tokens,
            cost: tokens
                .zip(params.price)
                .map(|([prompt, completion], [a, b])| (prompt * a + completion * b) / 1e6),
            currency: params.currency.clone(),
            notes: Vec::new(),
        };
        plan.notes = plan.notes_on(design);
        Ok(plan)
    }

    fn notes_on(&self, design: &Design) -> Vec<String> {
        let mut notes = Vec::new();
        if matches!(self.sufficiency, Sufficiency::TooFew | Sufficiency::Sparse) {
            notes.push(format!(
                "{:.1} × n·d·log2 n trials: {} dimensions usually need 10 to 20 ×, or an embedding that copes with little data (vice)",
                self.multiple, self.dims
            ));
        }
        let params = design.params();
        if params.balance == Balance::Pairs && self.per_pair < 1.0 && params.trials > 0 {
            notes.push(
                "less than one trial per pair: `balance = \"items\"` shows the stimuli more evenly"
                    .to_owned(),
            );
        }
        if params.ceiling.is_none() {
            notes.push("no ceiling arm: accuracy will stand without a noise ceiling".to_owned());
        }
        if params.validation == 0.0 || params.test == 0.0 {
            notes.push(
                "no validation or no test share: the number of dimensions or the score will be chosen on training data"
                    .to_owned(),
            );
        }
        notes
    }
}

fn check(params: &PlanParams) -> Result<(), PlanError> {
    let fail = |name, value, expected| {
        Err(PlanError::Parameter {
            name,
            value,
            expected,
        })
    };
    if params.dims == 0 {
        return fail("dims", 0.0, "at least 1");
    }
    if let Some(rate) = params.trials_per_second
        && !(rate > 0.0 && rate.is_finite())
    {
        return fail("trials per second", rate, "a positive number");
    }
    for (name, values) in [
        ("tokens of a trial", params.tokens),
        ("price of a million tokens", params.price),
        ("bytes of a reply", Some([params.reply_bytes; 2])),
    ] {
        let wrong = |v: &f64| !(*v >= 0.0 && v.is_finite());
        if let Some(value) = values.into_iter().flatten().find(wrong) {
            return fail(name, value, "a finite number of at least 0");
        }
    }
    Ok(())
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: String| writeln!(f, "{name:<12}{text}");
        let whole = |x: f64| grouped(x.round() as u64);
        line(
            "stimuli",
            format!(
                "{}: {} pairs, {} triplets",
                grouped(self.n_stimuli as u64),
                grouped(self.pairs),
                grouped(self.triplets)
            ),
        )?;
        line(
            "guidance",
            format!(
                "n·d·log2 n = {} for {} dimensions; × 10 = {}, × 20 = {}",
                whole(self.bound),
                self.dims,
                grouped(self.recommended[0]),
                grouped(self.recommended[1])
            ),
        )?;
        for (arm, trials) in self.arms.iter().filter(|(_, trials)| *trials > 0) {
            let name = match arm {
                Arm::CeilingSameOrder => "repeated in one order, for the noise ceiling",
                Arm::CeilingAllOrders => "repeated through all orders, for the noise ceiling",
                Arm::FullSet => "all triplets of the full set",
                Arm::Main => "of all triplets",
            };
            line("trials", format!("{} {name}", grouped(*trials)))?;
        }
        line("rows", format!("{} for each agent", grouped(self.trials)))?;
        line(
            "coverage",
            format!(
                "{:.1} × n·d·log2 n; {:.3} % of the triplets; {:.1} trials a stimulus, {:.2} a pair; {} to train on",
                self.multiple,
                100.0 * self.coverage,
                self.per_stimulus,
                self.per_pair,
                whole(self.training_trials)
            ),
        )?;
        let replies = if self.reply_bytes > 0.0 {
            format!(" and at most {} of replies", bytes(self.reply_bytes))
        } else {
            String::new()
        };
        line("disk", format!("{}{replies}", bytes(self.journal_bytes)))?;
        line(
            "memory",
            format!("{} for training", bytes(self.memory_bytes)),
        )?;
        line(
            "time",
            self.seconds
                .map_or_else(|| "unknown: no rate given".to_owned(), duration),
        )?;
        line(
            "tokens",
            self.tokens.map_or_else(
                || "unknown: no tokens of a trial given".to_owned(),
                |[prompt, completion]| format!("{} in, {} out", whole(prompt), whole(completion)),
            ),
        )?;
        line(
            "cost",
            self.cost.map_or_else(
                || "unknown: needs tokens of a trial and prices".to_owned(),
                |cost| format!("{cost:.2} {}", self.currency),
            ),
        )?;
        self.notes
            .iter()
            .try_for_each(|note| line("note", note.clone()))
    }
}

/// A number with commas between thousands.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(n: f64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let power = ((n.max(1.0).log10() / 3.0) as usize).min(units.len() - 1);
    let value = n / 1000_f64.powi(power as i32);
    let digits = usize::from(power > 0 && value < 99.5);
    format!("{value:.digits$} {}", units[power])
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 99.5 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 48.0 * 3_600.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            [0, 999, 1_000, 1_724_329_860].map(grouped),
            ["0", "999", "1,000", "1,724,329,860"]
        );
        assert_eq!(
            [0.0, 999.0, 1e3, 205.9e6, 1e18].map(bytes),
            ["0 bytes", "999 bytes", "1.0 kB", "206 MB", "1000 PB"]
        );
        assert_eq!(
            [1.0, 120.0, 7_200.0, 864e3].map(duration),
            ["1 s", "2 min", "2.0 h", "10.0 days"]
        );
    }
}
