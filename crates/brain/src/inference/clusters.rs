//! Clusters of large values on a volume or a surface, and their threshold-free enhancement.

use super::InferenceError;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Which places of a map touch: a graph, of voxels or of vertices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    starts: Vec<usize>,
    places: Vec<u32>,
}

/// When two voxels touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// By a face: 6 neighbours; nilearn's choice.
    Faces,
    /// By a face or an edge: 18.
    Edges,
    /// By a face, an edge or a corner: 26.
    Corners,
}

impl Neighbours {
    /// The graph of `n` places with the given edges; direction and repeats do not matter. O(edges log edges).
    ///
    /// # Errors
    /// An edge to a place that is not below `n`.
    pub fn from_edges(
        n: usize,
        edges: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Self, InferenceError> {
        let mut both: Vec<(u32, u32)> = Vec::new();
        for (a, b) in edges {
            let largest = a.max(b);
            if largest as usize >= n {
                return Err(InferenceError::Parameter {
                    name: "a place on the map",
                    value: f64::from(largest),
                    range: "below the number of places",
                });
            }
            if a != b {
                both.extend([(a, b), (b, a)]);
            }
        }
        both.sort_unstable();
        both.dedup();
        let mut starts = vec![0; n + 1];
        both.iter().for_each(|&(a, _)| starts[a as usize + 1] += 1);
        for place in 0..n {
            starts[place + 1] += starts[place];
        }
        Ok(Self {
            starts,
            places: both.into_iter().map(|(_, b)| b).collect(),
        })
    }

    /// Voxels, given by their indices in a grid, that touch. O(voxels).
    ///
    /// # Errors
    /// Two voxels with the same indices.
    pub fn of_voxels(voxels: &[[i32; 3]], touch: Touch) -> Result<Self, InferenceError> {
        let most = match touch {
            Touch::Faces => 1,
            Touch::Edges => 2,
            Touch::Corners => 3,
        };
        let at: HashMap<[i32; 3], u32> = voxels.iter().copied().zip(0..).collect();
        if at.len() < voxels.len() {
            return Err(InferenceError::Lengths {
                what: "different voxels",
                found: at.len(),
                expected: voxels.len(),
            });
        }
        let steps: Vec<[i32; 3]> = (0_i32..27)
            .map(|s| [s / 9 - 1, s / 3 % 3 - 1, s % 3 - 1])
            .filter(|step| (1..=most).contains(&step.iter().map(|d| d.abs()).sum::<i32>()))
            .collect();
        let edges = voxels.iter().zip(0..).flat_map(|(voxel, from)| {
            let at = &at;
            steps.iter().filter_map(move |step| {
                let to = [0, 1, 2].map(|axis| voxel[axis].wrapping_add(step[axis]));
                at.get(&to).map(|&to| (from, to))
            })
        });
        Self::from_edges(voxels.len(), edges)
    }

    /// Vertices of a surface that share an edge of a triangle.
    ///
    /// # Errors
    /// A vertex that is not below `vertices`.
    pub fn of_triangles(vertices: usize, triangles: &[[u32; 3]]) -> Result<Self, InferenceError> {
        Self::from_edges(
            vertices,
            triangles
                .iter()
                .flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]),
        )
    }

    /// Places of the map.
    #[must_use]
    pub fn n(&self) -> usize {
        self.starts.len() - 1
    }

    /// The neighbours of a place, ascending.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn of(&self, place: usize) -> &[u32] {
        &self.places[self.starts[place]..self.starts[place + 1]]
    }

    fn check(&self, values: &[f64]) -> Result<(), InferenceError> {
        if values.len() == self.n() {
            return Ok(());
        }
        Err(InferenceError::Lengths {
            what: "values",
            found: values.len(),
            expected: self.n(),
        })
    }
}

/// Places that touch and lie beyond a threshold on one side of 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its places, ascending.
    pub places: Vec<u32>,
    /// Σ (|value| − threshold).
    pub mass: f64,
    /// The place with the value farthest from 0, the first of several.
    pub peak: u32,
    /// Whether its values are positive.
    pub positive: bool,
}

/// Clusters of values > threshold, and of values < −threshold if `two_sided`, by their first place. O(V + edges).
///
/// NaN belongs to no cluster. Extent (the number of places) and mass are those of nilearn's
/// `calculate_cluster_measures`.
///
/// # Errors
/// A number of values other than that of places, or a threshold that is not ≥ 0.
pub fn clusters(
    values: &[f64],
    threshold: f64,
    neighbours: &Neighbours,
    two_sided: bool,
) -> Result<Vec<Cluster>, InferenceError> {
    neighbours.check(values)?;
    if threshold.is_nan() || threshold < 0.0 {
        return Err(InferenceError::Parameter {
            name: "the threshold of clusters",
            value: threshold,
            range: "0 or more",
        });
    }
    let side = |value: f64| value > threshold || two_sided && value < -threshold;
    let mut seen = vec![false; values.len()];
    let mut found = Vec::new();
    for start in 0..values.len() {
        if seen[start] || !side(values[start]) {
            continue;
        }
        let positive = values[start] > 0.0;
        seen[start] = true;
        let mut places = vec![start as u32];
        let mut next = 0;
        while let Some(&place) = places.get(next) {
            next += 1;
            for &other in neighbours.of(place as usize) {
                let value = values[other as usize];
                if !seen[other as usize] && side(value) && (value > 0.0) == positive {
                    seen[other as usize] = true;
                    places.push(other);
                }
            }
        }
        places.sort_unstable();
        let size = |&place: &u32| values[place as usize].abs();
        let mut peak = places[0];
        for place in &places {
            if size(place) > size(&peak) {
                peak = *place;
            }
        }
        found.push(Cluster {
            mass: places.iter().map(|place| size(place) - threshold).sum(),
            peak,
            positive,
            places,
        });
    }
    Ok(found)
}

/// The heights that threshold-free cluster enhancement sums over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heights {
    /// All of them: the integral, which compares between maps.
    All,
    /// So many equal steps up to the largest value, the sum not multiplied by their width: nilearn's and fslmaths'
    /// choice, with 100. Values compare only between maps with the same largest value.
    Steps(u32),
    /// The same with steps of about this height: 10 to 1,000 of them reach the largest value.
    Step(f64),
}

/// How threshold-free cluster enhancement weighs extent and height.
///
/// | parameter | default |
/// |---|---|
/// | `extent` E | 0.5 |
/// | `height` H | 2 |
/// | `heights` | all |
/// | `two_sided` | true |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TfceParams {
    /// Exponent of the extent.
    pub extent: f64,
    /// Exponent of the height.
    pub height: f64,
    /// What is summed over.
    pub heights: Heights,
    /// Whether negative values are enhanced too.
    pub two_sided: bool,
}

impl Default for TfceParams {
    fn default() -> Self {
        Self {
            extent: 0.5,
            height: 2.0,
            heights: Heights::All,
            two_sided: true,
        }
    }
}

/// Threshold-free cluster enhancement: ∫ e(h)^E h^H dh from 0 to a place's value, e the extent of the cluster around it.
///
/// Exact, since e changes only where a place joins: no steps have to be chosen. With [`Heights::Steps`]
/// or [`Heights::Step`] it equals nilearn's `calculate_tfce`. NaN gives 0, values below 0 are
/// enhanced with their sign if `two_sided`. O(V log V + edges).
///
/// Smith & Nichols (2009), doi:10.1016/j.neuroimage.2008.03.061.
///
/// # Errors
/// A number of values other than that of places, infinite values, or parameters that are not positive.
pub fn tfce(
    values: &[f64],
    neighbours: &Neighbours,
    params: TfceParams,
) -> Result<Vec<f64>, InferenceError> {
    neighbours.check(values)?;
    let TfceParams {
        extent,
        height,
        heights,
        two_sided,
    } = params;
    let step = match heights {
        Heights::All => 1.0,
        Heights::Steps(steps) => f64::from(steps),
        Heights::Step(step) => step,
    };
    for (name, value) in [
        ("the exponent of extent", extent),
        ("the exponent of height", height),
        ("the step", step),
    ] {
        let sound = value > 0.0 && value.is_finite();
        if !sound {
            return Err(InferenceError::Parameter {
                name,
                value,
                range: "above 0",
            });
        }
    }
    if let Some(&value) = values.iter().find(|value| value.is_infinite()) {
        return Err(InferenceError::Parameter {
            name: "a value to be enhanced",
            value,
            range: "finite, or NaN where there is none",
        });
    }
    let mut out = vec![0.0; values.len()];
    let signs = if two_sided { &[-1.0, 1.0][..] } else { &[1.0] };
    let largest = values
        .iter()
        .map(|&v| if two_sided { v.abs() } else { v })
        .fold(0.0, f64::max);
    let weights = match heights {
        _ if largest == 0.0 => return Ok(out),
        Heights::All => Weights::Integral(height),
        Heights::Steps(steps) => Weights::summed(height, largest, steps as usize),
        Heights::Step(step) => {
            let steps = (largest / step).round_ties_even().clamp(10.0, 1000.0);
            Weights::summed(height, largest, steps as usize)
        }
    };
    for &sign in signs {
        enhance(values, sign, neighbours, extent, &weights, &mut out);
    }
    Ok(out)
}

/// What the heights from 0 up to a value weigh together.
enum Weights {
    /// ∫ h^H dh.
    Integral(f64),
    /// Thresholds, and Σ h^H over the first k of them.
    Sum(Vec<f64>, Vec<f64>),
}

impl Weights {
    fn summed(height: f64, largest: f64, steps: usize) -> Self {
        // As numpy's linspace: the last threshold is the largest value itself.
        let thresholds: Vec<f64> = (1..=steps)
            .map(|k| match k == steps {
                true => largest,
                false => k as f64 * (largest / steps as f64),
            })
            .collect();
        let mut sums = vec![0.0; steps + 1];
        for k in 0..steps {
            sums[k + 1] = sums[k] + thresholds[k].powf(height);
        }
        Self::Sum(thresholds, sums)
    }

    fn up_to(&self, value: f64) -> f64 {
        match self {
            Self::Integral(height) => value.powf(height + 1.0) / (height + 1.0),
            Self::Sum(thresholds, sums) => sums[thresholds.partition_point(|&t| t <= value)],
        }
    }
}

/// Places join from the highest down. Each begins a node above the clusters that it joins; a node's extent holds from
/// its own height down to that of the node above, and what it earns there belongs to all that lie below it.
fn enhance(
    values: &[f64],
    sign: f64,
    neighbours: &Neighbours,
    extent: f64,
    weights: &Weights,
    out: &mut [f64],
) {
    const OUTSIDE: u32 = u32::MAX;
    let mut order: Vec<u32> = (0..values.len() as u32)
        .filter(|&place| values[place as usize] * sign > 0.0)
        .collect();
    order.sort_unstable_by(|&a, &b| {
        let by_value = (sign * values[b as usize]).total_cmp(&(sign * values[a as usize]));
        by_value.then(a.cmp(&b))
    });
    let nodes = order.len();
    let mut node_of = vec![OUTSIDE; values.len()];
    let mut above: Vec<usize> = (0..nodes).collect();
    // The same with shortcuts.
    let mut top: Vec<usize> = (0..nodes).collect();
    let mut size = vec![1_u32; nodes];
    let mut since = vec![0.0; nodes];
    let mut earned = vec![0.0; nodes];
    for (node, &place) in order.iter().enumerate() {
        node_of[place as usize] = node as u32;
        since[node] = weights.up_to(sign * values[place as usize]);
        for &other in neighbours.of(place as usize) {
            if node_of[other as usize] == OUTSIDE {
                continue;
            }
            let mut joined = node_of[other as usize] as usize;
            while top[joined] != joined {
                top[joined] = top[top[joined]];
                joined = top[joined];
            }
            if joined != node {
                earned[joined] =
                    f64::from(size[joined]).powf(extent) * (since[joined] - since[node]);
                size[node] += size[joined];
                above[joined] = node;
                top[joined] = node;
            }
        }
    }
    for node in (0..nodes).rev() {
        earned[node] += match above[node] == node {
            true => f64::from(size[node]).powf(extent) * since[node],
            false => earned[above[node]],
        };
        out[order[node] as usize] = sign * earned[node];
    }
}
