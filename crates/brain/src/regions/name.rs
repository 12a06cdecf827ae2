//! One name for what files call by many: `hcp180_r_lh.L_V1_ROI`, `L_V1_ROI-lh` and `L_V1` are the same parcel.

use std::fmt;

use super::area::{Hemisphere, NAMES};

/// A parcel's name without the dress of its file.
///
/// | written | hemisphere | stem |
/// |---|---|---|
/// | `hcp180_r_lh.L_V1_ROI`, `L_V1_ROI`, `L_V1_ROI-lh`, `L_V1`, `lh.V1` | left | `V1` |
/// | `Right-Accumbens-area`, `CIFTI_STRUCTURE_ACCUMBENS_RIGHT` | right | `accumbens` |
/// | `pickatlas_r_waal_MNI_V4_Thalamus_L`, `Left-Thalamus-Proper` | left | `thalamus` |
/// | `yeo2011_17_r_lh.17Networks_1` | left | `17networks_1` |
/// | `hyppocampus`, `Hippocampus` | none | `hippocampus` |
///
/// Areas of the HCP-MMP keep their letters, since some differ by nothing else from other names; all others are
/// lower case with `_` for blanks and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParcelName {
    /// The hemisphere that the name states.
    pub hemisphere: Option<Hemisphere>,
    /// What is left.
    pub stem: String,
}

/// Beginnings that name the file and not the parcel.
const DRESS: [&str; 6] = [
    "pickatlas_r_waal_MNI_V4_",
    "pickatlas_r_wTD_brodmann_",
    "pickatlas_r_wTD_label_",
    "pickatlas_r_wTD_hemisphere_",
    "CIFTI_STRUCTURE_",
    "ctx-",
];

/// Spellings of one structure.
const ALIASES: [(&str, &str); 5] = [
    ("hyppocampus", "hippocampus"),
    ("thalamus_proper", "thalamus"),
    ("accumbens_area", "accumbens"),
    ("nucleus_accumbens", "accumbens"),
    ("brain_stem", "brainstem"),
];

const STARTS: [(&str, Hemisphere); 8] = [
    ("L_", Hemisphere::Left),
    ("R_", Hemisphere::Right),
    ("Left-", Hemisphere::Left),
    ("Right-", Hemisphere::Right),
    ("Left_", Hemisphere::Left),
    ("Right_", Hemisphere::Right),
    ("left_", Hemisphere::Left),
    ("right_", Hemisphere::Right),
];

const ENDS: [(&str, Hemisphere); 8] = [
    ("-lh", Hemisphere::Left),
    ("-rh", Hemisphere::Right),
    ("_L", Hemisphere::Left),
    ("_R", Hemisphere::Right),
    ("_LEFT", Hemisphere::Left),
    ("_RIGHT", Hemisphere::Right),
    ("_left", Hemisphere::Left),
    ("_right", Hemisphere::Right),
];

impl ParcelName {
    /// Reads a name; none if it states both hemispheres, e.g. `hcp180_r_lh.R_V1_ROI`, or nothing.
    pub fn read(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut sides = Vec::new();
        for (mark, side) in [("lh.", Hemisphere::Left), ("rh.", Hemisphere::Right)] {
            if let Some(at) = rest.find(mark)
                && (at == 0 || rest.as_bytes()[at - 1] == b'_')
            {
                sides.push(side);
                rest = &rest[at + mark.len()..];
            }
        }
        for dress in DRESS {
            rest = rest.strip_prefix(dress).unwrap_or(rest);
        }
        for (end, side) in ENDS {
            if let Some(found) = rest.strip_suffix(end) {
                sides.push(side);
                rest = found;
                break;
            }
        }
        rest = rest.strip_suffix("_ROI").unwrap_or(rest);
        for (start, side) in STARTS {
            if let Some(found) = rest.strip_prefix(start) {
                sides.push(side);
                rest = found;
                break;
            }
        }
        if rest.is_empty() || sides.windows(2).any(|pair| pair[0] != pair[1]) {
            return None;
        }
        Some(Self {
            hemisphere: sides.first().copied(),
            stem: stem(rest),
        })
    }
}

fn stem(text: &str) -> String {
    if NAMES.contains(&text) {
        return text.to_owned();
    }
    // The label files of the project write this one area in two ways.
    if text == "7Pl" {
        return "7PL".to_owned();
    }
    let plain = text.to_lowercase().replace([' ', '-'], "_");
    ALIASES
        .iter()
        .find(|(written, _)| *written == plain)
        .map_or(plain, |(_, meant)| (*meant).to_owned())
}

impl fmt::Display for ParcelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hemisphere {
            Some(side) => write!(f, "{}_{}", side.letter(), self.stem),
            None => f.write_str(&self.stem),
        }
    }
}
