//! How every dimension goes with every rating.

use crate::{
    canvas::{Anchor, Canvas, Svg, clip, shorten, text_width},
    colour::{ARM, diverging_class},
    figure::Figure,
    frame::{Sign, key},
    order::{self, Diagonal},
    scale::{count, decimal, range},
    style::{NAME, TICK},
    table::Table,
};
use ndarray::Array2;

/// Correlations of D dimensions with K ratings, ordered so that strong ones run down the diagonal.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RatingsHeatmap {
    /// The heading.
    pub title: String,
    /// What a cell holds, e.g. `Pearson correlation over 2,180 stimuli`.
    pub quantity: String,
    /// Correlations, D × K; NaN where there is none, e.g. for a constant rating.
    pub values: Array2<f64>,
    /// Names of the D dimensions.
    pub dimensions: Vec<String>,
    /// The K ratings in groups that stand apart, e.g. categories and affective dimensions; in the order
    /// of the columns of `values`.
    pub groups: Vec<RatingGroup>,
    /// For each dimension the |value| that chance stays below; cells beyond it are marked. Empty: none was measured.
    pub chance: Vec<f64>,
    /// What that is, e.g. `beyond 95 % of the largest |r| over shuffled stimuli`.
    pub chance_note: String,
}

/// Ratings that belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RatingGroup {
    /// What they are, e.g. `categories`.
    pub name: String,
    /// Names of the ratings.
    pub ratings: Vec<String>,
}

impl RatingsHeatmap {
    /// The order of rows and columns in the picture, by [`order::diagonal`].
    #[must_use]
    pub fn order(&self) -> Diagonal {
        let widths: Vec<usize> = self.groups.iter().map(|g| g.ratings.len()).collect();
        order::diagonal(self.values.view(), &widths)
    }

    /// The group of a column and the name of its rating.
    fn rating(&self, column: usize) -> (usize, &str) {
        let mut before = 0;
        for (g, group) in self.groups.iter().enumerate() {
            if let Some(name) = group.ratings.get(column - before) {
                return (g, name);
            }
            before += group.ratings.len();
        }
        (self.groups.len(), "")
    }

    fn dimension(&self, row: usize) -> &str {
        self.dimensions.get(row).map_or("", String::as_str)
    }

    fn chance(&self, row: usize) -> f64 {
        self.chance.get(row).copied().unwrap_or(f64::NAN)
    }

    /// Whether chance was measured for the row and the cell lies beyond it.
    fn beyond(&self, row: usize, column: usize) -> Option<bool> {
        let (chance, value) = (self.chance(row), self.values[[row, column]]);
        (chance.is_finite() && value.is_finite()).then(|| value.abs() > chance)
    }

    /// The end of the colours: the largest |value|, rounded up to tenths.
    fn limit(&self) -> f64 {
        let (low, high) = range(self.values.iter().copied()).unwrap_or((0.0, 0.0));
        ((low.abs().max(high.abs()) * 10.0 - 1e-9).ceil() / 10.0).max(0.1)
    }

    fn marked(&self) -> usize {
        let cells = self.values.indexed_iter();
        cells
            .filter(|((i, j), _)| self.beyond(*i, *j) == Some(true))
            .count()
    }
}

impl Figure for RatingsHeatmap {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let (d, k) = self.values.dim();
        let mut text = format!(
            "Heat map of {}: {d} dimensions by {k} ratings. ",
            self.quantity
        );
        let order = self.order();
        for &i in order.rows.iter().take(8) {
            let strongest = (0..k)
                .filter(|&j| self.values[[i, j]].is_finite())
                .max_by(|&a, &b| {
                    self.values[[i, a]]
                        .abs()
                        .total_cmp(&self.values[[i, b]].abs())
                });
            if let Some(j) = strongest {
                text += &format!(
                    "{}: strongest with {}, {}. ",
                    self.dimension(i),
                    self.rating(j).1,
                    decimal(self.values[[i, j]])
                );
            }
        }
        if d > 8 {
            text += &format!("{} further dimensions stand in the table. ", d - 8);
        }
        let missing = self.values.iter().filter(|v| !v.is_finite()).count();
        if !self.chance.is_empty() {
            text += &format!(
                "{} of {} cells are marked as {}. ",
                self.marked(),
                d * k,
                self.chance_note
            );
        }
        text + &format!("{missing} cells have no value.")
    }

    fn how_to_read(&self) -> &str {
        "Each row is a dimension, each column a rating; orange cells go together, blue ones against each other, and both ends of the colours \
         are equally far from zero. Rows and columns are ordered so that the strongest pairs run down the diagonal. A dot marks cells beyond chance."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        const LONGEST: f64 = 128.0;
        const APART: f64 = 9.0;
        let Diagonal { rows, columns } = self.order();
        let widest = rows.iter().map(|&i| text_width(self.dimension(i), NAME));
        let left = widest.fold(20.0, f64::max).min(170.0) + 8.0;
        let (slant, turn) = (60.0_f64.to_radians(), -60.0);
        let names: Vec<String> = columns
            .iter()
            .map(|&j| shorten(self.rating(j).1, NAME, LONGEST))
            .collect();
        let longest = names
            .iter()
            .map(|n| text_width(n, NAME))
            .fold(0.0, f64::max);
        let top = longest * slant.sin() + 12.0;
        let groups = columns
            .windows(2)
            .filter(|w| self.rating(w[0]).0 != self.rating(w[1]).0);
        let gaps = APART * groups.count() as f64;
        let room = WIDTH - left - gaps - longest * slant.cos();
        let wide = (room / columns.len().max(1) as f64).clamp(4.0, 26.0);
        let tall = (1.15 * wide).clamp(12.0, 18.0);
        let limit = self.limit();
        let mut canvas = Canvas::new(WIDTH, 10.0);
        let (mut x, mut begun, mut previous) = (left, left, None);
        let bottom = top + tall * rows.len() as f64;
        let brace = |canvas: &mut Canvas, group: Option<usize>, from: f64, to: f64| {
            if let Some(group) = group.and_then(|g| self.groups.get(g)) {
                canvas.line("axis", (from, bottom + 5.0), (to, bottom + 5.0));
                let middle = f64::midpoint(from, to);
                let name = clip(&group.name, TICK, (to - from).max(70.0));
                canvas.text("note", (middle, bottom + 18.0), Anchor::Middle, &name);
            }
        };
        for (&j, name) in columns.iter().zip(&names) {
            let group = self.rating(j).0;
            if previous.is_some_and(|p| p != group) {
                brace(&mut canvas, previous, begun, x);
                x += APART;
                begun = x;
            }
            previous = Some(group);
            let middle = x + wide / 2.0;
            canvas.hinted(self.rating(j).1, |canvas| {
                canvas.turned_text(
                    "small",
                    (middle + 3.0, top - 5.0),
                    Anchor::Start,
                    turn,
                    name,
                );
            });
            for (k, &i) in rows.iter().enumerate() {
                let (value, y) = (self.values[[i, j]], top + tall * k as f64);
                let beyond = self.beyond(i, j);
                let hint = format!(
                    "{}, {}: {}{}",
                    self.dimension(i),
                    self.rating(j).1,
                    decimal(value),
                    match beyond {
                        Some(true) => ", beyond chance",
                        Some(false) => ", within chance",
                        None => "",
                    }
                );
                let class = diverging_class(value, limit);
                canvas.cell(
                    &class,
                    (x + 0.3, y + 0.3),
                    (x + wide - 0.3, y + tall - 0.3),
                    &hint,
                );
                if beyond == Some(true) {
                    // Near zero the cell is as bright as the page, far from it as the letters.
                    let ink = if value.abs() < 0.55 * limit {
                        "on"
                    } else {
                        "off"
                    };
                    canvas.marker(ink, 0, (middle, y + tall / 2.0), 1.3);
                }
            }
            x += wide;
        }
        brace(&mut canvas, previous, begun, x);
        for (k, &i) in rows.iter().enumerate() {
            let y = top + tall * (k as f64 + 0.5) + 0.35 * NAME;
            let name = self.dimension(i);
            canvas.hinted(name, |canvas| {
                let shown = shorten(name, NAME, left - 8.0);
                canvas.text("small", (left - 6.0, y), Anchor::End, &shown);
            });
        }
        let y = bottom + 34.0;
        let bar = diverging_bar(&mut canvas, (left, y), limit, &self.quantity);
        let beyond = match self.chance.is_empty() {
            true => String::new(),
            false => format!("{} ({})", self.chance_note, count(self.marked() as u64)),
        };
        let missing = self.values.iter().filter(|v| !v.is_finite()).count();
        let without = format!("no value ({})", count(missing as u64));
        let mut entries = Vec::new();
        if !beyond.is_empty() {
            entries.push((Sign::Dot("on", 0), beyond.as_str()));
        }
        if missing > 0 {
            entries.push((Sign::Area("missing"), without.as_str()));
        }
        let end = key(&mut canvas, (left + 250.0, WIDTH), y - 6.0, &entries);
        canvas.finish_at(end.max(bar) + 4.0)
    }

    fn table(&self) -> Table {
        let order = self.order();
        let mut table = Table::new([
            "dimension",
            "group",
            "rating",
            "value",
            "chance",
            "beyond_chance",
            "row",
            "column",
        ]);
        for (row, &i) in order.rows.iter().enumerate() {
            for (column, &j) in order.columns.iter().enumerate() {
                let (group, rating) = self.rating(j);
                table.push([
                    self.dimension(i).into(),
                    self.groups
                        .get(group)
                        .map_or("", |g| g.name.as_str())
                        .into(),
                    rating.into(),
                    self.values[[i, j]].into(),
                    self.chance(i).into(),
                    self.beyond(i, j)
                        .map(|b| if b { "yes" } else { "no" })
                        .into(),
                    (row + 1).into(),
                    (column + 1).into(),
                ]);
            }
        }
        table
    }
}

/// Draws a horizontal bar of the diverging colours with its limits and meaning; returns where it ends.
fn diverging_bar(canvas: &mut Canvas, (x, y): (f64, f64), limit: f64, meaning: &str) -> f64 {
    const WIDE: f64 = 9.0;
    let colours = 2 * ARM + 1;
    for k in 0..colours {
        let from = x + WIDE * k as f64;
        canvas.rect(&format!("v{k}"), (from, y), (from + WIDE, y + 10.0));
    }
    let length = WIDE * colours as f64;
    for (share, value) in [(0.0, -limit), (0.5, 0.0), (1.0, limit)] {
        let text = decimal((value * 10.0).round() / 10.0);
        canvas.text(
            "tick",
            (x + share * length, y + 22.0),
            Anchor::Middle,
            &trim(&text),
        );
    }
    let mut end = y + 26.0;
    for line in crate::canvas::wrap(meaning, TICK, 240.0) {
        canvas.text("note", (x - 5.0, end + TICK), Anchor::Start, &line);
        end += 14.0;
    }
    end
}

/// `0.900` as `0.9`.
fn trim(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}
