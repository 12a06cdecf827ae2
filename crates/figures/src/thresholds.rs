//! How many dimensions go with some rating more closely than a threshold, for every threshold.

use crate::{
    canvas::Svg,
    curve::{CurvePoint, Curves, NullBand, Series},
    figure::Figure,
    scale::{Unit, count, decimal, percent},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Shares of dimensions whose largest |r| exceeds a threshold, one curve for each agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThresholdCurves {
    /// The heading.
    pub title: String,
    /// Among how many ratings the largest |r| was sought.
    pub ratings: u64,
    /// What the grey band is, e.g. `95 % of shuffled stimuli`.
    pub null_note: String,
    /// The agents.
    pub agents: Vec<ThresholdAgent>,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThresholdAgent {
    /// Name of the agent.
    pub label: String,
    /// How many dimensions it has.
    pub dimensions: u64,
    /// The curve, by rising threshold.
    pub points: Vec<ThresholdPoint>,
}

/// One point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ThresholdPoint {
    /// The threshold t of |r|.
    pub threshold: f64,
    /// Share of dimensions with a larger |r|.
    pub share: f64,
    /// Its 95 % confidence interval, over stimuli.
    pub ci95: Option<Interval>,
    /// The share that chance reaches, as a range.
    pub null95: Option<Interval>,
}

impl ThresholdCurves {
    fn curves(&self) -> Curves {
        let of = |agent: &ThresholdAgent| Series {
            label: format!("{} ({} dimensions)", agent.label, count(agent.dimensions)),
            points: agent
                .points
                .iter()
                .map(|p| CurvePoint {
                    x: p.threshold,
                    y: p.share,
                    ci95: p.ci95,
                })
                .collect(),
        };
        let null = |agent: &ThresholdAgent| NullBand {
            label: self.null_note.clone(),
            points: agent
                .points
                .iter()
                .filter_map(|p| Some((p.threshold, p.null95?)))
                .collect(),
        };
        Curves {
            x_label: format!(
                "threshold of the largest |r| with {} ratings",
                count(self.ratings)
            ),
            y_label: "dimensions beyond it".into(),
            y_unit: Unit::Percent,
            series: self.agents.iter().map(of).collect(),
            nulls: self
                .agents
                .iter()
                .map(null)
                .filter(|n| !n.points.is_empty())
                .collect(),
            narrow: true,
            ..Curves::default()
        }
    }
}

impl Figure for ThresholdCurves {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = self.curves().alt();
        for agent in &self.agents {
            for p in &agent.points {
                if let Some(null) = p.null95.filter(|null| p.share > null.high) {
                    text += &format!(
                        " {} leaves the grey band at {}: {} against at most {}.",
                        agent.label,
                        decimal(p.threshold),
                        percent(p.share),
                        percent(null.high)
                    );
                    break;
                }
            }
        }
        text
    }

    fn how_to_read(&self) -> &str {
        "Each line falls from the share of dimensions that go with some rating at all to the share that go with one closely. Many ratings make some \
         correlation likely: the grey band is what they reach with shuffled stimuli, and only what lies above it counts. Shaded: 95 % confidence interval."
    }

    fn svg(&self) -> Svg {
        self.curves().svg()
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "agent",
            "dimensions",
            "threshold",
            "share",
            "ci95_low",
            "ci95_high",
            "null_low",
            "null_high",
        ]);
        for agent in &self.agents {
            for p in &agent.points {
                table.push([
                    Cell::from(agent.label.as_str()),
                    agent.dimensions.into(),
                    p.threshold.into(),
                    p.share.into(),
                    p.ci95.map(|ci| ci.low).into(),
                    p.ci95.map(|ci| ci.high).into(),
                    p.null95.map(|ci| ci.low).into(),
                    p.null95.map(|ci| ci.high).into(),
                ]);
            }
        }
        table
    }
}
