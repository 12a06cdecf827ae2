//! Views of cortical surfaces in space, shaded, each hemisphere for itself.

use crate::{
    canvas::{Anchor, Canvas, Svg},
    colour::Rgb,
    cortex::between,
    figure::Figure,
    frame::notes,
    outline,
    paint::{Colours, Painter, ground},
    png,
    scale::{decimal, range},
    table::{Cell, Table},
};

/// From where a hemisphere is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// From its outer side.
    Lateral,
    /// From the midline.
    Medial,
    /// From above, the front up.
    Dorsal,
    /// From below, the front up.
    Ventral,
    /// From the front.
    Anterior,
    /// From behind.
    Posterior,
}

impl View {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lateral => "lateral",
            Self::Medial => "medial",
            Self::Dorsal => "dorsal",
            Self::Ventral => "ventral",
            Self::Anterior => "anterior",
            Self::Posterior => "posterior",
        }
    }

    /// The directions of the page in millimetres of space (x right, y front, z up): to the right and upwards; the
    /// third, towards the eye, is right × up.
    const fn axes(self, left: bool) -> [[f64; 3]; 2] {
        let (x, y, z) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let (back, minus_x) = ([0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]);
        match (self, left) {
            (Self::Lateral, true) | (Self::Medial, false) => [back, z],
            (Self::Lateral, false) | (Self::Medial, true) => [y, z],
            (Self::Dorsal, _) => [x, y],
            (Self::Ventral, _) => [minus_x, y],
            (Self::Anterior, _) => [minus_x, z],
            (Self::Posterior, _) => [x, z],
        }
    }

    /// Whether the left hemisphere appears at the right, as when somebody faces one.
    #[must_use]
    pub const fn mirrored(self) -> bool {
        matches!(self, Self::Ventral | Self::Anterior)
    }
}

/// A surface with values at its vertices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surface {
    /// Whether it is the left hemisphere.
    pub left: bool,
    /// Vertices in millimetres: x to the right, y to the front, z up.
    pub points: Vec<[f64; 3]>,
    /// Triangles, counter-clockwise as seen from outside.
    pub triangles: Vec<[u32; 3]>,
    /// Value of each vertex; NaN for none.
    pub values: Vec<f32>,
    /// The second quantity, see [`Colours::confidence`]; empty for none.
    pub confidence: Vec<f32>,
    /// Curvature or depth, positive in sulci; empty for none.
    pub curvature: Vec<f32>,
    /// What is outlined: 1 inside and 0 outside, by vertex; empty for nothing.
    pub outlined: Vec<f32>,
}

/// Hemispheres side by side, one row a view.
#[derive(Debug, Clone, PartialEq)]
pub struct SurfaceViews {
    /// The heading.
    pub title: String,
    /// How values become colours.
    pub colours: Colours,
    /// From left to right on the page.
    pub surfaces: Vec<Surface>,
    /// From top to bottom.
    pub views: Vec<View>,
    /// Small words below, e.g. which surface it is.
    pub note: String,
    /// Whether the picture is as wide as one column of a journal, 89 mm, instead of two.
    pub narrow: bool,
}

impl Default for SurfaceViews {
    fn default() -> Self {
        Self {
            title: String::new(),
            colours: Colours::default(),
            surfaces: Vec::new(),
            views: vec![View::Lateral, View::Medial, View::Ventral],
            note: String::new(),
            narrow: false,
        }
    }
}

const fn side(left: bool) -> &'static str {
    if left { "left" } else { "right" }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

impl SurfaceViews {
    fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.surfaces
            .iter()
            .flat_map(|s| s.values.iter().map(|&v| f64::from(v)))
    }
}

impl Surface {
    fn finite(&self) -> bool {
        let near = |p: &[f64; 3]| p.iter().all(|x| x.abs() < 1e6);
        let inside = |t: &[u32; 3]| t.iter().all(|&c| (c as usize) < self.points.len());
        !self.triangles.is_empty()
            && self.points.iter().all(near)
            && self.triangles.iter().all(inside)
    }

    /// Extent to the right and upwards of a view.
    fn extent(&self, view: View) -> [(f64, f64); 2] {
        view.axes(self.left).map(|axis| {
            let along = self.points.iter().map(|&p| dot(p, axis));
            range(along).unwrap_or((0.0, 1.0))
        })
    }

    /// Normals of vertices, towards the outside.
    fn normals(&self) -> Vec<[f64; 3]> {
        let mut normals = vec![[0.0; 3]; self.points.len()];
        for corners in &self.triangles {
            let [a, b, c] = corners.map(|i| self.points[i as usize]);
            let minus = |p: [f64; 3]| [p[0] - a[0], p[1] - a[1], p[2] - a[2]];
            let normal = cross(minus(b), minus(c));
            for &corner in corners {
                let sum = &mut normals[corner as usize];
                *sum = [0, 1, 2].map(|k| sum[k] + normal[k]);
            }
        }
        normals
    }

    /// Pixels of a view, the nearest surface in each (z-buffer), and which are outlined; `scale` pixels a millimetre.
    fn render(
        &self,
        view: View,
        scale: f64,
        painter: &Painter<'_>,
    ) -> (usize, Vec<[u8; 4]>, Vec<bool>) {
        let [right, up] = view.axes(self.left);
        let eye = cross(right, up);
        let [(left, far), (bottom, top)] = self.extent(view);
        let width = (((far - left) * scale).ceil() as usize).clamp(1, 4096);
        let height = (((top - bottom) * scale).ceil() as usize).clamp(1, 4096);
        let seen: Vec<[f64; 3]> = self
            .points
            .iter()
            .map(|&p| {
                [
                    (dot(p, right) - left) * scale,
                    (top - dot(p, up)) * scale,
                    dot(p, eye),
                ]
            })
            .collect();
        let normals = self.normals();
        let mut depth = vec![f64::NEG_INFINITY; width * height];
        let mut pixels = vec![[0; 4]; width * height];
        let mut inside = vec![false; width * height];
        for &corners in &self.triangles {
            let [a, b, c] = corners.map(|i| seen[i as usize]);
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
            if area == 0.0 {
                continue;
            }
            let span = |k: usize, n: usize| {
                let v = [a[k], b[k], c[k]];
                let low = v.iter().copied().fold(f64::INFINITY, f64::min);
                let high = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let first = (low - 0.5).ceil().max(0.0) as usize;
                first..((high - 0.5).floor() + 1.0).clamp(0.0, n as f64) as usize
            };
            for j in span(1, height) {
                for i in span(0, width) {
                    let (x, y) = (i as f64 + 0.5, j as f64 + 0.5);
                    let u = ((b[0] - x) * (c[1] - y) - (c[0] - x) * (b[1] - y)) / area;
                    let v = ((c[0] - x) * (a[1] - y) - (a[0] - x) * (c[1] - y)) / area;
                    let w = 1.0 - u - v;
                    let place = j * width + i;
                    let near = u * a[2] + v * b[2] + w * c[2];
                    if u < 0.0 || v < 0.0 || w < 0.0 || near <= depth[place] {
                        continue;
                    }
                    depth[place] = near;
                    let weights = [u, v, w].map(|x| x as f32);
                    let of = |values: &[f32]| {
                        (!values.is_empty()).then(|| between(values, corners, weights))
                    };
                    let normal = [0, 1, 2].map(|k| {
                        let n = corners.map(|c| normals[c as usize][k]);
                        u * n[0] + v * n[1] + w * n[2]
                    });
                    let facing =
                        dot(normal, eye) / dot(normal, normal).sqrt().max(f64::MIN_POSITIVE);
                    let value = of(&self.values).unwrap_or(f64::NAN);
                    let colour =
                        painter.over(ground(of(&self.curvature)), value, of(&self.confidence));
                    let [r, g, b] = shaded(colour, facing);
                    pixels[place] = [r, g, b, 255];
                    inside[place] = between(&self.outlined, corners, weights) >= 0.5;
                }
            }
        }
        (width, pixels, inside)
    }
}

/// Full where the surface faces the eye, darker towards the rim: the colour itself must stay readable.
fn shaded(colour: Rgb, facing: f64) -> Rgb {
    let light = 0.62 + 0.38 * facing.abs().min(1.0).sqrt();
    colour.map(|c| (f64::from(c) * light).round() as u8)
}

impl Figure for SurfaceViews {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let span = range(self.values()).map_or_else(
            || "no value".into(),
            |(low, high)| format!("values from {} to {}", decimal(low), decimal(high)),
        );
        let sides: Vec<&str> = self.surfaces.iter().map(|s| side(s.left)).collect();
        let views: Vec<&str> = self.views.iter().map(|v| v.name()).collect();
        format!(
            "Shaded views of the cortex ({}) of the hemispheres {}. {}: {span}.",
            views.join(", "),
            sides.join(" and "),
            self.colours.quantity
        )
    }

    fn how_to_read(&self) -> &str {
        "Each picture is one hemisphere, named above with the side from which it is seen. Colours are values, grey is cortex without one, darker grey the bottom of folds."
    }

    fn svg(&self) -> Svg {
        let width_px = if self.narrow { 336.0 } else { 692.0 };
        const GAP: f64 = 26.0;
        let painter = self.colours.painter(
            self.values(),
            self.surfaces
                .iter()
                .flat_map(|s| s.confidence.iter().map(|&v| f64::from(v))),
        );
        let surfaces: Vec<&Surface> = self.surfaces.iter().filter(|s| s.finite()).collect();
        let columns = surfaces.len().max(1) as f64;
        let cell = (width_px - 16.0 - GAP * (columns - 1.0)) / columns;
        // One scale for all pictures.
        let widths = surfaces
            .iter()
            .flat_map(|s| self.views.iter().map(|&v| s.extent(v)[0]));
        let widest = widths.map(|(a, b)| b - a).fold(0.0, f64::max);
        let scale = (cell.min(300.0) / widest).min(10.0);
        let scale = if scale.is_finite() { scale } else { 1.0 };
        let mut canvas = Canvas::new(width_px, 0.0);
        let mut top = 4.0;
        for &view in &self.views {
            let mut ordered = surfaces.clone();
            if view.mirrored() {
                ordered.reverse();
            }
            let heights = ordered
                .iter()
                .map(|s| s.extent(view)[1])
                .map(|(a, b)| (b - a) * scale);
            let tall = heights.fold(0.0, f64::max);
            let widths: Vec<f64> = ordered
                .iter()
                .map(|s| s.extent(view)[0])
                .map(|(a, b)| (b - a) * scale)
                .collect();
            let gaps = GAP * widths.len().saturating_sub(1) as f64;
            let mut left = (width_px - widths.iter().sum::<f64>().max(0.0) - gaps) / 2.0;
            for (surface, wide) in ordered.iter().zip(widths) {
                let middle = left + wide / 2.0;
                let words = format!("{}, {}", side(surface.left), view.name());
                canvas.text("note strong", (middle, top + 12.0), Anchor::Middle, &words);
                // Three pixels of the bitmap for one of the page: 288 dots an inch.
                let (width, pixels, inside) = surface.render(view, 3.0 * scale, &painter);
                let size = (width as f64 / 3.0, (pixels.len() / width) as f64 / 3.0);
                let at = (middle - size.0 / 2.0, top + 18.0 + (tall - size.1) / 2.0);
                canvas.bitmap(at, size, &png::rgba_uri(width, &pixels));
                if let Some(path) = outline::border(&inside, width, at, (1.0 / 3.0, 1.0 / 3.0)) {
                    outline::draw(&mut canvas, &path, self.narrow);
                }
                left += wide + GAP;
            }
            top += 18.0 + tall + 10.0;
        }
        let end = painter.bar(&mut canvas, (8.0, width_px - 8.0), top + 4.0);
        let mirrored: Vec<&str> = self
            .views
            .iter()
            .filter(|v| v.mirrored())
            .map(|v| v.name())
            .collect();
        let note = match mirrored.is_empty() || surfaces.len() < 2 {
            true => self.note.clone(),
            false => format!(
                "In {} views the right hemisphere stands at left. {}",
                mirrored.join(" and "),
                self.note
            ),
        };
        let end = notes(&mut canvas, (8.0, width_px - 8.0), end + 2.0, &note);
        canvas.finish_at(end + 6.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["hemisphere", "vertex", "value", "confidence"]);
        for surface in &self.surfaces {
            for (vertex, &value) in surface.values.iter().enumerate() {
                table.push([
                    Cell::from(side(surface.left)),
                    vertex.into(),
                    f64::from(value).into(),
                    surface.confidence.get(vertex).map(|&c| f64::from(c)).into(),
                ]);
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tetrahedron whose tip at +x has the value 1 and whose other corners have 0.
    fn tip(left: bool) -> Surface {
        Surface {
            left,
            points: vec![
                [10.0, 0.0, 0.0],
                [-10.0, 10.0, -5.0],
                [-10.0, -10.0, -5.0],
                [-10.0, 0.0, 10.0],
            ],
            triangles: vec![[0, 1, 3], [0, 3, 2], [0, 2, 1], [1, 2, 3]],
            values: vec![1.0, 0.0, 0.0, 0.0],
            ..Surface::default()
        }
    }

    #[test]
    fn the_midline_of_the_left_hemisphere_is_seen_from_the_right() {
        // The tip points to the right: it faces the eye in medial views of the left and lateral views of the right.
        let colours = Colours::default();
        let painter = colours.painter([0.0, 1.0].into_iter(), std::iter::empty());
        let bright = |surface: &Surface, view| {
            let (_, pixels, _) = surface.render(view, 2.0, &painter);
            pixels
                .iter()
                .any(|p| p[3] == 255 && p[0] > 200 && p[1] > 180 && p[2] < 120)
        };
        assert!(bright(&tip(true), View::Medial) && !bright(&tip(true), View::Lateral));
        assert!(bright(&tip(false), View::Lateral) && !bright(&tip(false), View::Medial));
    }

    #[test]
    fn views_are_right_handed_and_the_front_is_where_it_should_be() {
        for left in [true, false] {
            for (view, eye) in [
                (View::Dorsal, [0.0, 0.0, 1.0]),
                (View::Ventral, [0.0, 0.0, -1.0]),
                (View::Anterior, [0.0, 1.0, 0.0]),
                (View::Posterior, [0.0, -1.0, 0.0]),
                (View::Lateral, [if left { -1.0 } else { 1.0 }, 0.0, 0.0]),
                (View::Medial, [if left { 1.0 } else { -1.0 }, 0.0, 0.0]),
            ] {
                let [right, up] = view.axes(left);
                assert_eq!(cross(right, up), eye, "{view:?} {left}");
            }
        }
    }
}
