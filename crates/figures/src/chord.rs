//! Ribbons between things of two or more groups that go together.

use crate::{
    canvas::{Anchor, Canvas, Path, Svg, clip, shorten, text_width},
    colour::{Rgb, hex, wheel},
    figure::Figure,
    frame::notes,
    scale::{count, decimal},
    style::{NAME, TICK},
    table::{Cell, Table},
};
use std::f64::consts::TAU;

/// A chord diagram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chord {
    /// The heading.
    pub title: String,
    /// What widths show, e.g. `|r| of dimensions and ratings`.
    pub quantity: String,
    /// The groups, clockwise from the top.
    pub groups: Vec<ChordGroup>,
    /// What may be joined; links between members that do not exist, or without a finite r, are not drawn.
    pub links: Vec<ChordLink>,
    /// Links of at most this |r| are counted and not drawn.
    pub threshold: f64,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChordGroup {
    /// Its name, e.g. `dimensions of the vision-language model`.
    pub name: String,
    /// Names of its members.
    pub members: Vec<String>,
}

/// Two members and how they go together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChordLink {
    /// Group and member at one end; ribbons have its colour.
    pub from: (usize, usize),
    /// Group and member at the other end.
    pub to: (usize, usize),
    /// Their correlation.
    pub r: f64,
}

/// A member on the circle: the turn at which its arc begins and how wide it is.
#[derive(Debug, Clone, Copy)]
struct Arc {
    from: f64,
    wide: f64,
    used: f64,
}

impl Chord {
    fn name(&self, (group, member): (usize, usize)) -> &str {
        let group = self.groups.get(group);
        group
            .and_then(|g| g.members.get(member))
            .map_or("", String::as_str)
    }

    fn exists(&self, (group, member): (usize, usize)) -> bool {
        self.groups
            .get(group)
            .is_some_and(|g| member < g.members.len())
    }

    /// Links above the threshold, weakest first.
    fn drawn(&self) -> Vec<ChordLink> {
        let usable = |l: &&ChordLink| {
            self.exists(l.from)
                && self.exists(l.to)
                && l.from != l.to
                && l.r.is_finite()
                && l.r.abs() > self.threshold
        };
        let mut links: Vec<ChordLink> = self.links.iter().filter(usable).copied().collect();
        links.sort_by(|a, b| {
            a.r.abs()
                .total_cmp(&b.r.abs())
                .then((b.from, b.to).cmp(&(a.from, a.to)))
        });
        links
    }

    /// Members without a drawn link, by group.
    fn alone(&self, links: &[ChordLink]) -> Vec<(usize, usize)> {
        let all = self.groups.iter().enumerate();
        let all = all.flat_map(|(g, group)| (0..group.members.len()).map(move |m| (g, m)));
        all.filter(|&at| !links.iter().any(|l| l.from == at || l.to == at))
            .collect()
    }

    /// Places on the circle of members with a link.
    fn arcs(&self, links: &[ChordLink]) -> Vec<Vec<Option<Arc>>> {
        let weight = |at| -> f64 {
            let own = links.iter().filter(|l| l.from == at || l.to == at);
            own.map(|l| l.r.abs()).sum()
        };
        let weights: Vec<Vec<f64>> = (0..self.groups.len())
            .map(|g| {
                (0..self.groups[g].members.len())
                    .map(|m| weight((g, m)))
                    .collect()
            })
            .collect();
        let shown = weights
            .iter()
            .flatten()
            .filter(|w| **w > 0.0)
            .count()
            .max(1);
        let total: f64 = weights.iter().flatten().sum::<f64>().max(f64::MIN_POSITIVE);
        let used = weights
            .iter()
            .filter(|g| g.iter().any(|w| *w > 0.0))
            .count();
        let apart = if used > 1 { 0.035 } else { 0.0 };
        let room = 1.0 - apart * used as f64;
        // Half of the circle is shared evenly, so that every name has room; half by weight.
        let (even, gap) = (0.5 * room / shown as f64, 0.12 * room / shown as f64);
        let mut turn = apart / 2.0;
        let mut arcs = Vec::new();
        for group in &weights {
            let mut row = Vec::new();
            for &w in group {
                row.push((w > 0.0).then(|| {
                    let wide = even + 0.5 * room * w / total;
                    let arc = Arc {
                        from: turn + gap / 2.0,
                        wide: wide - gap,
                        used: 0.0,
                    };
                    turn += wide;
                    arc
                }));
            }
            if row.iter().any(Option::is_some) {
                turn += apart;
            }
            arcs.push(row);
        }
        arcs
    }
}

impl Figure for Chord {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let links = self.drawn();
        let words = links.iter().rev().take(12).map(|l| {
            format!(
                "{} with {}: {}",
                self.name(l.from),
                self.name(l.to),
                decimal(l.r)
            )
        });
        format!(
            "Chord diagram of {}: {} of {} links lie above {}. Strongest: {}.",
            self.quantity,
            links.len(),
            self.links.len(),
            decimal(self.threshold),
            words.collect::<Vec<_>>().join("; ")
        )
    }

    fn how_to_read(&self) -> &str {
        "Each ribbon joins two things that go together more closely than the threshold, the wider the more closely; hollow ribbons go against each other. \
         Follow a ribbon from its colour. What has no ribbon is listed below."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        const LONGEST: f64 = 128.0;
        let links = self.drawn();
        let mut arcs = self.arcs(&links);
        let names = links
            .iter()
            .flat_map(|l| [l.from, l.to])
            .map(|at| text_width(self.name(at), NAME));
        let longest = names.fold(0.0, f64::max).min(LONGEST);
        let radius = ((WIDTH - 2.0 * longest) / 2.0 - 46.0).min(220.0);
        let middle = radius + longest + 40.0;
        let at = |turn: f64, r: f64| {
            let (sin, cos) = (TAU * turn).sin_cos();
            (WIDTH / 2.0 + r * sin, middle - r * cos)
        };
        let mut canvas = Canvas::new(WIDTH, 0.0);
        let colours: Vec<Vec<Rgb>> = self.groups.iter().map(|g| wheel(g.members.len())).collect();
        // Room of an arc is dealt out in the order of the other ends, so that ribbons cross little.
        let centre = |a: Option<Arc>| a.map_or(0.0, |a| a.from + a.wide / 2.0);
        let mut ends: Vec<((usize, usize), usize, f64)> = Vec::new();
        for (k, l) in links.iter().enumerate() {
            for (own, other) in [(l.from, l.to), (l.to, l.from)] {
                let (a, b) = (centre(arcs[own.0][own.1]), centre(arcs[other.0][other.1]));
                // The farthest turn clockwise comes first.
                ends.push((own, k, (b - a).rem_euclid(1.0)));
            }
        }
        ends.sort_by(|a, b| a.0.cmp(&b.0).then(b.2.total_cmp(&a.2)).then(a.1.cmp(&b.1)));
        let mut spans = vec![[(0.0, 0.0); 2]; links.len()];
        for (own, k, _) in ends {
            let sum: f64 = links
                .iter()
                .filter(|l| l.from == own || l.to == own)
                .map(|l| l.r.abs())
                .sum();
            if let Some(arc) = arcs[own.0][own.1].as_mut() {
                let wide = arc.wide * links[k].r.abs() / sum;
                let start = arc.from + arc.used;
                arc.used += wide;
                spans[k][usize::from(links[k].to == own)] = (start, start + wide);
            }
        }
        for (l, [(a0, a1), (b0, b1)]) in links.iter().zip(&spans) {
            let r = radius - 1.0;
            let centre = (WIDTH / 2.0, middle);
            let path = Path::from(at(*a0, r))
                .arc(r, false, true, at(*a1, r))
                .bend(centre, at(*b0, r))
                .arc(r, false, true, at(*b1, r))
                .bend(centre, at(*a0, r))
                .closed();
            let hint = format!(
                "{}, {}: {}",
                self.name(l.from),
                self.name(l.to),
                decimal(l.r)
            );
            let colour = colours[l.from.0][l.from.1];
            canvas.hinted(&hint, |canvas| {
                if l.r < 0.0 {
                    let stroke = format!("stroke=\"{}\"", hex(colour));
                    canvas.group(&stroke, |canvas| canvas.path("ribbon", &path));
                } else {
                    canvas.group("fill-opacity=\".6\"", |canvas| {
                        canvas.painted_path(colour, "edge", &path);
                    });
                }
            });
        }
        for (g, row) in arcs.iter().enumerate() {
            let mut span: Option<(f64, f64)> = None;
            for (m, arc) in row.iter().enumerate() {
                let Some(arc) = arc else { continue };
                let (from, to) = (arc.from, arc.from + arc.wide);
                span = Some(span.map_or((from, to), |(a, _)| (a, to)));
                let (inner, outer) = (radius + 1.0, radius + 9.0);
                let large = arc.wide > 0.5;
                let band = Path::from(at(from, inner))
                    .line(at(from, outer))
                    .arc(outer, large, true, at(to, outer))
                    .line(at(to, inner))
                    .arc(inner, large, false, at(from, inner));
                let name = self.name((g, m));
                canvas.hinted(name, |canvas| {
                    canvas.painted_path(colours[g][m], "edge", &band.closed());
                    let turn = from + arc.wide / 2.0;
                    let (x, y) = at(turn, outer + 4.0);
                    let right = turn.rem_euclid(1.0) < 0.5;
                    let degrees = 360.0 * turn - if right { 90.0 } else { 270.0 };
                    let anchor = if right { Anchor::Start } else { Anchor::End };
                    // The base line is lowered by a third of the size, across the direction of reading.
                    let (sin, cos) = degrees.to_radians().sin_cos();
                    let place = (x - 0.33 * NAME * sin, y + 0.33 * NAME * cos);
                    canvas.turned_text(
                        "small",
                        place,
                        anchor,
                        degrees,
                        &shorten(name, NAME, LONGEST),
                    );
                });
            }
            if let Some((from, to)) = span {
                // Names follow an arc outside; below the middle it runs the other way, so that they stand upright.
                let turn = f64::midpoint(from, to);
                let below = (0.25..0.75).contains(&turn.rem_euclid(1.0));
                let r = radius + longest + 18.0;
                canvas.path(
                    "axis",
                    &Path::from(at(from, r)).arc(r, to - from > 0.5, true, at(to, r)),
                );
                let words = format!(
                    "{} ({})",
                    self.groups[g].name,
                    count(row.iter().flatten().count() as u64)
                );
                let (r, wide) = if below {
                    (r + 5.0 + 0.8 * TICK, 0.24)
                } else {
                    (r + 5.0, 0.24)
                };
                let words = clip(&words, 1.08 * TICK, 2.0 * wide * TAU * r);
                let (start, end) = if below {
                    (turn + wide, turn - wide)
                } else {
                    (turn - wide, turn + wide)
                };
                let line = Path::from(at(start, r)).arc(r, false, !below, at(end, r));
                canvas.text_along("note bold", g, &line, &words);
            }
        }
        let mut words = format!(
            "{} of {} links with |r| > {}; the widest ribbon is {}. Hollow: negative.",
            count(links.len() as u64),
            count(self.links.len() as u64),
            decimal(self.threshold),
            links
                .last()
                .map_or_else(|| "n/a".into(), |l| decimal(l.r.abs()))
        );
        let alone = self.alone(&links);
        if !alone.is_empty() {
            let names: Vec<&str> = alone.iter().map(|&at| self.name(at)).collect();
            words += &format!(" Without a link: {}.", names.join(", "));
        }
        let end = notes(&mut canvas, (8.0, WIDTH - 8.0), 2.0 * middle + 2.0, &words);
        canvas.finish_at(end + 8.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["from_group", "from", "to_group", "to", "r", "drawn"]);
        let drawn = self.drawn();
        for l in &self.links {
            let group = |at: (usize, usize)| self.groups.get(at.0).map_or("", |g| g.name.as_str());
            table.push([
                Cell::from(group(l.from)),
                self.name(l.from).into(),
                group(l.to).into(),
                self.name(l.to).into(),
                l.r.into(),
                if drawn.contains(l) { "yes" } else { "no" }.into(),
            ]);
        }
        table
    }
}
