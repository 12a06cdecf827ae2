//! The stimuli at both ends of each dimension, as cards.

use crate::{
    canvas::{Anchor, Canvas, Path, Svg, clip_lines, wrap},
    figure::Figure,
    png::base64,
    scale::decimal,
    style::{LABEL, NAME, TICK},
    table::{Cell, Table},
};

/// Top and bottom stimuli of dimensions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exemplars {
    /// The heading.
    pub title: String,
    /// The dimensions.
    pub dimensions: Vec<ExemplarRow>,
}

/// One dimension.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExemplarRow {
    /// Name of the dimension.
    pub label: String,
    /// Stimuli with the largest weights, largest first.
    pub top: Vec<Exemplar>,
    /// Stimuli with the smallest weights, smallest first.
    pub bottom: Vec<Exemplar>,
}

/// One stimulus.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exemplar {
    /// Its key.
    pub key: String,
    /// Its caption; empty: the key is shown.
    pub caption: String,
    /// Its weight on the dimension.
    pub weight: f64,
    /// A PNG or JPEG file of at most [`THUMBNAIL_BYTES`] and [`THUMBNAIL_SIDE`] pixels a side.
    pub thumbnail: Option<Vec<u8>>,
    /// Whether its picture must not be shown as it is; a hatched box says so.
    pub flagged: bool,
    /// Whether the picture, if the stimulus is flagged, was blurred and may be shown.
    pub blurred: bool,
}

/// Bytes of a thumbnail, at most.
pub const THUMBNAIL_BYTES: usize = 1 << 20;
/// Pixels of either side of a thumbnail, at most.
pub const THUMBNAIL_SIDE: u32 = 2048;

/// Kind, width and height that a PNG or JPEG file claims in its header.
fn claimed(file: &[u8]) -> Option<(&'static str, u32, u32)> {
    if file.starts_with(b"\x89PNG\r\n\x1a\n") && file.get(12..16)? == b"IHDR" {
        let side = |at: usize| Some(u32::from_be_bytes(file.get(at..at + 4)?.try_into().ok()?));
        return Some(("png", side(16)?, side(20)?));
    }
    if !file.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    let mut at = 2;
    loop {
        let (marker, rest) = (file.get(at..at + 2)?, file.get(at + 2..)?);
        if marker[0] != 0xff {
            return None;
        }
        match marker[1] {
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            // A frame header: precision, height, width.
            0xc0..=0xcf if !matches!(marker[1], 0xc4 | 0xc8 | 0xcc) => {
                let side = |k: usize| {
                    Some(u32::from(u16::from_be_bytes(
                        rest.get(k..k + 2)?.try_into().ok()?,
                    )))
                };
                return Some(("jpeg", side(5)?, side(3)?));
            }
            0xd9 | 0xda => return None,
            _ => {
                let length = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
                at += 2 + usize::from(length.max(2));
            }
        }
    }
}

/// Whether a picture can be read to its end, so that no frame stays empty without a word.
fn whole(kind: &str, file: &[u8]) -> bool {
    match kind {
        "png" => resvg::tiny_skia::Pixmap::decode_png(file).is_ok(),
        // The mark of the end, which some writers pad.
        _ => file
            .windows(2)
            .rev()
            .take(64)
            .any(|mark| mark == [0xff, 0xd9]),
    }
}

/// What stands in a picture's place.
enum Shown {
    Picture(String),
    Instead(&'static str),
}

impl Exemplar {
    fn shown(&self) -> Shown {
        if self.flagged && !(self.blurred && self.thumbnail.is_some()) {
            return Shown::Instead("not shown: flagged");
        }
        let Some(file) = &self.thumbnail else {
            return Shown::Instead("no picture");
        };
        match claimed(file) {
            _ if file.len() > THUMBNAIL_BYTES => Shown::Instead("picture too large"),
            Some((_, w, h)) if w.max(h) > THUMBNAIL_SIDE || w.min(h) == 0 => {
                Shown::Instead("picture too large")
            }
            Some((kind, ..)) if whole(kind, file) => {
                Shown::Picture(format!("data:image/{kind};base64,{}", base64(file)))
            }
            Some(_) => Shown::Instead("damaged picture"),
            None => Shown::Instead("not a PNG or JPEG"),
        }
    }

    fn words(&self) -> &str {
        if self.caption.trim().is_empty() {
            &self.key
        } else {
            &self.caption
        }
    }
}

const WIDTH: f64 = 692.0;
const GAP: f64 = 8.0;

impl Exemplars {
    fn pictures(&self) -> bool {
        let mut all = self
            .dimensions
            .iter()
            .flat_map(|d| d.top.iter().chain(&d.bottom));
        all.any(|e| e.thumbnail.is_some() || e.flagged)
    }

    /// Cards in a row: as many as the longest list, 2 to 6.
    fn columns(&self) -> usize {
        let longest = self
            .dimensions
            .iter()
            .map(|d| d.top.len().max(d.bottom.len()));
        longest.max().unwrap_or(0).clamp(2, 6)
    }
}

fn card(canvas: &mut Canvas, e: &Exemplar, (x, y): (f64, f64), wide: f64, picture: f64) {
    let hint = format!("{}: weight {}. {}", e.key, decimal(e.weight), e.caption);
    canvas.hinted(&hint, |canvas| {
        let mut base = y;
        if picture > 0.0 {
            match e.shown() {
                Shown::Picture(uri) => {
                    canvas.picture((x, y), (wide, picture), &uri);
                    canvas.rect("grid", (x, y), (x + wide, y + picture));
                }
                Shown::Instead(words) => {
                    canvas.rect("panel", (x, y), (x + wide, y + picture));
                    if e.flagged && !e.blurred {
                        hatch(canvas, (x, y), (wide, picture));
                    }
                    let at = (x + wide / 2.0, y + picture / 2.0 + 0.35 * NAME);
                    canvas.text("small halo", at, Anchor::Middle, words);
                }
            }
            base += picture + 4.0;
        }
        canvas.text(
            "small bold",
            (x, base + NAME),
            Anchor::Start,
            &decimal(e.weight),
        );
        let indent = 34.0;
        let most = if picture > 0.0 { 3 } else { 5 };
        for (k, line) in clip_lines(e.words(), NAME, wide - indent, most)
            .iter()
            .enumerate()
        {
            let at = (x + indent, base + NAME + 1.25 * NAME * k as f64);
            canvas.text("small", at, Anchor::Start, line);
        }
    });
}

/// Slanted lines over a rectangle.
fn hatch(canvas: &mut Canvas, (x, y): (f64, f64), (w, h): (f64, f64)) {
    let mut path = Path::from((x, y));
    for k in 1..((w + h) / 9.0) as usize + 1 {
        let s = 9.0 * k as f64;
        let from = (x + s.min(w), y + (s - w).max(0.0));
        let to = (x + (s - h).max(0.0), y + s.min(h));
        path = path.moved(from).line(to);
    }
    canvas.path("hatch", &path);
}

impl Figure for Exemplars {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = String::from("Cards of the stimuli with the largest and smallest weights. ");
        for row in &self.dimensions {
            let name = |e: Option<&Exemplar>| {
                e.map_or_else(
                    || "none".into(),
                    |e| format!("{} ({})", e.words(), decimal(e.weight)),
                )
            };
            text += &format!(
                "{}: highest {}; lowest {}. ",
                row.label,
                name(row.top.first()),
                name(row.bottom.first())
            );
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "For each dimension the stimuli with the largest weights and, below, those with the smallest; the number is the weight. A name for a dimension has to fit \
         the upper row and fail for the lower one. Hatched pictures were flagged and are not shown; mosaics were flagged and blurred."
    }

    fn svg(&self) -> Svg {
        let columns = self.columns();
        let left = 62.0;
        let wide = (WIDTH - left - GAP * columns as f64) / columns as f64;
        let picture = if self.pictures() {
            (0.5625 * wide).round()
        } else {
            0.0
        };
        let mut canvas = Canvas::new(WIDTH, 0.0);
        let mut y = 4.0;
        for row in &self.dimensions {
            canvas.line("grid", (0.0, y), (WIDTH, y));
            for (k, line) in wrap(&row.label, LABEL * 1.08, WIDTH - 16.0)
                .iter()
                .enumerate()
            {
                let at = (8.0, y + 16.0 + 15.0 * k as f64);
                canvas.text("bold", at, Anchor::Start, line);
                if k > 0 {
                    y += 15.0;
                }
            }
            y += 24.0;
            for (name, list) in [("highest", &row.top), ("lowest", &row.bottom)] {
                for line in list.chunks(columns) {
                    canvas.text("tick", (8.0, y + TICK), Anchor::Start, name);
                    let most = if picture > 0.0 { 3 } else { 5 };
                    let lines = line
                        .iter()
                        .map(|e| clip_lines(e.words(), NAME, wide - 34.0, most).len().max(1));
                    let text = 1.25 * NAME * lines.max().unwrap_or(1) as f64;
                    for (k, e) in line.iter().enumerate() {
                        card(
                            &mut canvas,
                            e,
                            (left + (wide + GAP) * k as f64, y),
                            wide,
                            picture,
                        );
                    }
                    y += text + 10.0 + if picture > 0.0 { picture + 4.0 } else { 0.0 };
                }
            }
            y += 4.0;
        }
        canvas.finish_at(y.max(10.0))
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "dimension",
            "end",
            "rank",
            "stimulus",
            "weight",
            "flagged",
            "caption",
        ]);
        for row in &self.dimensions {
            for (end, list) in [("highest", &row.top), ("lowest", &row.bottom)] {
                for (rank, e) in list.iter().enumerate() {
                    table.push([
                        Cell::from(row.label.as_str()),
                        end.into(),
                        (rank + 1).into(),
                        e.key.as_str().into(),
                        e.weight.into(),
                        if e.flagged { "yes" } else { "no" }.into(),
                        e.caption.as_str().into(),
                    ]);
                }
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_flagged_picture_is_never_in_the_file_and_a_damaged_one_is_named() {
        let secret = resvg::tiny_skia::Pixmap::new(2, 2)
            .unwrap()
            .encode_png()
            .unwrap();
        let card = |flagged| Exemplar {
            thumbnail: Some(secret.clone()),
            flagged,
            ..Exemplar::default()
        };
        let figure = |e: Exemplar| Exemplars {
            dimensions: vec![ExemplarRow {
                top: vec![e],
                ..ExemplarRow::default()
            }],
            ..Exemplars::default()
        };
        assert!(figure(card(false)).svg_file().contains("data:image/png"));
        let mut torn = card(false);
        torn.thumbnail.as_mut().unwrap().truncate(40);
        assert!(figure(torn).svg_file().contains("damaged picture"));
        let hidden = figure(card(true)).svg_file();
        assert!(!hidden.contains("data:image") && hidden.contains("not shown: flagged"));
    }

    #[test]
    fn a_claim_of_a_huge_picture_is_not_believed() {
        let bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\0\0\0\x01\0\0".to_vec();
        assert_eq!(claimed(&bomb), Some(("png", 65536, 65536)));
        let e = Exemplar {
            thumbnail: Some(bomb),
            ..Exemplar::default()
        };
        assert!(matches!(e.shown(), Shown::Instead("picture too large")));
        let jpeg = [
            0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc2, 0, 11, 8, 0, 90, 0, 160, 1,
        ];
        assert_eq!(claimed(&jpeg), Some(("jpeg", 160, 90)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_picture_or_not(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), start in 0_usize..3) {
            let starts: [&[u8]; 3] = [b"", &[0xff, 0xd8, 0xff], b"\x89PNG\r\n\x1a\n"];
            bytes.splice(0..0, starts[start].iter().copied());
            let _ = claimed(&bytes);
        }
    }
}
