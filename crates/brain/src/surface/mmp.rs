//! Outlines of the HCP-MMP 1.0 that come with the program, for maps by area without any further file.

use std::sync::LazyLock;

use super::outline::{Arc, Outlines};
use crate::regions::{Area, Hemisphere};

/// Where the outlines come from, under which terms, and the acknowledgement that publications must carry.
pub const NOTICE: &str = include_str!("../../assets/NOTICE.md");

/// Steps of the coordinates in the file, in millimetres of the flat map.
pub const QUANTUM: f64 = 0.2;

static FLAT: LazyLock<Outlines> = LazyLock::new(|| {
    Outlines::read(include_str!("../../assets/hcp_mmp_flat.txt"), QUANTUM).unwrap_or_default()
});

/// Borders of the areas of one hemisphere on its flat map, labels as [`Area::id`].
///
/// Millimetres of the flat surface, y up. In both hemispheres the medial side is up; the left one has its occipital
/// pole at right and the right one at left, so that the poles face each other with the left hemisphere at left.
/// Publications must carry the acknowledgement in [`NOTICE`].
pub fn flat(hemisphere: Hemisphere) -> Outlines {
    let of = |arc: &&Arc| (arc.left.max(arc.right) > 180) == (hemisphere == Hemisphere::Right);
    Outlines {
        arcs: FLAT.arcs.iter().filter(of).cloned().collect(),
    }
}

/// Closed rings around each area of one hemisphere, by number; see [`flat`].
///
/// ```
/// use emotome_brain::{regions::Hemisphere, surface::mmp};
/// let areas = mmp::areas(Hemisphere::Left);
/// assert_eq!((areas.len(), areas[0].0.to_string()), (180, "L_V1".into()));
/// ```
pub fn areas(hemisphere: Hemisphere) -> Vec<(Area, Vec<Vec<[f64; 2]>>)> {
    let outlines = flat(hemisphere);
    Area::all()
        .filter(|area| area.hemisphere() == hemisphere)
        .map(|area| (area, outlines.rings(i64::from(area.id()))))
        .collect()
}
