//! Flat maps of the cortex: values by parcel or by vertex, both hemispheres.

use crate::{
    canvas::{Anchor, Canvas, Path, Svg, shorten, text_width},
    figure::Figure,
    frame::notes,
    outline,
    paint::{Colours, Ramp, ground, strongest},
    png,
    scale::{decimal, range},
    style::{LABEL, NAME},
    table::{Cell, Table},
};

/// A map of the flattened cortex.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CortexMap {
    /// The heading.
    pub title: String,
    /// How values become colours.
    pub colours: Colours,
    /// From left to right on the page.
    pub hemispheres: Vec<FlatHemisphere>,
    /// Small words below, e.g. whence geometry and tests come.
    pub note: String,
    /// Whether the picture is as wide as one column of a journal, 89 mm, instead of two.
    pub narrow: bool,
}

/// A hemisphere, x to the right and y up, all in the same unit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlatHemisphere {
    /// Its name, e.g. `left`.
    pub name: String,
    /// Parcels with a value each.
    pub parcels: Vec<FlatParcel>,
    /// Values by vertex, drawn below the parcels' outlines.
    pub vertices: Option<FlatVertices>,
    /// Borders drawn as lines, without a value: around regions, or of parcels over values by vertex.
    pub outlines: Vec<FlatOutline>,
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlatParcel {
    /// Its name, e.g. `L_V1`.
    pub name: String,
    /// Closed rings, holes the other way round.
    pub rings: Vec<Vec<[f64; 2]>>,
    /// Its value; NaN for none.
    pub value: f64,
    /// The second quantity, see [`Colours::confidence`].
    pub confidence: Option<f64>,
}

/// A border.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlatOutline {
    /// What it is around; empty for no name.
    pub name: String,
    /// Closed rings.
    pub rings: Vec<Vec<[f64; 2]>>,
    /// Where the name stands.
    pub at: Option<[f64; 2]>,
    /// What kind of border it is.
    pub line: Line,
}

/// Kinds of borders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Line {
    /// White between dark edges, around a region.
    #[default]
    Region,
    /// White and thin, as between parcels.
    Parcel,
    /// Around what was found, see [`Colours::outline`].
    Found,
}

/// Values by vertex, and for each pixel the triangle it lies in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlatVertices {
    /// Pixels in a row.
    pub width: usize,
    /// The top left corner.
    pub corner: [f64; 2],
    /// Edge of a pixel.
    pub pixel: f64,
    /// Vertices and weights of each pixel, row by row from the top; none outside of the cortex.
    pub pixels: Vec<Option<([u32; 3], [f32; 3])>>,
    /// Value of each vertex; NaN for none.
    pub values: Vec<f32>,
    /// The second quantity; empty for none.
    pub confidence: Vec<f32>,
    /// Curvature or depth, positive in sulci; empty for none.
    pub curvature: Vec<f32>,
    /// What is outlined: 1 inside and 0 outside, by vertex; empty for nothing.
    pub outlined: Vec<f32>,
}

impl FlatVertices {
    fn height(&self) -> usize {
        self.pixels.len() / self.width.max(1)
    }

    fn has(&self) -> bool {
        self.width > 0 && self.height() > 0 && self.pixel > 0.0 && self.pixel.is_finite()
    }
}

/// The value between vertices; the nearest decides whether there is one.
pub(crate) fn between(values: &[f32], corners: [u32; 3], weights: [f32; 3]) -> f64 {
    let at = |k: usize| {
        values
            .get(corners[k] as usize)
            .map_or(f64::NAN, |&v| f64::from(v))
    };
    let nearest = (0..3).fold(
        0,
        |best, k| if weights[k] > weights[best] { k } else { best },
    );
    if at(nearest).is_nan() {
        return f64::NAN;
    }
    let (mut sum, mut total) = (0.0, 0.0);
    for k in 0..3 {
        let (value, weight) = (at(k), f64::from(weights[k]));
        if !value.is_nan() && weight > 0.0 {
            sum += weight * value;
            total += weight;
        }
    }
    sum / total
}

impl CortexMap {
    fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.hemispheres.iter().flat_map(|side| {
            let vertices = side
                .vertices
                .iter()
                .flat_map(|v| v.values.iter().map(|&x| f64::from(x)));
            side.parcels.iter().map(|p| p.value).chain(vertices)
        })
    }
}

impl CortexMap {
    fn confidences(&self) -> impl Iterator<Item = f64> {
        self.hemispheres.iter().flat_map(|side| {
            let vertices = side
                .vertices
                .iter()
                .flat_map(|v| v.confidence.iter().map(|&x| f64::from(x)));
            let parcels = side.parcels.iter().filter_map(|p| p.confidence);
            parcels.chain(vertices)
        })
    }
}

/// Left, top, right and bottom in the unit of the map, y up.
fn extent(side: &FlatHemisphere) -> Option<[f64; 4]> {
    let rings = side.parcels.iter().flat_map(|p| &p.rings);
    let rings = rings.chain(side.outlines.iter().flat_map(|o| &o.rings));
    let mut points: Vec<[f64; 2]> = rings.flatten().copied().collect();
    if let Some(v) = side.vertices.as_ref().filter(|v| v.has()) {
        let [x, y] = v.corner;
        points.extend([
            [x, y],
            [
                x + v.pixel * v.width as f64,
                y - v.pixel * v.height() as f64,
            ],
        ]);
    }
    let x = range(points.iter().map(|p| p[0]))?;
    let y = range(points.iter().map(|p| p[1]))?;
    let near = [x.0, x.1, y.0, y.1].iter().all(|v| v.abs() < 1e9);
    let fine = x.0 < x.1 && y.0 < y.1 && near;
    fine.then_some([x.0, y.1, x.1, y.0])
}

impl Figure for CortexMap {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let span = range(self.values()).map_or_else(
            || "no value".into(),
            |(low, high)| format!("values from {} to {}", decimal(low), decimal(high)),
        );
        let sides: Vec<&str> = self
            .hemispheres
            .iter()
            .map(|side| side.name.as_str())
            .collect();
        let parcels: Vec<(&str, f64)> = self
            .hemispheres
            .iter()
            .flat_map(|side| &side.parcels)
            .map(|p| (p.name.as_str(), p.value))
            .collect();
        let most = match parcels.is_empty() {
            true => String::new(),
            false => format!(
                " {} parcels; farthest from zero: {}.",
                parcels.len(),
                strongest(parcels.into_iter())
            ),
        };
        format!(
            "Flat map of the cortex, hemispheres from left to right: {}. {}: {span}.{most}",
            sides.join(", "),
            self.colours.quantity
        )
    }

    fn how_to_read(&self) -> &str {
        match self.colours.ramp {
            Ramp::Replications { .. } => {
                "The cortex of each hemisphere is cut open and spread out, the side of the midline above. Colours count the subjects in whom the effect was found; grey cortex: none."
            }
            _ => {
                "The cortex of each hemisphere is cut open and spread out, the side of the midline above. Colours are values, grey is cortex without one; white between pieces are cuts, not brain."
            }
        }
    }

    fn svg(&self) -> Svg {
        let width_px = if self.narrow { 336.0 } else { 692.0 };
        const GAP: f64 = 14.0;
        let painter = self.colours.painter(self.values(), self.confidences());
        let sides: Vec<(&FlatHemisphere, [f64; 4])> = self
            .hemispheres
            .iter()
            .filter_map(|side| Some((side, extent(side)?)))
            .collect();
        let across: f64 = sides.iter().map(|(_, [l, _, r, _])| r - l).sum();
        let room = width_px - 16.0 - GAP * sides.len().saturating_sub(1) as f64;
        // One scale for all; a single hemisphere does not fill the page.
        let tallest = sides
            .iter()
            .map(|(_, [_, t, _, b])| t - b)
            .fold(0.0, f64::max);
        let scale = (room / across).min(330.0 / tallest);
        let scale = if scale.is_finite() { scale } else { 1.0 };
        let used = across * scale + GAP * sides.len().saturating_sub(1) as f64;
        let mut canvas = Canvas::new(width_px, 0.0);
        let (mut left, top) = ((width_px - used) / 2.0, 20.0);
        for (side, [l, t, r, b]) in &sides {
            let place = |[x, y]: [f64; 2]| {
                (
                    left + (x - l) * scale,
                    top + (t - y) * scale + (tallest - (t - b)) * scale / 2.0,
                )
            };
            let middle = left + (r - l) * scale / 2.0;
            let room = 0.9 * (2.0 * middle.min(width_px - middle)).min((r - l) * scale + GAP);
            let name = shorten(&side.name, LABEL, room);
            canvas.text("strong", (middle, 13.0), Anchor::Middle, &name);
            if let Some(v) = side.vertices.as_ref().filter(|v| v.has()) {
                let pixel = |entry: &Option<([u32; 3], [f32; 3])>| {
                    let Some((corners, weights)) = *entry else {
                        return [0; 4];
                    };
                    let of = |values: &[f32]| {
                        (!values.is_empty()).then(|| between(values, corners, weights))
                    };
                    let value = of(&v.values).unwrap_or(f64::NAN);
                    let [r, g, b] =
                        painter.over(ground(of(&v.curvature)), value, of(&v.confidence));
                    [r, g, b, 255]
                };
                let pixels: Vec<[u8; 4]> =
                    v.pixels[..v.width * v.height()].iter().map(pixel).collect();
                let size = [v.width, v.height()].map(|n| n as f64 * v.pixel * scale);
                canvas.bitmap(
                    place(v.corner),
                    (size[0], size[1]),
                    &png::rgba_uri(v.width, &pixels),
                );
                let inside: Vec<bool> = v.pixels[..v.width * v.height()]
                    .iter()
                    .map(|entry| {
                        entry.is_some_and(|(corners, weights)| {
                            between(&v.outlined, corners, weights) >= 0.5
                        })
                    })
                    .collect();
                let pixel = (v.pixel * scale, v.pixel * scale);
                if let Some(path) = outline::border(&inside, v.width, place(v.corner), pixel) {
                    outline::draw(&mut canvas, &path, self.narrow);
                }
            }
            // Lines keep their colour on dark pages, as the cortex below them does.
            canvas.group("stroke=\"#fff\" stroke-width=\".35\"", |canvas| {
                for parcel in &side.parcels {
                    let colour = painter.over(ground(None), parcel.value, parcel.confidence);
                    let hint = match parcel.confidence.zip(self.colours.confidence.as_ref()) {
                        Some((c, (name, _))) => format!(
                            "{}: {} ({name} {})",
                            parcel.name,
                            decimal(parcel.value),
                            decimal(c)
                        ),
                        None => format!("{}: {}", parcel.name, decimal(parcel.value)),
                    };
                    if let Some(path) = path(&parcel.rings, place) {
                        canvas.hinted(&hint, |canvas| canvas.painted_path(colour, "", &path));
                    }
                }
            });
            for outline in &side.outlines {
                let Some(path) = path(&outline.rings, place) else {
                    continue;
                };
                // Lines of two tones are seen on dark and on bright colours.
                let pens: &[&str] = match outline.line {
                    Line::Found => {
                        outline::draw(&mut canvas, &path, self.narrow);
                        continue;
                    }
                    Line::Parcel => &["stroke=\"#fff\" stroke-width=\".35\""],
                    Line::Region => &[
                        "stroke=\"#1b1d22\" stroke-width=\"1.5\"",
                        "stroke=\"#fff\" stroke-width=\".7\"",
                    ],
                };
                for pen in pens {
                    canvas.group(&format!("fill=\"none\" {pen}"), |canvas| {
                        canvas.path("", &path);
                    });
                }
            }
            let mut taken: Vec<[f64; 4]> = Vec::new();
            for outline in &side.outlines {
                let Some((x, y)) = outline.at.map(place).filter(|_| !outline.name.is_empty())
                else {
                    continue;
                };
                // In one column names are 5.6 pt instead of 7, so that they do not cover what they name.
                let letters = if self.narrow { 7.5 } else { NAME };
                let name = shorten(&outline.name, letters, 110.0);
                let half = text_width(&name, letters) / 2.0 + 2.0;
                let x = x.clamp(half, (width_px - half).max(half));
                // Names that would lie on others move down or up by lines.
                let free = [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0]
                    .into_iter()
                    .map(|lines| lines * (letters + 1.5))
                    .find(|shift| {
                        let y = y + shift;
                        taken.iter().all(|[l, r, t, b]| {
                            x + half < *l || x - half > *r || y < *t || y - letters > *b
                        })
                    });
                let shift = free.unwrap_or(0.0);
                taken.push([x - half, x + half, y + shift - letters, y + shift]);
                if shift.abs() > 1.5 * letters {
                    canvas.line("error", (x, y), (x, y + shift - letters / 2.0));
                }
                let class = "bold halo on";
                canvas.sized_text(class, (x, y + shift), Anchor::Middle, letters, &name);
            }
            left += (r - l) * scale + GAP;
        }
        let below = top + tallest * scale + 10.0;
        let end = painter.bar(&mut canvas, (8.0, width_px - 8.0), below);
        let end = notes(&mut canvas, (8.0, width_px - 8.0), end + 2.0, &self.note);
        canvas.finish_at(end + 6.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["hemisphere", "parcel", "vertex", "value", "confidence"]);
        for side in &self.hemispheres {
            for parcel in &side.parcels {
                table.push([
                    Cell::from(side.name.as_str()),
                    parcel.name.as_str().into(),
                    Cell::Missing,
                    parcel.value.into(),
                    parcel.confidence.into(),
                ]);
            }
            if let Some(v) = &side.vertices {
                for (vertex, &value) in v.values.iter().enumerate() {
                    table.push([
                        Cell::from(side.name.as_str()),
                        Cell::Missing,
                        vertex.into(),
                        f64::from(value).into(),
                        v.confidence.get(vertex).map(|&c| f64::from(c)).into(),
                    ]);
                }
            }
        }
        table
    }
}

fn path(rings: &[Vec<[f64; 2]>], place: impl Fn([f64; 2]) -> (f64, f64)) -> Option<Path> {
    let mut path: Option<Path> = None;
    for ring in rings {
        let (first, rest) = ring.split_first()?;
        let start = match path {
            Some(path) => path.moved(place(*first)),
            None => Path::from(place(*first)),
        };
        path = Some(
            rest.iter()
                .fold(start, |path, &p| path.line(place(p)))
                .closed(),
        );
    }
    path
}
