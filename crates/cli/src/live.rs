//! How a run of questions to a model goes, drawn while it runs.

use crate::show::count;
use crate::terminal::Session;
use emotome_judges::server::Snapshot;
use emotome_stimuli::run::{Progress, Run};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// A plain line is written so often where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(30);

/// A view of a run: several lines that are redrawn on a terminal, a line now and then elsewhere.
pub(crate) struct Live<'a> {
    session: &'a Session,
    notes: Notes<'a>,
    said: Cell<Option<Instant>>,
}

/// Passes notes on and keeps the counts to the view.
struct Notes<'a>(&'a dyn Progress);

impl Progress for Notes<'_> {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, message: &str) {
        self.0.note(message);
    }
    fn end(&self) {}
}

impl<'a> Live<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        if session.draws() {
            session.begin_drawing();
        }
        Self {
            session,
            notes: Notes(session.run().progress),
            said: Cell::new(None),
        }
    }

    pub(crate) fn run(&self) -> Run<'_> {
        Run {
            progress: &self.notes,
            interrupt: self.session.run().interrupt,
        }
    }

    pub(crate) fn show(&self, snapshot: &Snapshot) {
        if self.session.draws() {
            self.session.draw(&lines(snapshot));
        } else if self
            .said
            .get()
            .is_none_or(|said| said.elapsed() >= PLAIN_EVERY)
        {
            self.said.set(Some(Instant::now()));
            self.session
                .run()
                .progress
                .note(&lines(snapshot).join(" | "));
        }
    }

    pub(crate) fn end(&self) {
        self.session.clear();
    }
}

/// What to know of a run at a glance.
fn lines(s: &Snapshot) -> Vec<String> {
    let counts = &s.counts;
    let done = counts.trials();
    let left = s.eta_s.map_or_else(|| "?".to_owned(), duration);
    let percent = 100.0 * done as f64 / s.total.max(1) as f64;
    let mut first = format!(
        "{} of {} trials ({percent:.1} %), {:.1}/s, {left} left",
        count(done),
        count(s.total),
        s.rate
    );
    if s.ending {
        first += ", ending";
    }
    let places = counts.shares().map(|shares| {
        let [a, b, c] = shares.map(|share| 100.0 * share);
        format!("places {a:.1} {b:.1} {c:.1} % (a third each without a preference)")
    });
    let without = format!(
        "invalid {}, ambiguous {}, refused {}, timed out {}, failed {}",
        count(counts.invalid),
        count(counts.ambiguous),
        count(counts.refused),
        count(counts.timed_out),
        count(counts.failed)
    );
    let spent = &counts.spent;
    let cost = match (counts.trials(), spent.unpriced) {
        (0, _) => "no answer yet".to_owned(),
        (_, 0) => format!("cost {}", spent.cost),
        _ => "cost unknown".to_owned(),
    };
    let requests = format!(
        "{} requests, {} of them further tries",
        count(s.requests),
        count(s.retries)
    );
    let spent = format!(
        "{} tokens in, {} out; {cost}",
        count(spent.prompt_tokens),
        count(spent.completion_tokens)
    );
    let endpoint = |e: &emotome_judges::server::EndpointState| {
        let state = match (e.down, e.rests_s > 0.0) {
            (true, _) => ", gives no replies".to_owned(),
            (_, true) => format!(", rests {:.0} s", e.rests_s),
            _ => String::new(),
        };
        // What may be cut off stands last.
        format!(
            "{} of {} at once{state}: {}",
            e.under_way, e.limit, e.address
        )
    };
    [
        Some(first),
        places,
        Some(without),
        Some(requests),
        Some(spent),
    ]
    .into_iter()
    .flatten()
    .chain(s.endpoints.iter().map(endpoint))
    .collect()
}

fn duration(seconds: f64) -> String {
    let whole = seconds.min(1e9) as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min", whole / 60),
        3_600..172_800 => format!("{} h {} min", whole / 3_600, whole / 60 % 60),
        _ => format!("{} days", whole / 86_400),
    }
}
