//! The letters of the figures and their widths.
//!
//! Arimo (SIL Open Font License, see `fonts/`) is part of the program, so that bitmaps and PDF files
//! do not depend on the machine. Its widths are those of Arial, Helvetica and Liberation Sans, in which
//! most programs show the SVG files: what fits here fits there.

use std::{collections::BTreeSet, sync::LazyLock};
use ttf_parser::Face;

/// The font files, regular and bold.
pub(crate) static FILES: [&[u8]; 2] = [
    include_bytes!("../fonts/Arimo-Regular.ttf"),
    include_bytes!("../fonts/Arimo-Bold.ttf"),
];

/// The family name that the files carry.
pub(crate) const FAMILY: &str = "Arimo";

/// How heavy letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

static FACES: LazyLock<[Option<Face<'static>>; 2]> =
    LazyLock::new(|| FILES.map(|file| Face::parse(file, 0).ok()));

/// The width of a text of the given size, in the same unit as the size.
///
/// Letters that the font lacks count as wide as their script makes them elsewhere. O(letters).
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let face = FACES[weight as usize].as_ref();
    let advance = |c: char| {
        face.and_then(|face| {
            let advance = face.glyph_hor_advance(face.glyph_index(c)?)?;
            Some(f64::from(advance) / f64::from(face.units_per_em()))
        })
        .unwrap_or(if c >= '\u{1100}' { 1.0 } else { 0.7 })
    };
    text.chars().map(advance).sum::<f64>() * size
}

/// The letters of a text that the font has no shape for: bitmaps and PDF files show a box in their place.
///
/// ```
/// assert!(emotome_figures::font::lacking("ρ ≥ 0.5, Émoi, тоска").is_empty());
/// assert_eq!(emotome_figures::font::lacking("爱 love").into_iter().collect::<String>(), "爱");
/// ```
#[must_use]
pub fn lacking(text: &str) -> BTreeSet<char> {
    let shown = |c: char| {
        FACES[0]
            .as_ref()
            .is_some_and(|face| face.glyph_index(c).is_some())
    };
    text.chars()
        .filter(|&c| !c.is_control() && !shown(c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_faces_are_readable_and_bold_is_wider() {
        assert!(FACES.iter().all(Option::is_some));
        let (regular, bold) = (
            width("awe", 10.0, Weight::Regular),
            width("awe", 10.0, Weight::Bold),
        );
        // a 0.556, w 0.722, e 0.556 of the size: the widths of Arial.
        assert!((regular - 18.34).abs() < 0.01 && bold > regular);
    }
}
