//! Slices through a volume: values over an image of the anatomy.

use crate::{
    canvas::{Anchor, Canvas, Svg},
    figure::Figure,
    frame::notes,
    outline,
    paint::Colours,
    png,
    scale::{decimal, range},
    table::{Cell, Table},
};

/// The direction that a slice is at right angles to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plane {
    /// At one x, seen from the right: the front points to the right.
    Sagittal,
    /// At one y.
    Coronal,
    /// At one z, the front up.
    Axial,
}

impl Plane {
    const fn axis(self) -> usize {
        match self {
            Self::Sagittal => 0,
            Self::Coronal => 1,
            Self::Axial => 2,
        }
    }

    /// Axes of space that point to the right and upwards on the page.
    const fn page(self) -> [usize; 2] {
        match self {
            Self::Sagittal => [1, 2],
            Self::Coronal => [0, 2],
            Self::Axial => [0, 1],
        }
    }
}

/// Where the left of the brain stands in axial and coronal slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Convention {
    /// Left is left.
    #[default]
    Neurological,
    /// Left is right, as if one faced the person.
    Radiological,
}

/// Slices of a volume.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slices {
    /// The heading.
    pub title: String,
    /// How values become colours.
    pub colours: Colours,
    /// Voxels along i, j and k.
    pub shape: [usize; 3],
    /// From voxel indices to millimetres (x to the right, y to the front, z up): three rows of four.
    pub affine: [[f64; 4]; 3],
    /// Value of each voxel, first index fastest; NaN for none.
    pub values: Vec<f32>,
    /// The second quantity, see [`Colours::confidence`]; empty for none.
    pub confidence: Vec<f32>,
    /// What is outlined, by voxel; empty for nothing.
    pub outlined: Vec<bool>,
    /// An image of the anatomy on the same grid; empty for none.
    pub underlay: Vec<f32>,
    /// The slices, from left to right and row by row.
    pub cuts: Vec<(Plane, f64)>,
    /// Where left is.
    pub convention: Convention,
    /// Small words below.
    pub note: String,
    /// Whether the picture is as wide as one column of a journal, 89 mm, instead of two.
    pub narrow: bool,
}

/// The inverse of an affine.
fn inverse([a, b, c]: [[f64; 4]; 3]) -> Option<[[f64; 4]; 3]> {
    let minor = |p: [f64; 4], q: [f64; 4], i: usize, j: usize| p[i] * q[j] - p[j] * q[i];
    let determinant =
        a[0] * minor(b, c, 1, 2) - a[1] * minor(b, c, 0, 2) + a[2] * minor(b, c, 0, 1);
    if determinant == 0.0 || !determinant.is_finite() {
        return None;
    }
    let rows = [
        [minor(b, c, 1, 2), -minor(a, c, 1, 2), minor(a, b, 1, 2)],
        [-minor(b, c, 0, 2), minor(a, c, 0, 2), -minor(a, b, 0, 2)],
        [minor(b, c, 0, 1), -minor(a, c, 0, 1), minor(a, b, 0, 1)],
    ];
    Some(rows.map(|row| {
        let [x, y, z] = row.map(|v| v / determinant);
        [x, y, z, -(x * a[3] + y * b[3] + z * c[3])]
    }))
}

fn apply(affine: &[[f64; 4]; 3], at: [f64; 3]) -> [f64; 3] {
    affine.map(|[x, y, z, t]| x * at[0] + y * at[1] + z * at[2] + t)
}

impl Slices {
    /// The place of the voxel that a point in millimetres lies in.
    fn voxel(&self, to_voxels: &[[f64; 4]; 3], at: [f64; 3]) -> Option<usize> {
        let index = apply(to_voxels, at).map(f64::round);
        let inside = (0..3).all(|k| index[k] >= 0.0 && index[k] < self.shape[k] as f64);
        let [i, j, k] = index.map(|x| x as usize);
        inside.then(|| i + self.shape[0] * (j + self.shape[1] * k))
    }

    /// The box of the volume in millimetres, from outer edge to outer edge, without air around the anatomy.
    fn extent(&self) -> Option<[(f64, f64); 3]> {
        let n = self
            .shape
            .iter()
            .try_fold(1_usize, |n, &side| n.checked_mul(side))?;
        if n == 0 || self.values.len() != n {
            return None;
        }
        let dark = range(self.underlay.iter().map(|&v| f64::from(v)))
            .map_or(f64::NAN, |(low, high)| low + 0.02 * (high - low));
        let shown = |v: usize| {
            let anatomy = self.underlay.get(v).is_some_and(|&u| f64::from(u) > dark);
            anatomy || self.values[v].is_finite()
        };
        let mut corners = [[f64::INFINITY, f64::NEG_INFINITY]; 3];
        for v in (0..n).filter(|&v| shown(v)) {
            let index = [
                v % self.shape[0],
                v / self.shape[0] % self.shape[1],
                v / self.shape[0] / self.shape[1],
            ];
            for (k, [low, high]) in corners.iter_mut().enumerate() {
                *low = low.min(index[k] as f64 - 0.5);
                *high = high.max(index[k] as f64 + 0.5);
            }
        }
        let mut out = [(f64::INFINITY, f64::NEG_INFINITY); 3];
        for corner in 0..8_usize {
            let at = [0, 1, 2].map(|k| corners[k][corner >> k & 1]);
            for (k, x) in apply(&self.affine, at).into_iter().enumerate() {
                out[k] = (out[k].0.min(x), out[k].1.max(x));
            }
        }
        out.iter()
            .all(|(a, b)| a < b && (b - a) < 1e5)
            .then_some(out)
    }
}

impl Figure for Slices {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let span = range(self.values.iter().map(|&v| f64::from(v))).map_or_else(
            || "no value".into(),
            |(low, high)| format!("values from {} to {}", decimal(low), decimal(high)),
        );
        let cuts = self
            .cuts
            .iter()
            .map(|(plane, at)| format!("{} = {} mm", ["x", "y", "z"][plane.axis()], decimal(*at)));
        format!(
            "Slices through the brain at {}; {}. {}: {span}.",
            cuts.collect::<Vec<_>>().join(", "),
            match self.convention {
                Convention::Neurological => "left is left",
                Convention::Radiological => "left is right",
            },
            self.colours.quantity
        )
    }

    fn how_to_read(&self) -> &str {
        "Each picture is a cut through the brain at the place in millimetres below it; L and R mark the sides, A the front. Colours are values, grey is anatomy."
    }

    fn svg(&self) -> Svg {
        let width_px = if self.narrow { 336.0 } else { 692.0 };
        const GAP: f64 = 14.0;
        let painter = self.colours.painter(
            self.values.iter().map(|&v| f64::from(v)),
            self.confidence.iter().map(|&v| f64::from(v)),
        );
        let mut canvas = Canvas::new(width_px, 0.0);
        let mut below = 4.0;
        if let (Some(extent), Some(to_voxels)) = (self.extent(), inverse(self.affine)) {
            let size = |plane: Plane| plane.page().map(|k| extent[k].1 - extent[k].0);
            // As many a row as keep pictures of readable size, one scale for all.
            let widest = self
                .cuts
                .iter()
                .map(|(p, _)| size(*p)[0])
                .fold(1e-9, f64::max);
            let columns = self.cuts.len().clamp(1, if self.narrow { 3 } else { 5 });
            let cell = (width_px - 16.0 - GAP * (columns as f64 - 1.0)) / columns as f64;
            let scale = cell.min(240.0) / widest;
            let (dark, light) = greys(&self.underlay);
            for row in self.cuts.chunks(columns) {
                let tall = row
                    .iter()
                    .map(|(p, _)| size(*p)[1] * scale)
                    .fold(0.0, f64::max);
                let across = cell * row.len() as f64 + GAP * (row.len() as f64 - 1.0);
                for (column, &(plane, at)) in row.iter().enumerate() {
                    let middle =
                        (width_px - across) / 2.0 + cell / 2.0 + (cell + GAP) * column as f64;
                    let flipped =
                        self.convention == Convention::Radiological && plane != Plane::Sagittal;
                    let [w, h] = size(plane).map(|s| s * scale);
                    // Three pixels of the bitmap for one of the page.
                    let [columns, rows] =
                        [w, h].map(|s| ((3.0 * s).round() as usize).clamp(1, 2048));
                    let [right, up] = plane.page();
                    let mut pixels = Vec::with_capacity(columns * rows);
                    let mut inside = Vec::with_capacity(columns * rows);
                    for j in 0..rows {
                        for i in 0..columns {
                            let share = (i as f64 + 0.5) / columns as f64;
                            let share = if flipped { 1.0 - share } else { share };
                            let mut place = [at; 3];
                            place[right] =
                                extent[right].0 + share * (extent[right].1 - extent[right].0);
                            place[up] = extent[up].1
                                - (j as f64 + 0.5) / rows as f64 * (extent[up].1 - extent[up].0);
                            let voxel = self.voxel(&to_voxels, place);
                            inside.push(
                                voxel.is_some_and(|v| {
                                    self.outlined.get(v).copied().unwrap_or(false)
                                }),
                            );
                            let pixel = voxel.and_then(|v| {
                                let value = f64::from(self.values[v]);
                                let confidence = self.confidence.get(v).map(|&c| f64::from(c));
                                let anatomy = self
                                    .underlay
                                    .get(v)
                                    .map(|&u| f64::from(u))
                                    .filter(|u| u.is_finite());
                                let grey = anatomy.map(|u| {
                                    let t = ((u - dark) / (light - dark)).clamp(0.0, 1.0);
                                    [(35.0 + 190.0 * t) as u8; 3]
                                });
                                let measured = self.underlay.is_empty() && value.is_finite();
                                let shown = measured
                                    || anatomy.is_some_and(|u| u > dark)
                                    || painter.colour(value).is_some();
                                let ground = grey.unwrap_or([206; 3]);
                                shown.then(|| painter.over(ground, value, confidence))
                            });
                            pixels.push(pixel.map_or([0; 4], |[r, g, b]| [r, g, b, 255]));
                        }
                    }
                    let corner = (middle - w / 2.0, below + 14.0 + (tall - h) / 2.0);
                    canvas.bitmap(corner, (w, h), &png::rgba_uri(columns, &pixels));
                    let edge = (w / columns as f64, h / rows as f64);
                    if let Some(path) = outline::border(&inside, columns, corner, edge) {
                        outline::draw(&mut canvas, &path, self.narrow);
                    }
                    let ends = match (plane, flipped) {
                        (Plane::Sagittal, _) => ["P", "A"],
                        (_, false) => ["L", "R"],
                        (_, true) => ["R", "L"],
                    };
                    canvas.text(
                        "small bold",
                        (corner.0 + 2.0, below + 10.0),
                        Anchor::Start,
                        ends[0],
                    );
                    canvas.text(
                        "small bold",
                        (corner.0 + w - 2.0, below + 10.0),
                        Anchor::End,
                        ends[1],
                    );
                    let side = match plane {
                        Plane::Sagittal if at < 0.0 => " (left)",
                        Plane::Sagittal if at > 0.0 => " (right)",
                        _ => "",
                    };
                    let words = format!(
                        "{} = {} mm{side}",
                        ["x", "y", "z"][plane.axis()],
                        decimal(at)
                    );
                    canvas.text(
                        "tick",
                        (middle, below + 14.0 + tall + 13.0),
                        Anchor::Middle,
                        &words,
                    );
                }
                below += tall + 36.0;
            }
        }
        let end = painter.bar(&mut canvas, (8.0, width_px - 8.0), below + 2.0);
        let side = match self.convention {
            Convention::Neurological => "Neurological convention: left is left.",
            Convention::Radiological => "Radiological convention: left is right.",
        };
        let words = format!("{side} {}", self.note);
        let end = notes(&mut canvas, (8.0, width_px - 8.0), end + 2.0, &words);
        canvas.finish_at(end + 6.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["i", "j", "k", "x_mm", "y_mm", "z_mm", "value", "confidence"]);
        let [a, b] = [self.shape[0].max(1), self.shape[1].max(1)];
        for (v, &value) in self
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| v.is_finite())
        {
            let index = [v % a, v / a % b, v / a / b];
            let [x, y, z] = apply(&self.affine, index.map(|n| n as f64));
            table.push([
                Cell::from(index[0]),
                index[1].into(),
                index[2].into(),
                x.into(),
                y.into(),
                z.into(),
                f64::from(value).into(),
                self.confidence.get(v).map(|&c| f64::from(c)).into(),
            ]);
        }
        table
    }
}

/// Values of an image that become black and white: a hundredth above the lowest and below the highest.
fn greys(underlay: &[f32]) -> (f64, f64) {
    let mut values: Vec<f32> = underlay.iter().copied().filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| {
        values
            .get((share * values.len().saturating_sub(1) as f64) as usize)
            .map_or(0.0, |&v| f64::from(v))
    };
    let (low, high) = (values.first().map_or(0.0, |&v| f64::from(v)), at(0.995));
    let dark = low + 0.02 * (high - low);
    if dark < high {
        (dark, high)
    } else {
        (0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voxel_is_found_again_from_its_millimetres() {
        let slices = Slices {
            shape: [4, 5, 6],
            affine: [
                [-2.0, 0.1, 0.0, 7.0],
                [0.0, 2.5, 0.2, -8.0],
                [0.1, 0.0, 3.0, -4.0],
            ],
            ..Slices::default()
        };
        let back = inverse(slices.affine).unwrap();
        for index in [[0, 0, 0], [3, 4, 5], [1, 2, 3]] {
            let at = apply(&slices.affine, index.map(|n| n as f64));
            let place = index[0] + 4 * (index[1] + 5 * index[2]);
            assert_eq!(slices.voxel(&back, at), Some(place));
        }
        assert_eq!(slices.voxel(&back, [1e9; 3]), None);
        assert_eq!(inverse([[0.0; 4]; 3]), None);
    }
}
