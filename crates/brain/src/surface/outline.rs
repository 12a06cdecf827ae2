//! Borders between labelled regions of a plane, each kept once and shared by both sides.
//!
//! Since neighbours share their border, simplification cannot tear them apart or make them overlap.

use std::collections::{BTreeMap, HashMap};

use super::mesh::{Mesh, MeshError};

/// A border between two regions; label 0 is background.
#[derive(Debug, Clone, PartialEq)]
pub struct Arc {
    /// The label at left as one walks along, y upwards.
    pub left: i64,
    /// The label at right; always greater than `left`.
    pub right: i64,
    /// From one junction to the next, or around with the first point again at the end.
    pub points: Vec<[f64; 2]>,
}

/// The borders of a labelled plane.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outlines {
    /// All borders.
    pub arcs: Vec<Arc>,
}

/// Pieces of borders on their way to arcs.
#[derive(Default)]
struct Pieces {
    nodes: HashMap<[u64; 2], u32>,
    places: Vec<[f64; 2]>,
    /// Start, end, left label, right label; left < right.
    pieces: Vec<(u32, u32, i64, i64)>,
}

impl Pieces {
    fn node(&mut self, at: [f64; 2]) -> u32 {
        let next = self.places.len() as u32;
        // + 0.0 makes one of the two zeros.
        let node = *self
            .nodes
            .entry(at.map(|x| (x + 0.0).to_bits()))
            .or_insert(next);
        if node == next {
            self.places.push(at);
        }
        node
    }

    fn add(&mut self, from: [f64; 2], to: [f64; 2], left: i64, right: i64) {
        let (from, to) = (self.node(from), self.node(to));
        if left < right {
            self.pieces.push((from, to, left, right));
        } else if right < left {
            self.pieces.push((to, from, right, left));
        }
    }

    /// Joins pieces at nodes where exactly one ends and one with the same labels begins.
    fn arcs(self) -> Vec<Arc> {
        let mut out: Vec<Vec<u32>> = vec![Vec::new(); self.places.len()];
        let mut into: Vec<Vec<u32>> = out.clone();
        for (i, &(from, to, ..)) in self.pieces.iter().enumerate() {
            out[from as usize].push(i as u32);
            into[to as usize].push(i as u32);
        }
        let labels = |i: u32| (self.pieces[i as usize].2, self.pieces[i as usize].3);
        let passes = |node: u32| match (&*into[node as usize], &*out[node as usize]) {
            ([a], [b]) => labels(*a) == labels(*b),
            _ => false,
        };
        let mut seen = vec![false; self.pieces.len()];
        let mut arcs = Vec::new();
        for from_junctions in [true, false] {
            for first in 0..self.pieces.len() {
                let (start, _, left, right) = self.pieces[first];
                if seen[first] || (from_junctions && passes(start)) {
                    continue;
                }
                let mut points = vec![self.places[start as usize]];
                let mut piece = first;
                loop {
                    seen[piece] = true;
                    let end = self.pieces[piece].1;
                    points.push(self.places[end as usize]);
                    if !passes(end) {
                        break;
                    }
                    let next = out[end as usize][0] as usize;
                    if seen[next] {
                        break;
                    }
                    piece = next;
                }
                arcs.push(Arc {
                    left,
                    right,
                    points,
                });
            }
        }
        arcs
    }
}

impl Outlines {
    /// Borders of labelled points of a flat mesh: through the middles of edges whose ends differ, through the centre
    /// of triangles with three labels, and along the rim of the mesh. O(triangles).
    ///
    /// # Errors
    /// [`MeshError::Count`] for labels of another mesh.
    pub fn of_mesh(flat: &Mesh, labels: &[i64]) -> Result<Self, MeshError> {
        if labels.len() != flat.points().len() {
            return Err(MeshError::Count {
                expected: flat.points().len(),
                found: labels.len(),
            });
        }
        let at = |p: u32| [flat.points()[p as usize][0], flat.points()[p as usize][1]];
        let label = |p: u32| labels[p as usize];
        // Middles are taken from the lower point to the higher, so that both triangles of an edge find the same.
        let middle = |p: u32, q: u32| {
            let (a, b) = (at(p.min(q)), at(p.max(q)));
            [f64::midpoint(a[0], b[0]), f64::midpoint(a[1], b[1])]
        };
        let triangles: Vec<[u32; 3]> = flat
            .triangles()
            .iter()
            .map(|&[a, b, c]| {
                let [p, q, r] = [a, b, c].map(at);
                let area = (q[0] - p[0]) * (r[1] - p[1]) - (r[0] - p[0]) * (q[1] - p[1]);
                if area < 0.0 { [a, c, b] } else { [a, b, c] }
            })
            .collect();
        let sides = |t: &[u32; 3]| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])];
        let mut known: HashMap<(u32, u32), u32> = HashMap::new();
        for side in triangles.iter().flat_map(sides) {
            *known.entry(side).or_default() += 1;
        }
        let mut pieces = Pieces::default();
        for t in &triangles {
            let differing: Vec<(u32, u32)> = sides(t)
                .into_iter()
                .filter(|&(p, q)| label(p) != label(q))
                .collect();
            match differing[..] {
                [(a, b), (c, d)] => {
                    // The lone corner is common to both sides; it lies at left of the way from the side that leaves
                    // it to the one that enters it.
                    let (from, to, lone, other) = match b == c {
                        true => (middle(c, d), middle(a, b), b, a),
                        false => (middle(a, b), middle(c, d), a, b),
                    };
                    pieces.add(from, to, label(lone), label(other));
                }
                [_, _, _] => {
                    let [a, b, c] = t.map(at);
                    let centre = [0, 1].map(|k| (a[k] + b[k] + c[k]) / 3.0);
                    for (p, q) in sides(t) {
                        pieces.add(middle(p, q), centre, label(p), label(q));
                    }
                }
                _ => {}
            }
            for (p, q) in sides(t) {
                if known.contains_key(&(q, p)) {
                    continue;
                }
                if label(p) == label(q) {
                    pieces.add(at(p), at(q), label(p), 0);
                } else {
                    pieces.add(at(p), middle(p, q), label(p), 0);
                    pieces.add(middle(p, q), at(q), label(q), 0);
                }
            }
        }
        Ok(Self {
            arcs: pieces.arcs(),
        })
    }

    /// Borders of a label image, along the edges of pixels; x runs with columns, y against rows, a pixel has edge 1
    /// and the image ends at y = 0 below. O(pixels).
    ///
    /// # Errors
    /// [`MeshError::Count`] unless the image has whole rows.
    pub fn of_image(width: usize, labels: &[i64]) -> Result<Self, MeshError> {
        if width == 0 || !labels.len().is_multiple_of(width) {
            return Err(MeshError::Count {
                expected: width * (labels.len() / width.max(1)),
                found: labels.len(),
            });
        }
        let height = labels.len() / width;
        let label = |i: Option<usize>, j: Option<usize>| match (i, j) {
            (Some(i), Some(j)) if i < width && j < height => labels[j * width + i],
            _ => 0,
        };
        let place = |i: usize, j: usize| [i as f64, (height - j) as f64];
        let mut pieces = Pieces::default();
        for j in 0..=height {
            for i in 0..=width {
                let (before_i, before_j) = (i.checked_sub(1), j.checked_sub(1));
                let here = label(Some(i), Some(j));
                if j < height {
                    // Downwards along the left edge of pixel (i, j): that pixel is at left.
                    pieces.add(place(i, j), place(i, j + 1), here, label(before_i, Some(j)));
                }
                if i < width {
                    // To the right along the upper edge: the pixel above is at left.
                    pieces.add(place(i, j), place(i + 1, j), label(Some(i), before_j), here);
                }
            }
        }
        Ok(Self {
            arcs: pieces.arcs(),
        })
    }

    /// Labels with a border, ascending, without background.
    pub fn labels(&self) -> Vec<i64> {
        let mut labels: Vec<i64> = self
            .arcs
            .iter()
            .flat_map(|arc| [arc.left, arc.right])
            .collect();
        labels.sort_unstable();
        labels.dedup();
        labels.retain(|&label| label != 0);
        labels
    }

    /// Borders of larger regions: `region` of each label, background included; borders within a region vanish.
    pub fn merged(&self, region: impl Fn(i64) -> i64) -> Self {
        let merge = |arc: &Arc| {
            let (left, right) = (region(arc.left), region(arc.right));
            let mut points = arc.points.clone();
            if left > right {
                points.reverse();
            }
            (left != right).then_some(Arc {
                left: left.min(right),
                right: left.max(right),
                points,
            })
        };
        Self {
            arcs: self.arcs.iter().filter_map(merge).collect(),
        }
    }

    /// Closed rings around a label, the last point not repeated: counter-clockwise around it, clockwise around holes.
    pub fn rings(&self, label: i64) -> Vec<Vec<[f64; 2]>> {
        let key = |p: [f64; 2]| p.map(|x| (x + 0.0).to_bits());
        let mut ways: Vec<Vec<[f64; 2]>> = Vec::new();
        for arc in &self.arcs {
            if arc.left == label {
                ways.push(arc.points.clone());
            } else if arc.right == label {
                ways.push(arc.points.iter().rev().copied().collect());
            }
        }
        let mut from: HashMap<[u64; 2], Vec<usize>> = HashMap::new();
        for (i, way) in ways.iter().enumerate().rev() {
            from.entry(key(way[0])).or_default().push(i);
        }
        let mut seen = vec![false; ways.len()];
        let mut rings = Vec::new();
        for first in 0..ways.len() {
            if seen[first] {
                continue;
            }
            let mut ring: Vec<[f64; 2]> = Vec::new();
            let mut next = Some(first);
            while let Some(way) = next {
                seen[way] = true;
                let (points, end) = ways[way].split_at(ways[way].len() - 1);
                ring.extend_from_slice(points);
                let leaving = from.get_mut(&key(end[0]));
                next = leaving.and_then(|ways| {
                    ways.retain(|&w| !seen[w]);
                    ways.pop()
                });
                if key(end[0]) == key(ring[0]) {
                    if let (Some(way), Some(ways)) = (next, from.get_mut(&key(end[0]))) {
                        ways.push(way);
                    }
                    next = None;
                }
            }
            rings.push(ring);
        }
        rings
    }

    /// Borders with fewer points, none farther than `tolerance` from where it was (Douglas & Peucker 1973).
    ///
    /// Junctions stay, rings keep a triangle at least, and borders that would cross others after simplification keep
    /// more of their points until none does. O(points · log points) and some for crossings.
    pub fn simplified(&self, tolerance: f64) -> Self {
        let mut ends: HashMap<[[u64; 2]; 2], usize> = HashMap::new();
        let pair = |arc: &Arc| {
            let (a, b) = (arc.points[0], arc.points[arc.points.len() - 1]);
            let mut pair = [a, b].map(|p| p.map(|x| (x + 0.0).to_bits()));
            pair.sort_unstable();
            pair
        };
        for arc in &self.arcs {
            *ends.entry(pair(arc)).or_default() += 1;
        }
        let mut tolerances = vec![tolerance; self.arcs.len()];
        loop {
            let arcs: Vec<Arc> = self
                .arcs
                .iter()
                .zip(&tolerances)
                .map(|(arc, &tolerance)| Arc {
                    points: thin(&arc.points, tolerance, ends[&pair(arc)] > 1),
                    ..*arc
                })
                .collect();
            let crossing: Vec<usize> = crossings(&arcs)
                .into_iter()
                .filter(|&i| arcs[i].points.len() < self.arcs[i].points.len())
                .collect();
            if crossing.is_empty() {
                return Self { arcs };
            }
            for i in crossing {
                // After 20 halvings nothing is left to simplify.
                let halved = tolerances[i] / 2.0;
                tolerances[i] = if halved < tolerance * 1e-6 {
                    0.0
                } else {
                    halved
                };
            }
        }
    }

    /// Borders on a grid of edge `quantum`, as text: a line an arc, with left label, right label, the first point and
    /// steps from point to point in whole quanta. Borders shorter than a step are left out, their ends being one.
    pub fn text(&self, quantum: f64) -> String {
        let mut out = String::new();
        for arc in &self.arcs {
            let mut points: Vec<[i64; 2]> = arc
                .points
                .iter()
                .map(|p| p.map(|x| (x / quantum).round() as i64))
                .collect();
            points.dedup();
            if points.len() < 2 {
                continue;
            }
            out += &format!("{} {}", arc.left, arc.right);
            let mut before = [0; 2];
            for at in points {
                out += &format!(" {} {}", at[0] - before[0], at[1] - before[1]);
                before = at;
            }
            out.push('\n');
        }
        out
    }

    /// Reads what [`Self::text`] wrote; lines that start with `#` are remarks. None for anything else.
    pub fn read(text: &str, quantum: f64) -> Option<Self> {
        let mut arcs = Vec::new();
        for line in text
            .lines()
            .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        {
            let numbers = line.split_whitespace().map(str::parse::<i64>);
            let numbers = numbers.collect::<Result<Vec<_>, _>>().ok()?;
            let (labels, steps) = numbers.split_at_checked(2)?;
            if steps.len() < 4 || !steps.len().is_multiple_of(2) {
                return None;
            }
            let mut at = [0_i64; 2];
            let mut points = Vec::with_capacity(steps.len() / 2);
            for step in steps.chunks_exact(2) {
                at = [at[0].checked_add(step[0])?, at[1].checked_add(step[1])?];
                points.push(at.map(|x| x as f64 * quantum));
            }
            arcs.push(Arc {
                left: labels[0],
                right: labels[1],
                points,
            });
        }
        Some(Self { arcs })
    }
}

/// A point well inside the largest of rings, for a name: among places of a grid the one farthest from all edges.
pub fn inner_point(rings: &[Vec<[f64; 2]>]) -> Option<[f64; 2]> {
    const STEPS: usize = 24;
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for p in rings.iter().flatten() {
        for k in 0..2 {
            low[k] = low[k].min(p[k]);
            high[k] = high[k].max(p[k]);
        }
    }
    let mut best: Option<(f64, [f64; 2])> = None;
    for j in 0..STEPS {
        for i in 0..STEPS {
            let share = [i, j].map(|n| (n as f64 + 0.5) / STEPS as f64);
            let at = [0, 1].map(|k| low[k] + share[k] * (high[k] - low[k]));
            let (mut inside, mut nearest) = (false, f64::INFINITY);
            for ring in rings {
                for (k, &a) in ring.iter().enumerate() {
                    let b = ring[(k + 1) % ring.len()];
                    if (a[1] > at[1]) != (b[1] > at[1])
                        && at[0] < (b[0] - a[0]) * (at[1] - a[1]) / (b[1] - a[1]) + a[0]
                    {
                        inside = !inside;
                    }
                    nearest = nearest.min(off(at, a, b));
                }
            }
            if inside && best.is_none_or(|(far, _)| nearest > far) {
                best = Some((nearest, at));
            }
        }
    }
    best.map(|(_, at)| at)
}

/// The squared distance of a point from a line between two others.
fn off(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (along, way) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 {
        ((way[0] * along[0] + way[1] * along[1]) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let rest = [way[0] - share * along[0], way[1] - share * along[1]];
    rest[0] * rest[0] + rest[1] * rest[1]
}

/// Keeps the ends, what is farther off than the tolerance, and, if `bent`, one point between at least; two for rings.
fn thin(points: &[[f64; 2]], tolerance: f64, bent: bool) -> Vec<[f64; 2]> {
    let n = points.len();
    let mut keep = vec![false; n];
    keep[0] = true;
    keep[n - 1] = true;
    let farthest = |a: usize, b: usize| {
        (a + 1..b)
            .map(|i| (off(points[i], points[a], points[b]), i))
            .max_by(|x, y| x.0.total_cmp(&y.0))
    };
    let ring = points[0] == points[n - 1];
    let mut spans = vec![(0, n - 1)];
    if (bent || ring)
        && let Some((_, middle)) = farthest(0, n - 1)
    {
        keep[middle] = true;
        spans = vec![(0, middle), (middle, n - 1)];
        if ring {
            let sides = spans.iter().filter_map(|&(a, b)| farthest(a, b));
            if let Some((_, second)) = sides.max_by(|x, y| x.0.total_cmp(&y.0)) {
                keep[second] = true;
            }
            spans = split(&keep);
        }
    }
    while let Some((a, b)) = spans.pop() {
        if let Some((far, middle)) = farthest(a, b)
            && far > tolerance * tolerance
        {
            keep[middle] = true;
            spans.extend([(a, middle), (middle, b)]);
        }
    }
    points
        .iter()
        .zip(&keep)
        .filter(|(_, keep)| **keep)
        .map(|(p, _)| *p)
        .collect()
}

fn split(keep: &[bool]) -> Vec<(usize, usize)> {
    let kept: Vec<usize> = (0..keep.len()).filter(|&i| keep[i]).collect();
    kept.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Arcs with a piece that properly crosses a piece of another arc or of itself.
fn crossings(arcs: &[Arc]) -> Vec<usize> {
    let mut pieces: Vec<(f64, f64, usize, [f64; 2], [f64; 2])> = Vec::new();
    for (i, arc) in arcs.iter().enumerate() {
        for pair in arc.points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            pieces.push((a[0].min(b[0]), a[0].max(b[0]), i, a, b));
        }
    }
    pieces.sort_by(|x, y| x.0.total_cmp(&y.0));
    let side = |a: [f64; 2], b: [f64; 2], p: [f64; 2]| {
        (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
    };
    let mut crossing = BTreeMap::new();
    for (k, &(_, end, i, a, b)) in pieces.iter().enumerate() {
        for &(start, _, j, c, d) in &pieces[k + 1..] {
            if start > end {
                break;
            }
            if side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0 {
                crossing.insert(i, ());
                crossing.insert(j, ());
            }
        }
    }
    crossing.into_keys().collect()
}
