//! Regions that were drawn on a flat map with pycortex, over the user's own flat surfaces.

use super::error::MapError;
use crate::WorkflowError;
use emotome_brain::surface::{Mesh, inner_point};
use emotome_figures::cortex::{FlatOutline, Line};
use emotome_neurofiles::overlays::Overlays;
use std::path::Path;

/// How far the shape of a drawing may differ from that of the surfaces.
const SLACK: f64 = 0.03;

/// Least and largest x and y of the points that triangles use.
fn extent(mesh: &Mesh) -> [[f64; 2]; 2] {
    let mut extent = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    for &corner in mesh.triangles().iter().flatten() {
        let point = mesh.points()[corner as usize];
        for axis in 0..2 {
            let [low, high] = extent[axis];
            extent[axis] = [low.min(point[axis]), high.max(point[axis])];
        }
    }
    extent
}

/// The regions of a layer on the left and on the right surface.
///
/// The drawing holds both, the right end of the left surface at the left end of the right one, from the leftmost to
/// the rightmost point and from the top to the bottom of both.
pub(super) fn outlines(
    path: &Path,
    layer: &str,
    flat: [&Mesh; 2],
) -> Result<[Vec<FlatOutline>; 2], WorkflowError> {
    let drawn = Overlays::read(path, layer)?;
    let [left, right] = flat.map(extent);
    let wide = |side: [[f64; 2]; 2]| side[0][1] - side[0][0];
    let across = wide(left) + wide(right);
    let (bottom, top) = (left[1][0].min(right[1][0]), left[1][1].max(right[1][1]));
    let found = drawn.width / drawn.height;
    let expected = across / (top - bottom);
    if (found / expected - 1.0).abs() > SLACK {
        return Err(MapError::OtherSurfaces {
            path: path.to_owned(),
            found,
            expected,
        }
        .into());
    }
    let place = |[x, y]: [f64; 2]| {
        let x = x / drawn.width * across - wide(left);
        let y = top - y / drawn.height * (top - bottom);
        match x < 0.0 {
            true => (0, [x + left[0][1], y]),
            false => (1, [x + right[0][0], y]),
        }
    };
    let mut outlines = [Vec::new(), Vec::new()];
    for region in &drawn.regions {
        let mut rings = [Vec::new(), Vec::new()];
        for border in &region.borders {
            let placed: Vec<(usize, [f64; 2])> = border.points.iter().map(|&p| place(p)).collect();
            // A line that strays over the gap belongs to where most of it is.
            let right_ones = placed.iter().filter(|(side, _)| *side == 1).count();
            let side = usize::from(2 * right_ones > placed.len());
            let gap = right[0][0] - left[0][1];
            let mut ring: Vec<[f64; 2]> = placed
                .into_iter()
                .map(|(own, [x, y])| [x + gap * (own as f64 - side as f64) * -1.0, y])
                .collect();
            if !border.closed {
                // Rings close: a line goes there and back.
                let back: Vec<[f64; 2]> = ring.iter().rev().copied().collect();
                ring.extend(back);
            }
            rings[side].push(ring);
        }
        for (side, rings) in rings
            .into_iter()
            .enumerate()
            .filter(|(_, rings)| !rings.is_empty())
        {
            let named = region.labels.iter().map(|&label| place(label));
            let at = named.into_iter().find(|(own, _)| *own == side);
            outlines[side].push(FlatOutline {
                name: region.name.clone(),
                at: at.map(|(_, at)| at).or_else(|| inner_point(&rings)),
                rings,
                line: Line::Region,
            });
        }
    }
    Ok(outlines)
}
