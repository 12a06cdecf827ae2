//! Whether answers change while they are collected.

use super::declined::Without;
use super::finding::{Finding, Severity, p_text, percent};
use super::trend::{Test, mann_kendall, share_scatter, share_trend};
use super::{DiagnoseParams, Judged};
use emotome_stats::interval::{Interval, wilson};
use serde::Serialize;
use std::collections::BTreeMap;

/// What orders the trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// When the answer was complete, in milliseconds since 1970.
    Time,
    /// The number of the trial in its design.
    TrialNumber,
}

/// How many times the variance of independent trials shares have because trials that show the same stimulus
/// first come together (design effects). Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Grouping {
    /// Of the shares of the places among choices.
    pub places: f64,
    /// Of the share of trials without a choice.
    pub missing: f64,
}

impl Grouping {
    /// Trials in random order.
    pub const NONE: Self = Self {
        places: 1.0,
        missing: 1.0,
    };
}

/// Counts along a clock, in at most 4,096 cells that widen as the clock goes on.
#[derive(Debug, Clone)]
pub struct Timeline {
    clock: Clock,
    /// A cell is 2^shift ticks wide.
    shift: u32,
    cells: BTreeMap<u64, Cell>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    places: [u64; 3],
    without: [u64; 3],
    timed: u64,
    ln_latency: f64,
}

impl Cell {
    fn add(&mut self, other: &Self) {
        for k in 0..3 {
            self.places[k] += other.places[k];
            self.without[k] += other.without[k];
        }
        self.timed += other.timed;
        self.ln_latency += other.ln_latency;
    }

    fn trials(&self) -> u64 {
        self.places.iter().chain(&self.without).sum()
    }
}

const CELLS: usize = 4_096;

/// Windows that a timeline is looked at in, where it has as many cells.
const WINDOWS: usize = 20;

/// Windows below which nothing is tested.
const NEEDED: usize = 10;

/// Answers in windows of about equal numbers of trials. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// What orders the trials.
    pub clock: Clock,
    /// The windows, in order.
    pub windows: Vec<Window>,
    /// What χ² are divided by, since trials that show the same stimulus first are asked one after the other.
    pub grouping: Grouping,
    /// A steady change of the shares of the three places: score test of a linear trend, χ²(2).
    pub position_trend: Test,
    /// Its fitted size from the first window to the last, for each place.
    pub position_change: [f64; 3],
    /// Any difference of the shares between windows: Pearson's χ².
    pub position_scatter: Test,
    /// The standard deviation of a share between windows beyond sampling.
    pub position_scatter_sd: f64,
    /// A steady change of the share of trials without a choice: Cochran and Armitage, χ²(1).
    pub missing_trend: Test,
    /// Its fitted size from the first window to the last.
    pub missing_change: f64,
    /// A steady change of the time that answers take: Mann and Kendall, z.
    pub latency_trend: Option<Test>,
}

/// One window. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Window {
    /// Its first tick.
    pub from: u64,
    /// The tick after its last.
    pub to: u64,
    /// Distinct triplets whose counted showing falls into it.
    pub trials: u64,
    /// Of these, those with a choice.
    pub choices: u64,
    /// Shares of the choices that fell on each place; NaN (`null`) without choices.
    pub shares: [f64; 3],
    /// Wilson's 95 % intervals.
    pub ci95: [Interval; 3],
    /// Share of the trials without a choice.
    pub missing: f64,
    /// Its 95 % interval.
    pub missing_ci95: Interval,
    /// Geometric mean of the times of all answers, in milliseconds; NaN (`null`) where unknown.
    pub latency_ms: f64,
    /// Answers whose time is known.
    pub timed: u64,
}

impl Timeline {
    /// A timeline without trials.
    #[must_use]
    pub const fn new(clock: Clock) -> Self {
        Self {
            clock,
            shift: 0,
            cells: BTreeMap::new(),
        }
    }

    /// Counts a trial at a tick; only one showing of a triplet should be, since repeats are not
    /// independent.
    pub fn push(&mut self, tick: u64, (_, outcome): &Judged) {
        self.at(tick, |cell| {
            match (outcome.chosen(), Without::of(*outcome)) {
                (Some(place), _) => cell.places[place.index()] += 1,
                (None, Some(kind)) => cell.without[kind as usize] += 1,
                (None, None) => {}
            }
        });
    }

    /// Counts the time of an answer at a tick.
    pub fn push_latency(&mut self, tick: u64, ms: u32) {
        self.at(tick, |cell| {
            cell.timed += 1;
            cell.ln_latency += f64::from(ms.max(1)).ln();
        });
    }

    fn at(&mut self, tick: u64, count: impl FnOnce(&mut Cell)) {
        count(self.cells.entry(tick >> self.shift).or_default());
        while self.cells.len() > CELLS {
            self.shift += 1;
            let mut wider = BTreeMap::<u64, Cell>::new();
            for (key, cell) in &self.cells {
                wider.entry(key >> 1).or_default().add(cell);
            }
            self.cells = wider;
        }
    }

    /// The trials in windows, and tests of change; `None` where there are fewer than ten windows of ten
    /// trials. `grouping` is that of trials in the order of the clock.
    #[must_use]
    pub fn drift(&self, grouping: Grouping) -> Option<Drift> {
        let total: u64 = self.cells.values().map(Cell::trials).sum();
        let wanted = WINDOWS.min((total / 10) as usize);
        let mut windows: Vec<(u64, u64, Cell)> = Vec::new();
        let mut seen = 0;
        for (&key, cell) in &self.cells {
            // The window that the middle of the cell falls into.
            let middle = seen + cell.trials() / 2;
            let window = (middle * wanted as u64).checked_div(total).unwrap_or(0);
            seen += cell.trials();
            match windows.last_mut() {
                Some((of, last, sum)) if *of == window => {
                    sum.add(cell);
                    *last = key;
                }
                _ => windows.push((window, key, *cell)),
            }
        }
        windows.retain(|(.., cell)| cell.trials() > 0);
        if windows.len() < NEEDED {
            return None;
        }
        let cells: Vec<Cell> = windows.iter().map(|w| w.2).collect();
        let places: Vec<[u64; 3]> = cells.iter().map(|c| c.places).collect();
        let answered: Vec<[u64; 2]> = cells
            .iter()
            .map(|c| [c.places.iter().sum(), c.without.iter().sum()])
            .collect();
        let (position_trend, position_change) = share_trend(&places, grouping.places);
        let (position_scatter, position_scatter_sd) = share_scatter(&places, grouping.places);
        let (missing_trend, [_, missing_change]) = share_trend(&answered, grouping.missing);
        let latency: Vec<f64> = cells
            .iter()
            .map(|c| (c.ln_latency / c.timed as f64).exp())
            .collect();
        let mut from = self.cells.keys().next().map_or(0, |key| key << self.shift);
        let shown = windows
            .iter()
            .zip(&latency)
            .map(|(&(_, last, cell), &latency_ms)| {
                let to = (last + 1) << self.shift;
                let start = std::mem::replace(&mut from, to);
                let (trials, choices) = (cell.trials(), cell.places.iter().sum::<u64>());
                let missing = trials - choices;
                Window {
                    from: start,
                    to,
                    trials,
                    choices,
                    shares: cell.places.map(|n| n as f64 / choices as f64),
                    ci95: cell.places.map(|n| wilson(n as f64, choices as f64, 0.95)),
                    missing: missing as f64 / trials as f64,
                    missing_ci95: wilson(missing as f64, trials as f64, 0.95),
                    latency_ms,
                    timed: cell.timed,
                }
            });
        Some(Drift {
            clock: self.clock,
            windows: shown.collect(),
            grouping,
            position_trend,
            position_change,
            position_scatter,
            position_scatter_sd,
            missing_trend,
            missing_change,
            latency_trend: (latency.iter().filter(|l| l.is_finite()).count() >= NEEDED)
                .then(|| mann_kendall(&latency)),
        })
    }
}

impl Drift {
    /// What the windows say, as findings.
    #[must_use]
    pub fn findings(&self, params: &DiagnoseParams) -> Vec<Finding> {
        let windows = self.windows.len();
        let over = match self.clock {
            Clock::Time => "in order of time",
            Clock::TrialNumber => "in order of trial number",
        };
        let choices = self.windows.iter().map(|w| w.choices).sum::<u64>() as f64;
        let trials = self.windows.iter().map(|w| w.trials).sum::<u64>() as f64;
        // Rounded first: no change has no sign.
        let signed = |share: f64| match (1_000.0 * share).round() / 10.0 {
            0.0 => "0.0 points".to_owned(),
            points => format!("{points:+.1} points"),
        };
        let largest = self
            .position_change
            .into_iter()
            .fold(0.0, |m: f64, c| if c.abs() > m.abs() { c } else { m });
        let trend = self.position_trend;
        let mut findings = vec![
            Finding::new(
                "drift-positions",
                params.severity_of_departure(trend.p, largest.abs()),
                largest,
                format!(
                    "over {windows} windows {over}, the shares of the first, second and third place change by {} \
                     (χ²({}) = {:.1}, {})",
                    self.position_change.map(signed).join(", "),
                    trend.df,
                    trend.statistic,
                    p_text(trend.p)
                ),
            )
            .n(choices)
            .expected(0.0)
            .p(trend.p)
            .advise(
                "the agent that answered last is not the one that answered first: look for a change of \
                 model, server or settings, and collect anew what came after it",
            ),
        ];
        let (test, sd) = (self.position_scatter, self.position_scatter_sd);
        findings.push(
            Finding::new(
                "unsteady-positions",
                params.severity_of_departure(test.p, sd),
                sd,
                format!(
                    "the share of a place varies between {windows} windows {over} by ±{:.1} points beyond \
                     sampling (χ²({}) = {:.1}, {})",
                    100.0 * sd,
                    test.df,
                    test.statistic,
                    p_text(test.p)
                ),
            )
            .n(choices)
            .expected(0.0)
            .p(test.p)
            .advise(
                "for a while the agent preferred a place: a server that repeats an answer does this; read \
                 the replies of the windows that stand out, and collect them anew",
            ),
        );
        let (test, change) = (self.missing_trend, self.missing_change);
        findings.push(
            Finding::new(
                "drift-missing",
                params.severity_of_departure(test.p, change.abs()),
                change,
                format!(
                    "the share of trials without a choice changes by {} over {windows} windows {over} ({})",
                    signed(change),
                    p_text(test.p)
                ),
            )
            .n(trials)
            .expected(0.0)
            .p(test.p)
            .advise("look for a change of model, server, limits or filters during the collection"),
        );
        for finding in &mut findings {
            if finding.p.is_none_or(f64::is_nan) {
                *finding = match finding.name {
                    "drift-missing" => Finding::fine(
                        finding.name,
                        format!(
                            "every trial ended alike over {windows} windows {over}: with a choice, or without one"
                        ),
                    ),
                    name => Finding::untested(
                        name,
                        format!(
                            "every answer stands at the same place over {windows} windows {over}"
                        ),
                        "see position-shares",
                    ),
                };
            }
        }
        if let Some(test) = self.latency_trend {
            let known = || {
                self.windows
                    .iter()
                    .map(|w| w.latency_ms)
                    .filter(|l| l.is_finite())
            };
            let ratio =
                known().next_back().unwrap_or(f64::NAN) / known().next().unwrap_or(f64::NAN);
            // Times hang together whatever the agent does, so that this is never more than a note.
            let severity = if test.p <= params.alpha {
                Severity::Note
            } else {
                Severity::Fine
            };
            findings.push(
                Finding::new(
                    "drift-latency",
                    severity,
                    ratio,
                    format!(
                        "answers of the last window take {} of the time of the first (geometric means; Mann–Kendall z = {:.2}, {})",
                        percent(ratio),
                        test.statistic,
                        p_text(test.p)
                    ),
                )
                .n(self.windows.iter().map(|w| w.timed).sum::<u64>() as f64)
                .expected(1.0)
                .p_aside(test.p)
                .advise("a server that slows down runs out of memory or has other users; no fault of the choices"),
            );
        }
        findings
    }
}
