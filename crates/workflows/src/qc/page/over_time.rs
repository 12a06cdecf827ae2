//! Places, missing choices and answering times from the first answer to the last.

use super::super::AgentQuality;
use emotome_figures::Figure;
use emotome_figures::curve::{CurvePoint, Curves, Series};
use emotome_figures::report::Section;
use emotome_figures::scale::{Unit, count};
use emotome_judges::diagnose::drift::{Clock, Drift, Window};
use emotome_stats::interval::Interval;

pub(super) fn over_time(heading: String, agent: &AgentQuality) -> Option<Section> {
    let drift = agent.drift.as_ref()?;
    let name = &agent.agent.name;
    let (x_label, x) = abscissa(drift);
    let curve = |label: &str, of: &dyn Fn(&Window) -> (f64, Option<Interval>)| Series {
        label: label.into(),
        points: drift
            .windows
            .iter()
            .map(|w| {
                let (y, ci95) = of(w);
                CurvePoint { x: x(w), y, ci95 }
            })
            .collect(),
    };
    let mut figures: Vec<Box<dyn Figure>> = vec![
        Box::new(Curves {
            title: format!("Places over the collection, {name}"),
            x_label: x_label.clone(),
            y_label: "share of choices".into(),
            y_unit: Unit::Percent,
            series: ["first", "second", "third"]
                .iter()
                .enumerate()
                .map(|(k, place)| curve(place, &|w| (w.shares[k], Some(w.ci95[k]))))
                .collect(),
            references: vec![("no bias".into(), 1.0 / 3.0)],
            ..Curves::default()
        }),
        Box::new(Curves {
            title: format!("Missing choices over the collection, {name}"),
            x_label: x_label.clone(),
            y_label: "trials without a choice".into(),
            y_unit: Unit::Percent,
            series: vec![curve("share", &|w| (w.missing, Some(w.missing_ci95)))],
            ..Curves::default()
        }),
    ];
    if drift.latency_trend.is_some() {
        figures.push(Box::new(Curves {
            title: format!("Answering time over the collection, {name}"),
            x_label,
            y_label: "geometric mean (ms)".into(),
            series: vec![curve("time", &|w| (w.latency_ms, None))],
            ..Curves::default()
        }));
    }
    Some(Section {
        heading,
        text: vec![format!(
            "An agent that stays the same answers alike at the beginning and at the end: each line should be flat but for its scatter. Each of the {} windows holds about {} distinct triplets.",
            drift.windows.len(),
            count(
                drift.windows.iter().map(|w| w.trials).sum::<u64>()
                    / drift.windows.len().max(1) as u64
            ),
        )],
        figures,
        ..Section::default()
    })
}

/// Name of the axis of time, and where a window stands on it.
fn abscissa(drift: &Drift) -> (String, Box<dyn Fn(&Window) -> f64>) {
    let start = drift.windows.first().map_or(0, |w| w.from);
    let end = drift.windows.last().map_or(0, |w| w.to);
    let middle = |w: &Window| f64::midpoint(w.from as f64, w.to as f64);
    match drift.clock {
        Clock::TrialNumber => ("trial number".into(), Box::new(middle)),
        Clock::Time => {
            let (unit, ms) = match end - start {
                0..120_000 => ("seconds", 1e3),
                120_000..7_200_000 => ("minutes", 6e4),
                7_200_000..172_800_000 => ("hours", 3.6e6),
                _ => ("days", 8.64e7),
            };
            (
                format!("{unit} since the first answer"),
                Box::new(move |w| (middle(w) - start as f64) / ms),
            )
        }
    }
}
