//! Regions drawn on flat maps: the `overlays.svg` of pycortex.
//!
//! A layer such as `rois` holds a group `shapes` with a group for each region, whose paths are its borders in both
//! hemispheres, and a group `labels` with their names. Gao et al. (2015), doi:10.3389/fninf.2015.00023.

use std::io::Read;
use std::path::Path;

use crate::gifti::xml::{Document, Node};
use crate::nifti::ImageError;

/// Largest file: drawings may hold pictures.
const MOST_BYTES: u64 = 256 << 20;
/// Points of all borders.
const MOST_POINTS: usize = 1 << 20;
/// Lines that stand for one curve.
const STEPS: usize = 12;
/// Groups within groups.
const DEPTH: usize = 24;

/// A drawing over a flat map, x to the right and y down, both hemispheres side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlays {
    /// Width of the drawing.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// Regions, in the order of the file.
    pub regions: Vec<DrawnRegion>,
}

/// A region and its borders.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnRegion {
    /// Its name.
    pub name: String,
    /// Its borders, curves as short lines; usually one in each hemisphere.
    pub borders: Vec<Border>,
    /// Where its names stand, if the drawing says so.
    pub labels: Vec<[f64; 2]>,
}

/// A line on the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Border {
    /// Its points.
    pub points: Vec<[f64; 2]>,
    /// Whether the last is joined to the first.
    pub closed: bool,
}

/// x' = a x + c y + e, y' = b x + d y + f.
type Transform = [f64; 6];

impl Overlays {
    /// Reads a layer, such as `rois` or `sulci`.
    ///
    /// # Errors
    /// [`ImageError`] if the file is larger than 256 MiB or no SVG, has no such layer, or draws with arcs or
    /// transforms other than matrix, translate and scale; its borders may have 2²⁰ points.
    ///
    /// # Examples
    /// ```
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("overlays.svg");
    /// std::fs::write(&path, r#"<svg width="20" height="10"><g inkscape:label="rois"><g inkscape:label="shapes">
    ///   <g inkscape:label="V1"><path d="M 1,1 h 2 v 2 z"/></g></g></g></svg>"#)?;
    /// let found = emotome_neurofiles::overlays::Overlays::read(&path, "rois")?;
    /// assert_eq!(found.regions[0].borders[0].points, [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(path: impl AsRef<Path>, layer: &str) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let io = |source| ImageError::Io {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(io)?;
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() as u64 > MOST_BYTES {
            let expected = "at most 256 MiB: save the drawing without its pictures";
            return Err(ImageError::field(
                path,
                "the size of the drawing",
                "more",
                expected,
            ));
        }
        Self::parse(&Document::new(path, &bytes)?, layer)
    }

    fn parse(document: &Document<'_>, wanted: &str) -> Result<Self, ImageError> {
        let root = document.root("svg")?;
        let (origin, [width, height]) = size(document, &root)?;
        let layers: Vec<&Node<'_>> = groups(&root).collect();
        let Some(layer) = layers.iter().find(|layer| label(layer) == Some(wanted)) else {
            let known: Vec<&str> = layers
                .iter()
                .filter_map(|layer| label(layer))
                .take(12)
                .collect();
            let what = format!(
                "has no layer {wanted:?}; its layers are {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            );
            return Err(document.error(root.at, what));
        };
        let mut reading = Reading {
            document,
            points: 0,
        };
        let base = reading.within(&root, [1.0, 0.0, 0.0, 1.0, -origin[0], -origin[1]])?;
        let base = reading.within(layer, base)?;
        let named = |name: &str| groups(layer).find(|group| label(group) == Some(name));
        let (shapes, at) = match named("shapes") {
            Some(shapes) => (shapes, reading.within(shapes, base)?),
            None => (*layer, base),
        };
        let mut regions = Vec::new();
        for group in groups(shapes).filter(|group| !matches!(label(group), Some("labels"))) {
            let Some(name) = label(group) else { continue };
            let mut borders = Vec::new();
            reading.borders(group, at, 0, &mut borders)?;
            if !borders.is_empty() {
                regions.push(DrawnRegion {
                    name: name.to_owned(),
                    borders,
                    labels: Vec::new(),
                });
            }
        }
        if let Some(labels) = named("labels") {
            let at = reading.within(labels, base)?;
            for text in labels.children("text") {
                let at = reading.within(text, at)?;
                let words = text
                    .child("tspan")
                    .map_or(&text.text, |inner| &inner.text)
                    .trim();
                let place = ["x", "y"].map(|key| number(text.attribute(key).unwrap_or("")));
                let region = regions.iter_mut().find(|region| region.name == words);
                if let (Some(region), [Some(x), Some(y)]) = (region, place) {
                    region.labels.push(moved(at, [x, y]));
                }
            }
        }
        Ok(Self {
            width,
            height,
            regions,
        })
    }
}

fn groups<'n, 'a>(node: &'n Node<'a>) -> impl Iterator<Item = &'n Node<'a>> {
    node.children("g").chain(node.children("svg:g"))
}

fn label<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    node.attribute("inkscape:label")
        .or_else(|| node.attribute("id"))
}

/// A finite number of moderate size, perhaps with the unit px.
fn number(text: &str) -> Option<f64> {
    let value: f64 = text.trim().trim_end_matches("px").parse().ok()?;
    (value.abs() <= 1e7).then_some(value)
}

/// Where the drawing begins and how large it is, in the units of its paths.
fn size(document: &Document<'_>, root: &Node<'_>) -> Result<([f64; 2], [f64; 2]), ImageError> {
    let found = match root.attribute("viewBox") {
        Some(text) => {
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            let numbers: Vec<Option<f64>> = words.map(number).collect();
            match numbers[..] {
                [Some(x), Some(y), Some(w), Some(h)] => Some(([x, y], [w, h])),
                _ => None,
            }
        }
        None => match ["width", "height"].map(|key| number(root.attribute(key).unwrap_or(""))) {
            [Some(w), Some(h)] => Some(([0.0; 2], [w, h])),
            _ => None,
        },
    };
    found
        .filter(|(_, [w, h])| *w > 0.0 && *h > 0.0)
        .ok_or_else(|| document.error(root.at, "says no size in pixels (width and height, or viewBox); save it from pycortex or Inkscape with one"))
}

fn moved([a, b, c, d, e, f]: Transform, [x, y]: [f64; 2]) -> [f64; 2] {
    [a * x + c * y + e, b * x + d * y + f]
}

struct Reading<'d, 'a> {
    document: &'d Document<'a>,
    points: usize,
}

impl Reading<'_, '_> {
    /// The transform within an element.
    fn within(&self, node: &Node<'_>, outer: Transform) -> Result<Transform, ImageError> {
        let Some(text) = node.attribute("transform") else {
            return Ok(outer);
        };
        let wrong = || {
            self.document
                .wrong(node, "transform", text, "matrix, translate or scale")
        };
        let mut transform = outer;
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('(').ok_or_else(wrong)?;
            let (inside, after) = after.split_once(')').ok_or_else(wrong)?;
            let words = inside.split([' ', ',']).filter(|word| !word.is_empty());
            let numbers: Vec<f64> = words.map(number).collect::<Option<_>>().ok_or_else(wrong)?;
            let own: Transform = match (name.trim(), &numbers[..]) {
                ("matrix", &[a, b, c, d, e, f]) => [a, b, c, d, e, f],
                ("translate", &[x, y]) => [1.0, 0.0, 0.0, 1.0, x, y],
                ("translate", &[x]) => [1.0, 0.0, 0.0, 1.0, x, 0.0],
                ("scale", &[x, y]) => [x, 0.0, 0.0, y, 0.0, 0.0],
                ("scale", &[s]) => [s, 0.0, 0.0, s, 0.0, 0.0],
                _ => return Err(wrong()),
            };
            let origin = moved(transform, [own[4], own[5]]);
            let [a, b, c, d, ..] = transform;
            let line = |x: f64, y: f64| [a * x + c * y, b * x + d * y];
            let ([p, q], [r, s]) = (line(own[0], own[1]), line(own[2], own[3]));
            transform = [p, q, r, s, origin[0], origin[1]];
            rest = after.trim_start_matches([' ', ',']);
        }
        Ok(transform)
    }

    /// The paths of a group and of the groups in it.
    fn borders(
        &mut self,
        group: &Node<'_>,
        outer: Transform,
        depth: usize,
        borders: &mut Vec<Border>,
    ) -> Result<(), ImageError> {
        if depth > DEPTH {
            return Err(self
                .document
                .error(group.at, "groups within groups without end"));
        }
        let at = self.within(group, outer)?;
        for path in group.children("path").chain(group.children("svg:path")) {
            let own = self.within(path, at)?;
            self.path(path, own, borders)?;
        }
        for inner in groups(group) {
            self.borders(inner, at, depth + 1, borders)?;
        }
        Ok(())
    }

    /// A path as lines.
    fn path(
        &mut self,
        node: &Node<'_>,
        transform: Transform,
        borders: &mut Vec<Border>,
    ) -> Result<(), ImageError> {
        let text = self.document.attribute(node, "d")?;
        let mut pen = Pen::default();
        let mut words = Words { rest: text };
        let mut command = None;
        loop {
            if let Some(letter) = words.letter() {
                command = Some(letter);
                if letter.eq_ignore_ascii_case(&'z') {
                    pen.close();
                    command = None;
                    continue;
                }
            } else if words.done() {
                break;
            }
            let wrong = |at: &str| {
                let shown: String = at.chars().take(30).collect();
                self.document.error(
                    node.at,
                    format!("the path is not read from {shown:?} on; expected M, L, H, V, C, S, Q, T or Z with numbers, no arcs (in Inkscape: Path, Object to Path)"),
                )
            };
            let here = words.rest;
            let letter = command.ok_or_else(|| wrong(here))?;
            let count = match letter.to_ascii_uppercase() {
                'M' | 'L' | 'T' => 2,
                'H' | 'V' => 1,
                'C' => 6,
                'S' | 'Q' => 4,
                _ => return Err(wrong(here)),
            };
            let mut numbers = [0.0; 6];
            for slot in &mut numbers[..count] {
                *slot = words.number().ok_or_else(|| wrong(here))?;
            }
            pen.draw(letter, numbers);
            // Further pairs after a move are lines.
            command = Some(match letter {
                'M' => 'L',
                'm' => 'l',
                other => other,
            });
            if self.points + pen.points() > MOST_POINTS {
                let what =
                    format!("more than {MOST_POINTS} points in all; no such drawing has that many");
                return Err(self.document.error(node.at, what));
            }
        }
        self.points += pen.points();
        pen.lift();
        for mut border in pen.borders {
            for point in &mut border.points {
                *point = moved(transform, *point);
            }
            borders.push(border);
        }
        Ok(())
    }
}

/// What is drawn by one path.
#[derive(Default)]
struct Pen {
    at: [f64; 2],
    /// The control point of the curve before, mirrored by a smooth one: of a cubic (`true`) or quadratic curve.
    control: Option<(bool, [f64; 2])>,
    line: Vec<[f64; 2]>,
    borders: Vec<Border>,
    done: usize,
}

impl Pen {
    fn points(&self) -> usize {
        self.done + self.line.len()
    }

    fn end(&mut self, closed: bool) {
        let mut points = std::mem::take(&mut self.line);
        self.done += points.len();
        if points.len() > 2 && points.first() == points.last() && closed {
            points.pop();
        }
        if points.len() > 1 {
            self.borders.push(Border { points, closed });
        }
    }

    fn lift(&mut self) {
        self.end(false);
    }

    fn close(&mut self) {
        if let Some(&first) = self.line.first() {
            self.end(true);
            self.at = first;
        }
        self.control = None;
    }

    fn draw(&mut self, letter: char, n: [f64; 6]) {
        let from = match letter.is_ascii_lowercase() {
            true => self.at,
            false => [0.0; 2],
        };
        let point = |k: usize| [from[0] + n[k], from[1] + n[k + 1]];
        let mirrored = |pen: &Self, cubic: bool| match pen.control {
            Some((kind, [x, y])) if kind == cubic => [2.0 * pen.at[0] - x, 2.0 * pen.at[1] - y],
            _ => pen.at,
        };
        let mut control = None;
        match letter.to_ascii_uppercase() {
            'M' => {
                self.lift();
                self.at = point(0);
                self.line.push(self.at);
            }
            'H' => self.line_to([from[0] + n[0], self.at[1]]),
            'V' => self.line_to([self.at[0], from[1] + n[0]]),
            'C' => {
                control = Some((true, point(2)));
                self.curve(point(0), point(2), point(4));
            }
            'S' => {
                control = Some((true, point(0)));
                self.curve(mirrored(self, true), point(0), point(2));
            }
            'Q' => {
                control = Some((false, point(0)));
                self.bend(point(0), point(2));
            }
            'T' => {
                let middle = mirrored(self, false);
                control = Some((false, middle));
                self.bend(middle, point(0));
            }
            _ => self.line_to(point(0)),
        }
        self.control = control;
    }

    fn line_to(&mut self, to: [f64; 2]) {
        if self.line.is_empty() {
            self.line.push(self.at);
        }
        self.line.push(to);
        self.at = to;
    }

    fn bend(&mut self, middle: [f64; 2], to: [f64; 2]) {
        let third = |end: [f64; 2]| [0, 1].map(|k| end[k] + 2.0 / 3.0 * (middle[k] - end[k]));
        self.curve(third(self.at), third(to), to);
    }

    fn curve(&mut self, a: [f64; 2], b: [f64; 2], to: [f64; 2]) {
        let start = self.at;
        for step in 1..=STEPS {
            let t = step as f64 / STEPS as f64;
            let u = 1.0 - t;
            let weights = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
            let place = [0, 1].map(|k| {
                weights[0] * start[k] + weights[1] * a[k] + weights[2] * b[k] + weights[3] * to[k]
            });
            self.line_to(if step == STEPS { to } else { place });
        }
    }
}

/// Letters and numbers of a path.
struct Words<'t> {
    rest: &'t str,
}

impl Words<'_> {
    fn skip(&mut self) {
        let blank = |c: char| c.is_ascii_whitespace() || c == ',';
        self.rest = self.rest.trim_start_matches(blank);
    }

    fn done(&mut self) -> bool {
        self.skip();
        self.rest.is_empty()
    }

    fn letter(&mut self) -> Option<char> {
        self.skip();
        let letter = self.rest.chars().next().filter(char::is_ascii_alphabetic)?;
        self.rest = &self.rest[1..];
        Some(letter)
    }

    /// Numbers may follow each other without blanks: `1-2.5.5` is 1, −2.5 and 0.5.
    fn number(&mut self) -> Option<f64> {
        self.skip();
        let bytes = self.rest.as_bytes();
        let mut end = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let (mut point, mut power) = (false, false);
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'0'..=b'9' => {}
                b'.' if !point && !power => point = true,
                b'e' | b'E' if !power => {
                    power = true;
                    if matches!(bytes.get(end + 1), Some(b'+' | b'-')) {
                        end += 1;
                    }
                }
                _ => break,
            }
            end += 1;
        }
        let value = number(&self.rest[..end])?;
        self.rest = &self.rest[end..];
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Overlays, ImageError> {
        Overlays::parse(&Document::new(Path::new("a.svg"), text.as_bytes())?, "rois")
    }

    fn drawing(path: &str, transform: &str) -> String {
        format!(
            r#"<svg width="20px" height="10"><g inkscape:label="rois" transform="{transform}"><g inkscape:label="shapes">
<g inkscape:label="V1"><path d="{path}"/></g></g></g></svg>"#
        )
    }

    fn border(path: &str) -> Border {
        parse(&drawing(path, "")).unwrap().regions[0].borders[0].clone()
    }

    #[test]
    fn the_fixture_in_the_form_of_pycortex_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/overlays.svg");
        let found = Overlays::read(&path, "rois").unwrap();
        let names: Vec<&str> = found
            .regions
            .iter()
            .map(|region| region.name.as_str())
            .collect();
        assert_eq!(
            (found.width, found.height, names),
            (2000.0, 1024.0, vec!["V1", "FFA"])
        );
        let v1 = &found.regions[0];
        assert_eq!((v1.borders.len(), v1.labels.len()), (2, 2));
        assert!(v1.borders.iter().all(|border| border.closed));
        // The layer is moved as a whole.
        assert_eq!(v1.borders[0].points[0], [810.0, 395.0]);
        assert_eq!(v1.labels[0], [860.0, 445.0]);
        let sulci = Overlays::read(&path, "sulci").unwrap();
        assert!(!sulci.regions[0].borders[0].closed);
        let error = Overlays::read(&path, "rods").unwrap_err().to_string();
        assert!(error.contains("rois, sulci"), "{error}");
    }

    #[test]
    fn every_command_draws_where_it_should() {
        assert_eq!(
            border("M1 1H3V4h-1v1z").points,
            [[1.0, 1.0], [3.0, 1.0], [3.0, 4.0], [2.0, 4.0], [2.0, 5.0]]
        );
        assert_eq!(
            border("m1,1 2,0 0,2").points,
            [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0]]
        );
        assert_eq!(
            border("M1-2.5.5.25L1e1 2E-1").points,
            [[1.0, -2.5], [0.5, 0.25], [10.0, 0.2]]
        );
        // A straight curve stays straight; its end is exact.
        let curve = border("M0 0C1 0 2 0 3 0S5 0 6 0Q7 0 8 0T10 0");
        assert!(curve.points.iter().all(|p| p[1] == 0.0) && !curve.closed);
        assert_eq!(curve.points.last(), Some(&[10.0, 0.0]));
        // The middle of a quadratic curve.
        let bend = border("M0 0q2 4 4 0");
        assert!((bend.points[6][0] - 2.0).abs() < 1e-12 && (bend.points[6][1] - 2.0).abs() < 1e-12);
        // After a border is closed a relative move begins at its start.
        let two = parse(&drawing("M1 1h1v1zm5 5h1v1z", "")).unwrap();
        assert_eq!(two.regions[0].borders[1].points[0], [6.0, 6.0]);
        let moved = parse(&drawing("M1 1h1v1z", "translate(10) scale(2,3)")).unwrap();
        assert_eq!(moved.regions[0].borders[0].points[0], [12.0, 3.0]);
    }

    #[test]
    fn hostile_drawings_are_refused() {
        for (text, said) in [
            (drawing("M1 1A1 1 0 0 0 2 2", ""), "no arcs"),
            (drawing("1 1", ""), "not read"),
            (drawing("M1", ""), "not read"),
            (drawing("M1 nan", ""), "not read"),
            (drawing("M1 1e300", ""), "not read"),
            (drawing("M1 1L2 2", "rotate(30)"), "transform"),
            (drawing("M1 1L2 2", "matrix(1"), "transform"),
            (drawing("", "").replace(" d=\"\"", ""), "no attribute d"),
            (drawing("M1 1L2 2", "").replace("20px", "20cm"), "no size"),
            (drawing("M1 1L2 2", "").replace("10\"", "-10\""), "no size"),
            ("<svg width=\"1\" height=\"1\"/>".to_owned(), "no layer"),
            ("<html/>".to_owned(), "expected <svg>"),
            (
                format!("<svg width=\"1\" height=\"1\">{}", "<g>".repeat(100)),
                "no such file is that deep",
            ),
            (
                drawing(&format!("M0 0L{}", "1 1 ".repeat(1 << 20)), ""),
                "points in all",
            ),
            (
                "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg>&a;</svg>".to_owned(),
                "entity",
            ),
        ] {
            let error = parse(&text).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_path_and_no_transform_panics(path in "[MmLlHhVvCcSsQqTtZzAa0-9.eE,+ -]{0,60}", transform in "[a-z(), 0-9.-]{0,30}") {
            if let Ok(found) = parse(&drawing(&path, &transform)) {
                prop_assert!(found.regions.iter().all(|region| !region.borders.is_empty()));
            }
        }
    }
}
