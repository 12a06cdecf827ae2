//! Wholes and their parts: classes of dimensions, shares of variance.

use crate::{
    canvas::{Anchor, Canvas, Svg, shorten, text_width},
    figure::Figure,
    frame::{Axis, BELOW, RowLabels, Sign, horizontal_axis, key},
    scale::{Scale, Spacing, Unit, count, percent},
    style::{LABEL, NAME, TICK},
    table::{Cell, Table},
};

/// Stacked bars, one a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shares {
    /// The heading.
    pub title: String,
    /// What the bars divide, e.g. `share of dimensions` or `share of a dimension's variance`.
    pub quantity: String,
    /// What a bar is of, e.g. `agent`.
    pub of: String,
    /// How to read the picture.
    pub reading: String,
    /// The parts, in the order in which they are stacked.
    pub parts: Vec<Part>,
    /// The bars, from top to bottom.
    pub rows: Vec<ShareRow>,
    /// Whether rows stand by their first part, largest first, instead of as given.
    pub sorted: bool,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// Its name, e.g. `hybrid`.
    pub name: String,
    /// Whether it is what nothing explains, drawn in grey.
    pub rest: bool,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareRow {
    /// Its name.
    pub label: String,
    /// The share of each part. Estimates of variance may fall below 0; such parts stand left of 0.
    pub shares: Vec<f64>,
    /// How many make up each part, where they can be counted; else empty.
    pub counts: Vec<u64>,
}

impl Shares {
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        if self.sorted {
            let first = |i: usize| {
                self.rows[i]
                    .shares
                    .first()
                    .copied()
                    .filter(|s| s.is_finite())
            };
            order.sort_by(|&a, &b| {
                let (a, b) = (first(a), first(b));
                b.unwrap_or(f64::NEG_INFINITY)
                    .total_cmp(&a.unwrap_or(f64::NEG_INFINITY))
            });
        }
        order
    }

    /// The class of a part: series colours, grey for the rest.
    fn class(&self, part: usize) -> String {
        match self.parts.get(part) {
            Some(p) if p.rest => "missing".into(),
            _ => format!("fill{}", [1, 3, 0, 2, 4, 5][part % 6]),
        }
    }

    fn words(&self, row: &ShareRow) -> String {
        let parts = self.parts.iter().enumerate().map(|(p, part)| {
            let share = row.shares.get(p).copied().unwrap_or(f64::NAN);
            let n = row
                .counts
                .get(p)
                .map_or_else(String::new, |n| format!(" ({})", count(*n)));
            format!("{} {}{n}", part.name, percent(share))
        });
        format!("{}: {}", row.label, parts.collect::<Vec<_>>().join(", "))
    }
}

impl Figure for Shares {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let rows = self.order();
        let words = rows.iter().take(12).map(|&i| self.words(&self.rows[i]));
        let words = words.collect::<Vec<_>>().join(". ");
        let more = match rows.len().saturating_sub(12) {
            0 => String::new(),
            n => format!(" {n} further bars stand in the table."),
        };
        format!("Stacked bars, {}. {words}.{more}", self.quantity)
    }

    fn how_to_read(&self) -> &str {
        &self.reading
    }

    fn svg(&self) -> Svg {
        // Few bars are thick and carry their numbers; many are thin.
        let few = self.rows.len() <= 8;
        let (width, size, most, tall): (f64, _, _, f64) = if few {
            (336.0, LABEL, 110.0, 30.0)
        } else {
            (336.0, NAME, 120.0, 13.0)
        };
        let order = self.order();
        let names: Vec<String> = order
            .iter()
            .map(|&i| match few {
                true => self.rows[i].label.clone(),
                false => shorten(&self.rows[i].label, size, most),
            })
            .collect();
        let labels = RowLabels::new(names.iter().map(String::as_str), most, (20.0, tall));
        let names_width = match few {
            true => labels.width,
            false => names
                .iter()
                .map(|n| text_width(n, size))
                .fold(20.0, f64::max),
        };
        let (left, right) = (names_width + 14.0, width - 20.0);
        let mut canvas = Canvas::new(width, 0.0);
        let classes: Vec<String> = (0..self.parts.len()).map(|p| self.class(p)).collect();
        let entries: Vec<_> = classes
            .iter()
            .zip(&self.parts)
            .map(|(class, part)| (Sign::Area(class), part.name.as_str()))
            .collect();
        let top = key(&mut canvas, (8.0, width - 8.0), 2.0, &entries) + 8.0;
        let sums = self.rows.iter().map(|row| {
            let of = |sign: f64| row.shares.iter().map(|s| (s * sign).max(0.0)).sum::<f64>();
            (of(-1.0), of(1.0))
        });
        let (low, high) = sums.fold((0.0_f64, 1.0_f64), |(a, b), (low, high)| {
            (a.max(low), b.max(high))
        });
        let x = Scale::new(-low, high, (left, right), Spacing::Linear);
        let heights: f64 = if few {
            labels.heights.iter().sum()
        } else {
            tall * order.len() as f64
        };
        let bottom = top + heights + 4.0;
        for tick in x.ticks(5) {
            canvas.line("grid", (x.at(tick), top), (x.at(tick), bottom));
        }
        let middles: Vec<f64> = match few {
            true => labels.rows(top + 2.0).map(|(_, middle)| middle).collect(),
            false => (0..order.len())
                .map(|k| top + 2.0 + tall * (k as f64 + 0.5))
                .collect(),
        };
        for (k, (&i, &middle)) in order.iter().zip(&middles).enumerate() {
            let row = &self.rows[i];
            let half = if few { 11.0 } else { 0.42 * tall };
            let lines = match few {
                true => labels.lines[k].clone(),
                false => vec![names[k].clone()],
            };
            let class = if few { "" } else { "small" };
            canvas.label(class, (left - 7.0, middle), Anchor::End, size, &lines);
            canvas.hinted(&self.words(row), |canvas| {
                let (mut above, mut below) = (0.0, 0.0);
                for (p, &share) in row.shares.iter().enumerate().take(self.parts.len()) {
                    if !share.is_finite() || share == 0.0 {
                        continue;
                    }
                    let from = if share > 0.0 { &mut above } else { &mut below };
                    let (a, b) = (x.at(*from), x.at(*from + share));
                    *from += share;
                    canvas.rect(
                        &format!("{} edge", classes[p]),
                        (a, middle - half),
                        (b, middle + half),
                    );
                    let words = match row.counts.get(p) {
                        Some(n) => count(*n),
                        None => format!("{:.0}", 100.0 * share),
                    };
                    if few && (b - a).abs() > text_width(&words, TICK) + 5.0 {
                        let ink = if self.parts[p].rest {
                            "note"
                        } else {
                            "note off"
                        };
                        let at = (f64::midpoint(a, b), middle + 0.35 * TICK);
                        canvas.text(ink, at, Anchor::Middle, &words);
                    }
                }
                if row.shares.iter().all(|s| !s.is_finite()) {
                    canvas.text(
                        "tick",
                        (x.at(0.0) + 4.0, middle + 4.0),
                        Anchor::Start,
                        "no value",
                    );
                }
            });
        }
        if low > 0.0 {
            canvas.line("axis", (x.at(0.0), top), (x.at(0.0), bottom));
        }
        let axis = Axis::linear(&self.quantity, (0.0, 1.0), Unit::Percent);
        horizontal_axis(&mut canvas, &x, bottom, &axis);
        canvas.finish_at(bottom + BELOW)
    }

    fn table(&self) -> Table {
        let mut table = Table::new([self.of.as_str(), "part", "share", "count"]);
        for &i in &self.order() {
            let row = &self.rows[i];
            for (p, part) in self.parts.iter().enumerate() {
                table.push([
                    Cell::from(row.label.as_str()),
                    part.name.as_str().into(),
                    row.shares.get(p).copied().into(),
                    row.counts.get(p).copied().into(),
                ]);
            }
        }
        table
    }
}
