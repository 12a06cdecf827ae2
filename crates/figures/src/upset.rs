//! Which sets share how much: UpSet plots.

use crate::{
    canvas::{Anchor, Canvas, Svg, text_width, wrap},
    figure::Figure,
    frame::{Axis, BESIDE, Frame, notes},
    scale::{Scale, Spacing, Unit, count},
    style::TICK,
    table::{Cell, Table},
};

/// Sets and the sizes of their exclusive intersections.
///
/// Lex et al. (2014), doi:10.1109/TVCG.2014.2346248.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UpSet {
    /// The heading.
    pub title: String,
    /// What is counted, e.g. `clusters`.
    pub quantity: String,
    /// Names of the sets, e.g. agents.
    pub sets: Vec<String>,
    /// The intersections. What belongs to exactly these sets is counted, so counts add up to all.
    pub intersections: Vec<Intersection>,
    /// How membership was decided.
    pub note: String,
}

/// What belongs to exactly these sets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Intersection {
    /// Places of the sets among the names.
    pub sets: Vec<usize>,
    /// How many there are.
    pub count: u64,
    /// Their names, as far as they have any.
    pub members: Vec<String>,
}

impl UpSet {
    /// Intersections with something in them, largest first, then with the most sets first.
    fn order(&self) -> Vec<&Intersection> {
        let mut order: Vec<&Intersection> =
            self.intersections.iter().filter(|i| i.count > 0).collect();
        order.sort_by(|a, b| {
            b.count
                .cmp(&a.count)
                .then(b.sets.len().cmp(&a.sets.len()))
                .then(a.sets.cmp(&b.sets))
        });
        order
    }

    fn size(&self, set: usize) -> u64 {
        let own = self.intersections.iter().filter(|i| i.sets.contains(&set));
        own.map(|i| i.count).fold(0, u64::saturating_add)
    }

    fn names(&self, i: &Intersection) -> String {
        match i.sets.len() {
            0 => "none".into(),
            _ => {
                let names = i
                    .sets
                    .iter()
                    .filter_map(|&s| self.sets.get(s))
                    .map(String::as_str);
                names.collect::<Vec<_>>().join(" and ")
            }
        }
    }
}

impl Figure for UpSet {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let sizes = self
            .sets
            .iter()
            .enumerate()
            .map(|(s, name)| format!("{name} {}", count(self.size(s))));
        let order = self.order();
        let words = order.iter().map(|i| {
            let members = match i.members.is_empty() {
                true => String::new(),
                false => format!(" ({})", i.members.join(", ")),
            };
            format!("only in {}: {}{members}", self.names(i), count(i.count))
        });
        format!(
            "UpSet plot of {}. Sizes: {}. {}.",
            self.quantity,
            sizes.collect::<Vec<_>>().join(", "),
            words.collect::<Vec<_>>().join("; ")
        )
    }

    fn how_to_read(&self) -> &str {
        "Each column is one combination of sets: filled dots say which, and the bar above how many belong to exactly these. Each row is one set; the bar at its left is its size."
    }

    fn svg(&self) -> Svg {
        const ROW: f64 = 24.0;
        let order = self.order();
        let names: Vec<Vec<String>> = self.sets.iter().map(|s| wrap(s, TICK, 130.0)).collect();
        let widest = names
            .iter()
            .flatten()
            .map(|l| text_width(l, TICK))
            .fold(30.0, f64::max);
        let bars = 56.0;
        let digits = self
            .sets
            .iter()
            .enumerate()
            .map(|(s, _)| text_width(&count(self.size(s)), TICK));
        let left = f64::max(bars + widest + digits.fold(0.0, f64::max) + 26.0, BESIDE);
        let most = order.len().max(1) as f64;
        let counts = order.iter().map(|i| text_width(&count(i.count), TICK));
        let figures = counts.fold(0.0, f64::max);
        let room = 692.0 - left - figures.max(18.0);
        let pitch = (room / most).max(8.0).min(f64::max(28.0, figures + 6.0));
        let width = (left + pitch * most + figures.max(18.0)).max(336.0);
        let (top, foot) = (16.0, 146.0);
        let rows: Vec<f64> = names
            .iter()
            .map(|l| ROW.max(1.2 * TICK * l.len() as f64 + 6.0))
            .collect();
        let tops: Vec<f64> = rows
            .iter()
            .scan(foot + 14.0, |y, h| {
                let top = *y;
                *y += h;
                Some(top)
            })
            .collect();
        let bottom = foot + 14.0 + rows.iter().sum::<f64>();
        let mut canvas = Canvas::new(width, 0.0);
        let most = order.first().map_or(1, |i| i.count).max(1) as f64;
        let axis = Axis::linear(&self.quantity, (0.0, 1.08 * most), Unit::Plain);
        let frame = Frame::draw(
            &mut canvas,
            (left, top),
            (left + pitch * order.len() as f64 + 6.0, foot),
            None,
            &axis,
        );
        let largest = (0..self.sets.len())
            .map(|s| self.size(s))
            .max()
            .unwrap_or(0)
            .max(1);
        let x = Scale::new(0.0, largest as f64, (0.0, bars), Spacing::Linear);
        for (s, lines) in names.iter().enumerate() {
            let (y, tall) = (tops[s], rows[s]);
            let middle = y + tall / 2.0;
            if s % 2 == 0 {
                canvas.rect(
                    "panel",
                    (left - widest - 12.0, y),
                    (left + pitch * order.len() as f64 + 6.0, y + tall),
                );
            }
            canvas.label("note", (left - 6.0, middle), Anchor::End, TICK, lines);
            let size = self.size(s);
            let right = left - widest - 16.0;
            let from = right - x.at(size as f64);
            canvas.hinted(&format!("{}: {}", self.sets[s], count(size)), |canvas| {
                canvas.rect("fill5", (from, middle - 6.0), (right, middle + 6.0));
                canvas.text(
                    "tick",
                    (from - 4.0, middle + 4.0),
                    Anchor::End,
                    &count(size),
                );
            });
        }
        for (k, i) in order.iter().enumerate() {
            let x = left + 3.0 + pitch * (k as f64 + 0.5);
            let half = (0.36 * pitch).min(9.0);
            let members = match i.members.is_empty() {
                true => String::new(),
                false => format!(": {}", i.members.join(", ")),
            };
            canvas.hinted(
                &format!("{}, {}{members}", self.names(i), count(i.count)),
                |canvas| {
                    let y = frame.y.at(i.count as f64);
                    canvas.rect("fill0", (x - half, y), (x + half, foot));
                    canvas.text("tick", (x, y - 4.0), Anchor::Middle, &count(i.count));
                    let middle = |s: usize| tops[s] + rows[s] / 2.0;
                    let members: Vec<usize> = i
                        .sets
                        .iter()
                        .copied()
                        .filter(|&s| s < self.sets.len())
                        .collect();
                    if let (Some(&a), Some(&b)) = (members.iter().min(), members.iter().max()) {
                        canvas.line("error", (x, middle(a)), (x, middle(b)));
                    }
                    for s in 0..self.sets.len() {
                        let class = if members.contains(&s) { "on" } else { "quiet" };
                        canvas.marker(class, 0, (x, middle(s)), (0.22 * pitch).min(5.0));
                    }
                },
            );
        }
        let end = notes(&mut canvas, (10.0, width - 10.0), bottom + 4.0, &self.note);
        canvas.finish_at(end + 8.0)
    }

    fn table(&self) -> Table {
        let head = self
            .sets
            .iter()
            .cloned()
            .chain(["count".into(), "members".into()]);
        let mut table = Table::new(head);
        for i in self.order() {
            let sets = (0..self.sets.len()).map(|s| Cell::from(u64::from(i.sets.contains(&s))));
            table.push(sets.chain([i.count.into(), i.members.join(", ").as_str().into()]));
        }
        table
    }
}
