//! Colours and letters: one palette for the page and the pictures, readable with any colour vision.
//!
//! Series follow Okabe & Ito's palette (2008, jfly.uni-koeln.de/color), changed where white paper needs more
//! contrast or an eye without one kind of cone more distance; maps follow viridis (van der Walt & Smith 2015), even in lightness.

use crate::{
    colour::{ARM, STEPS, diverging, hex, sequential},
    render::Theme,
};
use std::fmt::Write as _;

/// How many series have a colour of their own; further ones start again with other markers.
pub(crate) const SERIES: usize = 6;

/// Size of labels in pixels (9 pt).
pub(crate) const LABEL: f64 = 12.0;
/// Size of tick labels in pixels.
pub(crate) const TICK: f64 = 11.0;
/// Size of names that stand close together, in pixels.
pub(crate) const NAME: f64 = 9.5;

/// Colour names with their light and dark values.
const COLOURS: [(&str, &str, &str); 15] = [
    ("page", "#ffffff", "#16181d"),
    ("panel", "#f5f6f8", "#1f232b"),
    ("ink", "#1b1d22", "#e8eaee"),
    ("muted", "#565c66", "#a9b0bc"),
    ("line", "#8b919b", "#737b88"),
    ("grid", "#e3e6ea", "#2c313b"),
    ("accent", "#0b5cad", "#7db8f0"),
    ("missing", "#c9ccd2", "#4a505b"),
    ("against", "#b04a00", "#f08c42"),
    ("s0", "#0072b2", "#56b4e9"),
    ("s1", "#d55e00", "#f08c42"),
    ("s2", "#006848", "#2a9d78"),
    ("s3", "#a8508a", "#e0a2ca"),
    ("s4", "#5c4300", "#f2d16b"),
    ("s5", "#4b5563", "#c3c9d3"),
];

/// Faces whose letters are as wide as those that texts were measured with.
const FACE: &str = "Arimo, Arial, Helvetica, 'Liberation Sans', sans-serif";

/// Rules for pictures inside a page: colours are variables that follow the reader's preference.
pub(crate) fn page_rules(out: &mut String) {
    for (theme, dark) in [("light dark", false), ("", true)] {
        let _ = write!(
            out,
            "{}:root{{",
            if dark {
                "@media (prefers-color-scheme:dark){"
            } else {
                ""
            }
        );
        if !dark {
            let _ = write!(out, "color-scheme:{theme};");
        }
        for (name, light_value, dark_value) in COLOURS {
            let _ = write!(
                out,
                "--{name}:{};",
                if dark { dark_value } else { light_value }
            );
        }
        out.push_str(if dark { "}}\n" } else { "}\n" });
    }
    rules(out, |name| format!("var(--{name})"));
    ramps(out, Theme::Light);
    out.push_str("@media (prefers-color-scheme:dark){");
    ramps(out, Theme::Dark);
    out.push_str("}\n");
}

/// Rules for a picture of its own: colours spelled out for programs without CSS variables.
pub(crate) fn file_rules(out: &mut String, theme: Theme) {
    rules(out, |name| {
        COLOURS
            .iter()
            .find(|(n, ..)| *n == name)
            .map_or("#000", |&(_, light, dark)| match theme {
                Theme::Light => light,
                Theme::Dark => dark,
            })
            .to_owned()
    });
    ramps(out, theme);
}

/// Classes of the maps: `v0` to `v20` diverge, `q0` to `q8` rise.
fn ramps(out: &mut String, theme: Theme) {
    for k in 0..=2 * ARM {
        let colour = diverging(theme, k as f64 / ARM as f64 - 1.0);
        let _ = write!(out, ".figure .v{k}{{fill:{}}}", hex(colour));
    }
    for k in 0..STEPS {
        let colour = hex(sequential(theme, k as f64 / (STEPS - 1) as f64));
        let _ = write!(
            out,
            ".figure .q{k}{{fill:{colour}}}.figure .dots.q{k}{{stroke:{colour};fill:none}}"
        );
    }
}

fn rules(out: &mut String, colour: impl Fn(&str) -> String) {
    let c = colour;
    let _ = write!(
        out,
        ".figure text{{font-family:{FACE};font-size:{LABEL}px;fill:{ink}}}\
         .figure .tick{{font-size:{TICK}px;fill:{muted}}}\
         .figure .name{{font-size:{NAME}px;fill:{muted}}}\
         .figure .note{{font-size:{TICK}px;fill:{ink}}}\
         .figure .strong{{font-weight:600}}\
         .figure .page{{fill:{page}}}\
         .figure .panel{{fill:{panel}}}\
         .figure .axis{{stroke:{line};stroke-width:1;fill:none}}\
         .figure .grid{{stroke:{grid};stroke-width:1;fill:none}}\
         .figure .error{{stroke:{ink};stroke-width:1.5;fill:none}}\
         .figure .chance{{stroke:{ink};stroke-width:1.25;stroke-dasharray:4 3;fill:none}}\
         .figure .ceiling{{fill:{muted};fill-opacity:.22}}\
         .figure .identity{{stroke:{line};stroke-width:1;stroke-dasharray:2 3;fill:none}}\
         .figure .missing{{fill:{missing}}}\
         .figure .bitmap{{image-rendering:pixelated}}\
         .figure .small{{font-size:{NAME}px;fill:{ink}}}\
         .figure .bold{{font-weight:700}}\
         .figure .halo{{paint-order:stroke;stroke:{page};stroke-width:3px;stroke-linejoin:round}}\
         .figure .on{{fill:{ink}}}\
         .figure .off{{fill:{page}}}\
         .figure .quiet{{fill:{grid}}}\
         .figure .hatch{{stroke:{line};stroke-width:1;fill:none}}\
         .figure .for{{fill:{s0}}}\
         .figure .against{{fill:{against}}}\
         .figure .petal{{stroke:{page};stroke-width:.3}}\
         .figure .edge{{stroke:{page};stroke-width:.75}}\
         .figure .null{{fill:{line};fill-opacity:.5}}\
         .figure .dots{{stroke-linecap:round;fill:none}}\
         .figure .ribbon{{stroke-width:1;fill:{page};fill-opacity:.35}}\
         .figure .link{{stroke:{line};fill:none}}\
         .figure .faint{{stroke:{grid};stroke-linecap:round;fill:none}}",
        ink = c("ink"),
        s0 = c("s0"),
        against = c("against"),
        muted = c("muted"),
        page = c("page"),
        panel = c("panel"),
        line = c("line"),
        grid = c("grid"),
        missing = c("missing"),
    );
    const DASHES: [&str; SERIES] = ["none", "7 3", "2 2", "9 3 2 3", "5 5", "1 3"];
    for (i, dash) in DASHES.iter().enumerate() {
        let s = c(&format!("s{i}"));
        let _ = write!(
            out,
            ".figure .fill{i}{{fill:{s}}}\
             .figure .dot{i}{{fill:{s};fill-opacity:.45}}\
             .figure .band{i}{{fill:{s};fill-opacity:.2}}\
             .figure .hollow{i}{{fill:{page};stroke:{s};stroke-width:1.5}}\
             .figure .rim{i}{{stroke:{s};stroke-width:1.25;fill:none}}\
             .figure .stroke{i}{{stroke:{s};stroke-width:1.75;fill:none;stroke-dasharray:{dash}}}",
            page = c("page"),
        );
    }
}

/// A colour of the viridis map at `t` in [0, 1]; values outside are clamped.
///
/// Linear between 17 entries of the published table (CC0), within 6/255 of the rest.
#[must_use]
pub fn viridis(t: f64) -> [u8; 3] {
    const ENTRIES: [[u8; 3]; 17] = [
        [68, 1, 84],
        [72, 24, 106],
        [71, 45, 123],
        [66, 64, 134],
        [59, 82, 139],
        [51, 99, 141],
        [44, 114, 142],
        [38, 130, 142],
        [33, 145, 140],
        [31, 160, 136],
        [40, 174, 128],
        [63, 188, 115],
        [94, 201, 98],
        [132, 212, 75],
        [173, 220, 48],
        [216, 226, 25],
        [253, 231, 37],
    ];
    let place = t.clamp(0.0, 1.0) * (ENTRIES.len() - 1) as f64;
    let low = (place as usize).min(ENTRIES.len() - 2);
    let share = place - low as f64;
    std::array::from_fn(|k| {
        let (a, b) = (f64::from(ENTRIES[low][k]), f64::from(ENTRIES[low + 1][k]));
        (a + (b - a) * share).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::{
        Rgb,
        tests::{CONES, apart, contrast, without},
    };

    fn colour(name: &str, dark: bool) -> Rgb {
        let found = COLOURS.iter().find(|(n, ..)| *n == name);
        let text = found.map_or("", |&(_, l, d)| if dark { d } else { l });
        std::array::from_fn(|k| u8::from_str_radix(&text[1 + 2 * k..3 + 2 * k], 16).unwrap())
    }

    #[test]
    fn letters_and_series_stand_out_from_every_ground() {
        for dark in [false, true] {
            for ground in ["page", "panel"].map(|g| colour(g, dark)) {
                for name in ["ink", "muted", "against"] {
                    let seen = contrast(colour(name, dark), ground);
                    assert!(seen > 4.5, "{name} {dark}: {seen}");
                }
                for k in 0..SERIES {
                    let seen = contrast(colour(&format!("s{k}"), dark), ground);
                    assert!(seen > 3.0, "s{k} {dark}: {seen}");
                }
            }
        }
    }

    #[test]
    fn series_differ_for_eyes_without_one_kind_of_cone() {
        for dark in [false, true] {
            let series: Vec<Rgb> = (0..SERIES)
                .map(|k| colour(&format!("s{k}"), dark))
                .collect();
            for (i, &a) in series.iter().enumerate() {
                for (j, &b) in series[..i].iter().enumerate() {
                    assert!(apart(a, b) > 0.08, "s{i}, s{j}");
                    for cones in &CONES {
                        // Twice what is just noticeable; markers and dashes differ as well.
                        let seen = apart(without(cones, a), without(cones, b));
                        assert!(seen > 0.04, "s{i}, s{j}, {dark}: {seen}");
                    }
                }
            }
        }
    }
}
