//! Points in boxes, to find those that are near.

use std::collections::HashMap;

/// Points by the cube of space that they lie in.
pub(crate) struct Bins<'a> {
    points: &'a [[f64; 3]],
    edge: f64,
    cubes: HashMap<[i64; 3], Vec<u32>>,
}

impl<'a> Bins<'a> {
    /// Puts the points that `keep` into cubes of an edge that is positive and finite.
    pub(crate) fn new(points: &'a [[f64; 3]], edge: f64, keep: impl Fn(usize) -> bool) -> Self {
        let mut cubes: HashMap<[i64; 3], Vec<u32>> = HashMap::new();
        for (i, point) in points.iter().enumerate().filter(|(i, _)| keep(*i)) {
            cubes.entry(cube(*point, edge)).or_default().push(i as u32);
        }
        Self {
            points,
            edge,
            cubes,
        }
    }

    /// Points within a cube of half-edge `radius` around `at`, and a few more, with their squared distances.
    pub(crate) fn near(&self, at: [f64; 3], radius: f64) -> Vec<(f64, u32)> {
        let low = cube(at.map(|x| x - radius), self.edge);
        let high = cube(at.map(|x| x + radius), self.edge);
        let mut near = Vec::new();
        let measure = |&i: &u32| {
            let [x, y, z] = [0, 1, 2].map(|k| self.points[i as usize][k] - at[k]);
            (x * x + y * y + z * z, i)
        };
        let boxes = [0, 1, 2].map(|k| high[k] as f64 - low[k] as f64 + 1.0);
        if boxes.iter().product::<f64>() > self.cubes.len() as f64 {
            let inside = |c: &[i64; 3]| (0..3).all(|k| (low[k]..=high[k]).contains(&c[k]));
            for (_, members) in self.cubes.iter().filter(|(c, _)| inside(c)) {
                near.extend(members.iter().map(measure));
            }
            return near;
        }
        for x in low[0]..=high[0] {
            for y in low[1]..=high[1] {
                for z in low[2]..=high[2] {
                    let members = self.cubes.get(&[x, y, z]).into_iter().flatten();
                    near.extend(members.map(measure));
                }
            }
        }
        near
    }

    /// The `n` nearest points, nearest first, ties by place; fewer where there are fewer.
    pub(crate) fn nearest(&self, at: [f64; 3], n: usize) -> Vec<(f64, u32)> {
        let all = self.cubes.values().map(Vec::len).sum::<usize>();
        let mut radius = self.edge;
        loop {
            let mut near = self.near(at, radius);
            let inside = near.iter().filter(|(d, _)| *d <= radius * radius).count();
            if inside >= n || near.len() == all {
                near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                near.truncate(n);
                return near;
            }
            radius *= 1.5;
        }
    }
}

fn cube(at: [f64; 3], edge: f64) -> [i64; 3] {
    at.map(|x| (x / edge).floor() as i64)
}
