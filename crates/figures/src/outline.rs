//! Lines around what was found, over colours that fade.

use crate::canvas::{Canvas, Path};

/// The borders between pixels that are inside and those that are not, each run a line; `corner` is the top left of the
/// bitmap and `pixel` the edges of a pixel on the page.
pub(crate) fn border(
    inside: &[bool],
    width: usize,
    corner: (f64, f64),
    pixel: (f64, f64),
) -> Option<Path> {
    let height = inside.len().checked_div(width)?;
    let is = |i: usize, j: usize| i < width && j < height && inside[j * width + i];
    let at = |i: usize, j: usize| (corner.0 + i as f64 * pixel.0, corner.1 + j as f64 * pixel.1);
    let mut path: Option<Path> = None;
    let mut add = |from: (f64, f64), to: (f64, f64)| {
        let start = match path.take() {
            Some(path) => path.moved(from),
            None => Path::from(from),
        };
        path = Some(start.line(to));
    };
    // Usizes below zero wrap to a place that is not inside.
    let edges = |horizontal: bool, add: &mut dyn FnMut((f64, f64), (f64, f64))| {
        let (lines, steps) = match horizontal {
            true => (height, width),
            false => (width, height),
        };
        for line in 0..=lines {
            let differs = |step: usize| match horizontal {
                true => is(step, line) != is(step, line.wrapping_sub(1)),
                false => is(line, step) != is(line.wrapping_sub(1), step),
            };
            let place = |step: usize| match horizontal {
                true => at(step, line),
                false => at(line, step),
            };
            let mut begun = None;
            for step in 0..=steps {
                match (begun, step < steps && differs(step)) {
                    (None, true) => begun = Some(step),
                    (Some(from), false) => {
                        add(place(from), place(step));
                        begun = None;
                    }
                    _ => {}
                }
            }
        }
    };
    edges(true, &mut add);
    edges(false, &mut add);
    path
}

/// Draws a line that is seen on dark and on bright colours; `narrow` as in one column.
pub(crate) fn draw(canvas: &mut Canvas, path: &Path, narrow: bool) {
    const SHAPE: &str = "fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\"";
    let [halo, line] = if narrow { [1.5, 0.7] } else { [2.3, 1.1] };
    for (colour, width) in [("#fff", halo), ("#000", line)] {
        let pen = format!("{SHAPE} stroke=\"{colour}\" stroke-width=\"{width}\"");
        canvas.group(&pen, |canvas| canvas.path("", path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_goes_round_and_round_holes() {
        let mut canvas = Canvas::new(10.0, 10.0);
        // A ring of eight pixels round a hole.
        let inside: Vec<bool> = (0..25)
            .map(|k| (1..4).contains(&(k % 5)) && (1..4).contains(&(k / 5)) && k != 12)
            .collect();
        draw(
            &mut canvas,
            &border(&inside, 5, (0.0, 0.0), (1.0, 1.0)).unwrap(),
            false,
        );
        let drawn = canvas.finish_at(10.0).inline("a", "", "");
        for line in [
            "M1 1L4 1", "M1 4L4 4", "M1 1L1 4", "M4 1L4 4", "M2 2L3 2", "M2 3L3 3", "M2 2L2 3",
            "M3 2L3 3",
        ] {
            assert!(drawn.contains(line), "{line}: {drawn}");
        }
        assert!(border(&[false; 9], 3, (0.0, 0.0), (1.0, 1.0)).is_none());
        assert!(border(&[], 0, (0.0, 0.0), (1.0, 1.0)).is_none());
    }
}
