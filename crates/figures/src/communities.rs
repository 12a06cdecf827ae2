//! Graphs of what goes together, and the communities in them.

use crate::{
    canvas::{Anchor, Canvas, Path, Svg, shorten, text_width},
    colour::{hex, wheel},
    figure::Figure,
    frame::{Sign, key, notes},
    scale::{count, decimal, range},
    style::{NAME, TICK},
    table::{Cell, Table},
};
use std::f64::consts::TAU;

/// A graph with communities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Communities {
    /// The heading.
    pub title: String,
    /// What edges show, e.g. `correlation over stimuli`.
    pub quantity: String,
    /// The nodes.
    pub nodes: Vec<GraphNode>,
    /// The edges that the communities were found with.
    pub edges: Vec<GraphEdge>,
    /// Edges have an |r| above this.
    pub threshold: f64,
    /// Names of the communities; one without a name is numbered.
    pub names: Vec<String>,
    /// What the kinds of nodes are, e.g. two agents; a single kind needs no name.
    pub kinds: Vec<String>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GraphNode {
    /// Its name.
    pub label: String,
    /// Its community.
    pub community: usize,
    /// Its PageRank; the area of its marker.
    pub rank: f64,
    /// Its kind; the shape of its marker.
    pub kind: usize,
}

/// One edge.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GraphEdge {
    /// The nodes.
    pub between: (usize, usize),
    /// Their correlation.
    pub r: f64,
}

const WIDTH: f64 = 692.0;
const TALL: f64 = 540.0;

/// A rectangle: left, top, right, bottom.
type Area = [f64; 4];

fn meet(a: &Area, b: &Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

impl Communities {
    fn drawn(&self) -> Vec<GraphEdge> {
        let n = self.nodes.len();
        let usable = |e: &&GraphEdge| {
            let (a, b) = e.between;
            a < n && b < n && a != b && e.r.is_finite() && e.r.abs() > self.threshold
        };
        self.edges.iter().filter(usable).copied().collect()
    }

    fn isolated(&self, edges: &[GraphEdge]) -> Vec<usize> {
        let joined = |i: usize| edges.iter().any(|e| e.between.0 == i || e.between.1 == i);
        (0..self.nodes.len()).filter(|&i| !joined(i)).collect()
    }

    fn community(&self, c: usize) -> String {
        match self.names.get(c).filter(|n| !n.is_empty()) {
            Some(name) => name.clone(),
            None => format!("community {}", c + 1),
        }
    }

    fn radius(&self, i: usize) -> f64 {
        let most = range(self.nodes.iter().map(|n| n.rank)).map_or(0.0, |(_, high)| high);
        let share = self.nodes[i].rank / most.max(f64::MIN_POSITIVE);
        let share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        // Areas show ranks; the smallest is still a dot.
        (10.0 * share.sqrt()).max(2.5)
    }

    /// Places of the joined nodes in pixels.
    ///
    /// Forces of Fruchterman & Reingold (1991, doi:10.1002/spe.4380211102) from a start in which communities stand
    /// around a circle, with a pull of each node to the middle of its community; a fixed function of the graph.
    /// O(n²) a step, 300 steps, fewer above 400 nodes.
    fn layout(&self, shown: &[usize], edges: &[GraphEdge]) -> Vec<(f64, f64)> {
        let n = shown.len();
        let mut groups: Vec<usize> = shown.iter().map(|&i| self.nodes[i].community).collect();
        let of = groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let mut place = vec![usize::MAX; self.nodes.len()];
        for (k, &i) in shown.iter().enumerate() {
            place[i] = k;
        }
        let group = |k: usize| groups.binary_search(&of[k]).unwrap_or(0);
        let sizes: Vec<usize> = (0..groups.len())
            .map(|g| (0..n).filter(|&k| group(k) == g).count())
            .collect();
        let mut before = 0;
        let centres: Vec<(f64, f64)> = sizes
            .iter()
            .map(|&size| {
                let turn = TAU * (before as f64 + size as f64 / 2.0) / n as f64;
                before += size;
                (turn.cos(), turn.sin())
            })
            .collect();
        let mut seen = vec![0_usize; groups.len()];
        let mut at: Vec<(f64, f64)> = (0..n)
            .map(|k| {
                let g = group(k);
                seen[g] += 1;
                let turn = TAU * seen[g] as f64 / sizes[g] as f64;
                let r = 0.06 * (sizes[g] as f64).sqrt();
                (centres[g].0 + r * turn.cos(), centres[g].1 + r * turn.sin())
            })
            .collect();
        let degree = |i: usize| {
            edges
                .iter()
                .filter(|e| e.between.0 == i || e.between.1 == i)
                .count()
        };
        let degrees: Vec<f64> = shown.iter().map(|&i| degree(i) as f64).collect();
        let ideal = 1.9 / (n.max(1) as f64).sqrt();
        let steps = (50_000_000 / (n * n).max(1)).clamp(1, 300);
        for step in 0..steps {
            let mut force = vec![(0.0, 0.0); n];
            for a in 0..n {
                for b in 0..a {
                    let (dx, dy) = (at[a].0 - at[b].0, at[a].1 - at[b].1);
                    let far = (dx * dx + dy * dy).max(1e-6);
                    let apart = if of[a] == of[b] { 1.5 } else { 1.8 };
                    let push = apart * ideal * ideal / far;
                    force[a].0 += dx * push;
                    force[a].1 += dy * push;
                    force[b].0 -= dx * push;
                    force[b].1 -= dy * push;
                }
            }
            for e in edges {
                let (a, b) = (place[e.between.0], place[e.between.1]);
                let (dx, dy) = (at[a].0 - at[b].0, at[a].1 - at[b].1);
                // Without the degrees, dense communities would shrink to a point.
                let dense = degrees[a].min(degrees[b]).sqrt();
                let pull = 2.0 * e.r.max(0.0) * dx.hypot(dy) / (ideal * dense);
                force[a].0 -= dx * pull;
                force[a].1 -= dy * pull;
                force[b].0 += dx * pull;
                force[b].1 += dy * pull;
            }
            let mut middle = vec![(0.0, 0.0); groups.len()];
            for k in 0..n {
                let (g, size) = (group(k), sizes[group(k)] as f64);
                middle[g] = (middle[g].0 + at[k].0 / size, middle[g].1 + at[k].1 / size);
            }
            let heat = 0.12 * (1.0 - step as f64 / steps as f64) + 1e-3;
            for k in 0..n {
                let m = middle[group(k)];
                force[k].0 += 0.9 * (m.0 - at[k].0) - 0.3 * at[k].0;
                force[k].1 += 0.9 * (m.1 - at[k].1) - 0.3 * at[k].1;
                let size = force[k].0.hypot(force[k].1).max(1e-12);
                let move_by = size.min(heat) / size;
                at[k].0 += force[k].0 * move_by;
                at[k].1 += force[k].1 * move_by;
            }
        }
        let (x, y) = (range(at.iter().map(|p| p.0)), range(at.iter().map(|p| p.1)));
        let ((x0, x1), (y0, y1)) = (x.unwrap_or((0.0, 1.0)), y.unwrap_or((0.0, 1.0)));
        let (left, right, top, bottom) = (100.0, WIDTH - 130.0, 44.0, TALL - 40.0);
        let fit = |v: f64, a: f64, b: f64, from: f64, to: f64| match b - a {
            span if span > 1e-9 => from + (v - a) / span * (to - from),
            _ => f64::midpoint(from, to),
        };
        let mut at: Vec<(f64, f64)> = at
            .iter()
            .map(|p| (fit(p.0, x0, x1, left, right), fit(p.1, y0, y1, top, bottom)))
            .collect();
        // Markers that still lie on each other step aside.
        const FLAT: f64 = 2.0;
        for _ in 0..120 {
            for a in 0..n {
                for b in 0..a {
                    // Names are wide and low: nodes need more room sidewards than up and down.
                    let need = self.radius(shown[a]) + self.radius(shown[b]) + 10.0;
                    let (dx, dy) = ((at[a].0 - at[b].0) / FLAT, at[a].1 - at[b].1);
                    let far = dx.hypot(dy);
                    if far < need {
                        let (ux, uy) = if far > 1e-6 {
                            (dx / far, dy / far)
                        } else {
                            (1.0, 0.0)
                        };
                        let step = (need - far) / 2.0;
                        at[a] = (at[a].0 + ux * step * FLAT, at[a].1 + uy * step);
                        at[b] = (at[b].0 - ux * step * FLAT, at[b].1 - uy * step);
                    }
                }
            }
            for p in &mut at {
                *p = (p.0.clamp(60.0, WIDTH - 90.0), p.1.clamp(30.0, TALL - 20.0));
            }
        }
        at
    }
}

/// The convex hull, counter-clockwise (Andrew 1979); O(n log n).
fn hull(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let turn = |a: (f64, f64), b: (f64, f64), c: (f64, f64)| {
        (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
    };
    let half = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        let mut out: Vec<(f64, f64)> = Vec::new();
        for p in points {
            while out.len() > 1 && turn(out[out.len() - 2], out[out.len() - 1], p) <= 0.0 {
                out.pop();
            }
            out.push(p);
        }
        out.pop();
        out
    };
    let mut out = half(&mut points.iter().copied());
    out.extend(half(&mut points.iter().rev().copied()));
    out
}

/// The first of some places for a label that meets nothing; else the one that meets least. The first `nodes` of the
/// areas taken are markers; to hide a part of one is less bad than to hide words.
fn free(
    places: impl Iterator<Item = (Area, Anchor)>,
    taken: &[Area],
    nodes: usize,
) -> Option<(Area, Anchor)> {
    let inside = |a: &Area| a[0] > 2.0 && a[1] > 2.0 && a[2] < WIDTH - 2.0 && a[3] < TALL;
    let cost = |a: &Area| {
        let met = taken.iter().enumerate().filter(|(_, t)| meet(a, t));
        met.map(|(k, _)| if k < nodes { 1 } else { 3 }).sum::<u32>()
    };
    places
        .filter(|(a, _)| inside(a))
        .min_by_key(|(a, _)| cost(a))
}

impl Figure for Communities {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let edges = self.drawn();
        let isolated = self.isolated(&edges);
        let mut groups: Vec<usize> = self.nodes.iter().map(|n| n.community).collect();
        groups.sort_unstable();
        groups.dedup();
        let words = groups.iter().filter_map(|&c| {
            let members: Vec<&str> = (0..self.nodes.len())
                .filter(|i| self.nodes[*i].community == c && !isolated.contains(i))
                .map(|i| self.nodes[i].label.as_str())
                .collect();
            (!members.is_empty()).then(|| format!("{}: {}", self.community(c), members.join(", ")))
        });
        let words = words.collect::<Vec<_>>().join("; ");
        format!(
            "Graph of {} nodes and {} edges ({} above {}). {words}. Without an edge: {}.",
            self.nodes.len(),
            edges.len(),
            self.quantity,
            decimal(self.threshold),
            isolated.len()
        )
    }

    fn how_to_read(&self) -> &str {
        "Nodes joined by a line go together, the thicker the more closely; dashed lines go against each other. A coloured area is a community: more lines inside \
         than chance would put there. The larger a node, the more central. Places follow the lines, but no distance is exact."
    }

    fn svg(&self) -> Svg {
        let edges = self.drawn();
        let isolated = self.isolated(&edges);
        let shown: Vec<usize> = (0..self.nodes.len())
            .filter(|i| !isolated.contains(i))
            .collect();
        let at = self.layout(&shown, &edges);
        let mut place = vec![(f64::NAN, f64::NAN); self.nodes.len()];
        for (&i, &p) in shown.iter().zip(&at) {
            place[i] = p;
        }
        let mut groups: Vec<usize> = shown.iter().map(|&i| self.nodes[i].community).collect();
        groups.sort_unstable();
        groups.dedup();
        let colours = wheel(groups.len());
        let colour = |c: usize| hex(colours[groups.binary_search(&c).unwrap_or(0)]);
        let mut canvas = Canvas::new(WIDTH, 0.0);
        let mut taken: Vec<Area> = shown
            .iter()
            .map(|&i| {
                let (r, (x, y)) = (self.radius(i) + 1.0, place[i]);
                [x - r, y - r, x + r, y + r]
            })
            .collect();
        let mut titles = Vec::new();
        for &c in &groups {
            let members: Vec<usize> = shown
                .iter()
                .copied()
                .filter(|&i| self.nodes[i].community == c)
                .collect();
            let rim = members.iter().flat_map(|&i| {
                let (r, (x, y)) = (self.radius(i) + 7.0, place[i]);
                (0..16).map(move |k| {
                    let (sin, cos) = (TAU * f64::from(k) / 16.0).sin_cos();
                    (x + r * cos, y + r * sin)
                })
            });
            let hull = hull(rim.collect());
            let mut path: Option<Path> = None;
            for &p in &hull {
                path = Some(match path {
                    None => Path::from(p),
                    Some(path) => path.line(p),
                });
            }
            let attributes = format!(
                "fill=\"{0}\" fill-opacity=\".13\" stroke=\"{0}\" stroke-opacity=\".45\" stroke-linejoin=\"round\"",
                colour(c)
            );
            canvas.group(&attributes, |canvas| {
                if let Some(path) = path.filter(|_| members.len() > 1) {
                    canvas.path("hull", &path.closed());
                }
            });
            let (x, y) = (
                range(hull.iter().map(|p| p.0)),
                range(hull.iter().map(|p| p.1)),
            );
            if let (Some(x), Some(y), true) = (x, y, members.len() > 1) {
                titles.push((c, x, y));
            }
        }
        let most = edges
            .iter()
            .map(|e| e.r.abs())
            .fold(self.threshold, f64::max);
        let width = |r: f64| {
            0.7 + 4.3
                * ((r.abs() - self.threshold) / (most - self.threshold).max(1e-9)).clamp(0.0, 1.0)
        };
        for e in &edges {
            let (a, b) = (place[e.between.0], place[e.between.1]);
            let hint = format!(
                "{}, {}: {}",
                self.nodes[e.between.0].label,
                self.nodes[e.between.1].label,
                decimal(e.r)
            );
            let dash = if e.r < 0.0 {
                " stroke-dasharray=\"3 3\""
            } else {
                ""
            };
            canvas.group(
                &format!(
                    "style=\"stroke-width:{:.1}px\" stroke-opacity=\".6\"{dash}",
                    width(e.r)
                ),
                |canvas| {
                    canvas.hinted(&hint, |canvas| canvas.line("link", a, b));
                },
            );
        }
        for &i in &shown {
            let node = &self.nodes[i];
            let hint = format!(
                "{}: {}, PageRank {}",
                node.label,
                self.community(node.community),
                decimal(node.rank)
            );
            canvas.group(&format!("fill=\"{}\"", colour(node.community)), |canvas| {
                canvas.hinted(&hint, |canvas| {
                    // A square of the half-width r would be larger than the circle of radius r.
                    let r = self.radius(i) * if node.kind % 4 == 1 { 0.886 } else { 1.0 };
                    canvas.marker("edge", node.kind, place[i], r);
                });
            });
        }
        for &(c, (x0, x1), (y0, y1)) in &titles {
            let name = shorten(&self.community(c), TICK, 190.0);
            let half = text_width(&name, TICK) * 0.54;
            let middle = f64::midpoint(x0, x1);
            let area = |x: f64, y: f64| [x - half, y - 0.8 * TICK, x + half, y + 0.25 * TICK];
            let places = [
                (middle, y0 - 4.0),
                (middle, y1 + TICK),
                (x0 + half, y0 - 4.0),
                (x1 - half, y0 - 4.0),
                (x0 + half, y1 + TICK),
                (x1 - half, y1 + TICK),
                (middle, y0 - 16.0),
                (middle, y1 + 22.0),
            ];
            let places = places.into_iter().map(|(x, y)| {
                (
                    area(
                        x.clamp(half + 3.0, WIDTH - half - 3.0),
                        y.clamp(12.0, TALL - 4.0),
                    ),
                    Anchor::Middle,
                )
            });
            if let Some((area, _)) = free(places, &taken, shown.len()) {
                taken.push(area);
                let at = (f64::midpoint(area[0], area[2]), area[1] + 0.8 * TICK);
                canvas.text("note bold halo", at, Anchor::Middle, &name);
            }
        }
        self.labels(&mut canvas, &shown, &place, &taken);
        let end = self.legend(&mut canvas, &edges, &isolated, &width);
        canvas.finish_at(end + 8.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["kind", "name", "other", "community", "pagerank", "r"]);
        let isolated = self.isolated(&self.drawn());
        for (i, node) in self.nodes.iter().enumerate() {
            let community = if isolated.contains(&i) {
                "none: isolated".into()
            } else {
                self.community(node.community)
            };
            table.push([
                Cell::from("node"),
                node.label.as_str().into(),
                Cell::Missing,
                community.as_str().into(),
                node.rank.into(),
                Cell::Missing,
            ]);
        }
        for e in self.drawn() {
            let name = |i: usize| Cell::from(self.nodes[i].label.as_str());
            table.push([
                Cell::from("edge"),
                name(e.between.0),
                name(e.between.1),
                Cell::Missing,
                Cell::Missing,
                e.r.into(),
            ]);
        }
        table
    }
}

impl Communities {
    /// Writes the names of nodes where they meet least: the most central choose first, then each chooses once more
    /// with all others in place.
    fn labels(&self, canvas: &mut Canvas, shown: &[usize], place: &[(f64, f64)], taken: &[Area]) {
        let mut order = shown.to_vec();
        order.sort_by(|&a, &b| {
            let (x, y) = (&self.nodes[a], &self.nodes[b]);
            y.rank.total_cmp(&x.rank).then(a.cmp(&b))
        });
        let mut chosen: Vec<Option<(Area, Anchor)>> = vec![None; order.len()];
        let name = |i: usize| shorten(&self.nodes[i].label, NAME, 130.0);
        for _ in 0..3 {
            for (k, &i) in order.iter().enumerate() {
                let ((x, y), r) = (place[i], self.radius(i) + 3.0);
                let wide = text_width(&name(i), NAME);
                let area = |left: f64, base: f64| {
                    [left, base - 0.75 * NAME, left + wide, base + 0.22 * NAME]
                };
                // Beside the node first, then above and below it, then farther around.
                let low = y + 0.35 * NAME;
                let (above, below) = (y - r - 0.2 * NAME, y + r + 0.8 * NAME);
                let rows = [
                    (low, r),
                    (above, 0.5 * r),
                    (below, 0.5 * r),
                    (above - 6.0, 0.0),
                    (below + 6.0, 0.0),
                ];
                let places = rows.into_iter().flat_map(|(base, out)| {
                    let middle = (area(x - wide / 2.0, base), Anchor::Middle);
                    let beside = [
                        (area(x + out, base), Anchor::Start),
                        (area(x - out - wide, base), Anchor::End),
                    ];
                    (base != low).then_some(middle).into_iter().chain(beside)
                });
                chosen[k] = None;
                let words = chosen.iter().flatten().map(|(area, _)| *area);
                let all: Vec<Area> = taken.iter().copied().chain(words).collect();
                chosen[k] = free(places, &all, shown.len());
            }
        }
        for (&i, label) in order.iter().zip(&chosen) {
            if let Some((area, anchor)) = *label {
                let x = match anchor {
                    Anchor::Start => area[0],
                    Anchor::Middle => f64::midpoint(area[0], area[2]),
                    Anchor::End => area[2],
                };
                canvas.text("small halo", (x, area[1] + 0.75 * NAME), anchor, &name(i));
            }
        }
    }

    fn legend(
        &self,
        canvas: &mut Canvas,
        edges: &[GraphEdge],
        isolated: &[usize],
        width: &dyn Fn(f64) -> f64,
    ) -> f64 {
        let y = TALL + 16.0;
        let mut x = 10.0;
        let sizes = range(self.nodes.iter().map(|n| n.rank)).map_or(0.0, |(_, high)| high);
        canvas.text("note", (x, y + 4.0), Anchor::Start, "PageRank");
        x += 58.0;
        for share in [0.1, 0.4, 1.0] {
            let (r, text) = (10.0 * f64::sqrt(share), decimal(share * sizes));
            canvas.marker("missing", 0, (x + r, y), r.max(2.5));
            canvas.text("tick", (x + 2.0 * r + 4.0, y + 4.0), Anchor::Start, &text);
            x += 2.0 * r + 12.0 + text_width(&text, TICK);
        }
        x += 14.0;
        canvas.text("note", (x, y + 4.0), Anchor::Start, "r");
        x += 12.0;
        if let Some((low, high)) = range(edges.iter().map(|e| e.r.abs())) {
            for r in [low, high] {
                canvas.group(
                    &format!(
                        "style=\"stroke-width:{:.1}px\" stroke-opacity=\".6\"",
                        width(r)
                    ),
                    |canvas| {
                        canvas.line("link", (x, y), (x + 24.0, y));
                    },
                );
                canvas.text("tick", (x + 29.0, y + 4.0), Anchor::Start, &decimal(r));
                x += 40.0 + text_width(&decimal(r), TICK);
            }
        }
        if edges.iter().any(|e| e.r < 0.0) {
            canvas.group("stroke-dasharray=\"3 3\"", |canvas| {
                canvas.line("link", (x, y), (x + 24.0, y));
            });
            canvas.text("tick", (x + 29.0, y + 4.0), Anchor::Start, "negative");
        }
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .enumerate()
            .map(|(k, name)| (Sign::Dot("missing", k), name.as_str()))
            .collect();
        let y = if kinds.len() > 1 {
            key(canvas, (10.0, WIDTH - 10.0), y + 16.0, &kinds)
        } else {
            y + 10.0
        };
        let mut words = format!(
            "{} edges: {} above {}.",
            count(edges.len() as u64),
            self.quantity,
            decimal(self.threshold)
        );
        if !isolated.is_empty() {
            let names: Vec<&str> = isolated
                .iter()
                .map(|&i| self.nodes[i].label.as_str())
                .collect();
            words += &format!(" Without an edge ({}): {}.", names.len(), names.join(", "));
        }
        notes(canvas, (10.0, WIDTH - 10.0), y + 4.0, &words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hull_holds_all_points_and_no_more_corners_than_it_needs() {
        let square = vec![
            (0.0, 0.0),
            (2.0, 0.0),
            (2.0, 2.0),
            (0.0, 2.0),
            (1.0, 1.0),
            (1.0, 0.0),
        ];
        assert_eq!(
            hull(square),
            [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
        );
    }
}
