//! How often the odd one out was the stimulus shown first, second or third.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg},
    figure::Figure,
    frame::{Axis, BELOW, RowLabels, horizontal_axis},
    scale::{Scale, Spacing, Unit, count, percent, range},
    style::LABEL,
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Shares of choices that fell on each place; an agent without a bias chooses each in a third.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionShares {
    /// The heading.
    pub title: String,
    /// One entry for each agent.
    pub agents: Vec<AgentPositions>,
}

/// Place shares of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentPositions {
    /// Name of the agent.
    pub label: String,
    /// Choices counted.
    pub n: u64,
    /// Share of the first, second and third place, with 95 % confidence intervals.
    pub shares: [(f64, Option<Interval>); 3],
}

const PLACES: [&str; 3] = ["first", "second", "third"];

impl Figure for PositionShares {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = String::from(
            "Points with error bars: share of choices that fell on the stimulus shown first, second and third; without a bias each is 33.3 %. ",
        );
        for agent in &self.agents {
            let words = agent.shares.iter().zip(PLACES).map(|((share, ci), place)| {
                format!(
                    "{place} {}{}",
                    percent(*share),
                    ci_words(*ci, Unit::Percent)
                )
            });
            text += &format!(
                "{} (n = {}): {}. ",
                agent.label,
                count(agent.n),
                words.collect::<Vec<_>>().join(", ")
            );
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "Stimuli were shown in random order, so an agent that judges content alone picks each place equally often: dots on the dashed line. \
         Whiskers are 95 % confidence intervals."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        const GROUP: f64 = 66.0;
        let names = self.agents.iter().map(|agent| agent.label.as_str());
        let labels = RowLabels::new(names, 180.0, (40.0, GROUP));
        let (left, right) = (labels.width + 80.0, WIDTH - 90.0);
        let (top, bottom) = (30.0, 36.0 + labels.heights.iter().sum::<f64>());
        let all = self
            .agents
            .iter()
            .flat_map(|a| a.shares)
            .flat_map(|(s, ci)| [Some(s), ci.map(|c| c.low), ci.map(|c| c.high)]);
        let (low, high) = range(all.flatten()).unwrap_or((0.3, 0.4));
        let reach = (high - 1.0 / 3.0).max(1.0 / 3.0 - low).clamp(0.03, 0.66) * 1.15;
        let x = Scale::new(
            (1.0 / 3.0 - reach).max(0.0),
            (1.0 / 3.0 + reach).min(1.0),
            (left, right),
            Spacing::Linear,
        );
        let mut canvas = Canvas::new(WIDTH, bottom + BELOW);
        for tick in x.ticks(6) {
            canvas.line("grid", (x.at(tick), top), (x.at(tick), bottom));
        }
        let third = x.at(1.0 / 3.0);
        canvas.line("chance", (third, top - 4.0), (third, bottom));
        canvas.text(
            "note",
            (third, top - 9.0),
            Anchor::Middle,
            "no bias: one third",
        );
        for (agent, (lines, middle)) in self.agents.iter().zip(labels.rows(top + 3.0)) {
            canvas.label("", (labels.width + 6.0, middle), Anchor::End, LABEL, lines);
            for (place, &(share, ci)) in agent.shares.iter().enumerate() {
                let y = middle + 19.0 * (place as f64 - 1.0);
                canvas.text("tick", (left - 10.0, y + 4.0), Anchor::End, PLACES[place]);
                canvas.hinted(
                    &format!(
                        "{}, {}: {}{}",
                        agent.label,
                        PLACES[place],
                        percent(share),
                        ci_words(ci, Unit::Percent)
                    ),
                    |canvas| {
                        if let Some(ci) = ci {
                            canvas.line("error", (x.clamped(ci.low), y), (x.clamped(ci.high), y));
                        }
                        canvas.marker("fill0", 0, (x.clamped(share), y), 4.5);
                    },
                );
                canvas.text(
                    "tick",
                    (right + 12.0, y + 4.0),
                    Anchor::Start,
                    &percent(share),
                );
            }
        }
        horizontal_axis(
            &mut canvas,
            &x,
            bottom,
            &Axis::linear("share of choices", (0.0, 1.0), Unit::Percent),
        );
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["agent", "place", "share", "ci95_low", "ci95_high", "n"]);
        for agent in &self.agents {
            for ((share, ci), place) in agent.shares.iter().zip(PLACES) {
                table.push([
                    Cell::from(agent.label.as_str()),
                    place.into(),
                    (*share).into(),
                    ci.map(|ci| ci.low).into(),
                    ci.map(|ci| ci.high).into(),
                    agent.n.into(),
                ]);
            }
        }
        table
    }
}
