//! How many dimensions are enough.

use crate::{
    canvas::Svg,
    curve::{CurveMark, CurvePoint, Curves, Series},
    figure::Figure,
    scale::Unit,
    table::{Cell, Table},
};

/// A quantity against the number of dimensions that are kept, one curve for each agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Retained {
    /// The heading.
    pub title: String,
    /// Which dimensions are kept, e.g. `largest weights kept per stimulus`.
    pub kept: String,
    /// What is measured, e.g. `held-out accuracy`.
    pub quantity: String,
    /// How it is written.
    pub unit: Unit,
    /// What guessing reaches: 1/3 for odd-one-out choices, 0 for a correlation.
    pub chance: f64,
    /// Shares to mark of what all dimensions reach above chance, e.g. 0.95 and 0.99.
    pub shares: Vec<f64>,
    /// The agents; points by rising number of dimensions, the last with all of them.
    pub agents: Vec<Series>,
}

impl Retained {
    /// The first point of an agent's curve that reaches `share` of what its last point has above chance.
    ///
    /// `y ≥ chance + share · (y_all − chance)`: without subtracting chance, guessing would count as success.
    #[must_use]
    pub fn enough(&self, agent: usize, share: f64) -> Option<CurvePoint> {
        let points = &self.agents.get(agent)?.points;
        let all = points.last()?.y;
        let goal = self.chance + share * (all - self.chance);
        points.iter().copied().find(|p| p.y >= goal - 1e-12)
    }

    fn curves(&self) -> Curves {
        let marks = (0..self.agents.len()).flat_map(|agent| {
            self.shares.iter().filter_map(move |&share| {
                let point = self.enough(agent, share)?;
                Some(CurveMark {
                    series: agent,
                    x: point.x,
                    y: point.y,
                    label: format!("{} %", (1000.0 * share).round() / 10.0),
                })
            })
        });
        Curves {
            x_label: self.kept.clone(),
            y_label: self.quantity.clone(),
            y_unit: self.unit,
            series: self.agents.clone(),
            references: vec![("chance".into(), self.chance)],
            marks: marks.collect(),
            narrow: true,
            ..Curves::default()
        }
    }
}

impl Figure for Retained {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        self.curves().alt()
    }

    fn how_to_read(&self) -> &str {
        "The further right, the more dimensions are kept. Rings mark where so many percent of what all dimensions gain over chance are reached; where one \
         dimension is enough, most of the space is a single scale. Shaded: 95 % confidence interval."
    }

    fn svg(&self) -> Svg {
        self.curves().svg()
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "agent",
            "kept",
            "value",
            "ci95_low",
            "ci95_high",
            "share_above_chance",
        ]);
        for agent in &self.agents {
            let all = agent.points.last().map_or(f64::NAN, |p| p.y);
            for p in &agent.points {
                table.push([
                    Cell::from(agent.label.as_str()),
                    p.x.into(),
                    p.y.into(),
                    p.ci95.map(|ci| ci.low).into(),
                    p.ci95.map(|ci| ci.high).into(),
                    ((p.y - self.chance) / (all - self.chance)).into(),
                ]);
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_does_not_count_as_success() {
        // 0.60 are 95 % of 0.63, but only 90 % of what lies above a third.
        let figure = Retained {
            chance: 1.0 / 3.0,
            agents: vec![Series {
                label: "a".into(),
                points: [(1.0, 0.60), (2.0, 0.62), (3.0, f64::NAN), (4.0, 0.63)]
                    .map(CurvePoint::from)
                    .to_vec(),
            }],
            ..Retained::default()
        };
        assert_eq!(figure.enough(0, 0.95).map(|p| p.x), Some(2.0));
        assert_eq!(figure.enough(0, 0.99).map(|p| p.x), Some(4.0));
        assert_eq!(figure.enough(1, 0.95), None);
    }
}
