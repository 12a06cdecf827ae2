//! The 180 areas of each hemisphere in the multimodal parcellation of the Human Connectome Project.
//!
//! Glasser et al. (2016), Nature 536:171, doi:10.1038/nature18933 (HCP-MMP 1.0).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::ParcelName;

/// A side of the brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hemisphere {
    /// x < 0 in millimetres.
    Left,
    /// x > 0 in millimetres.
    Right,
}

impl Hemisphere {
    /// Left, then right.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// `L` or `R`.
    pub const fn letter(self) -> char {
        match self {
            Self::Left => 'L',
            Self::Right => 'R',
        }
    }

    /// `left` or `right`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The name of its cortex in CIFTI-2.
    pub const fn cifti(self) -> &'static str {
        match self {
            Self::Left => "CIFTI_STRUCTURE_CORTEX_LEFT",
            Self::Right => "CIFTI_STRUCTURE_CORTEX_RIGHT",
        }
    }

    /// The hemisphere whose cortex CIFTI-2 calls so.
    pub fn of_cifti(structure: &str) -> Option<Self> {
        Self::BOTH
            .into_iter()
            .find(|side| side.cifti() == structure)
    }

    /// A parcel's name with this side in front, unless it states one.
    pub fn of_parcel(self, name: &str) -> String {
        match ParcelName::read(name).and_then(|name| name.hemisphere) {
            Some(_) => name.to_owned(),
            None => format!("{}_{name}", self.letter()),
        }
    }

    /// The name of its cortex in GIFTI.
    pub const fn gifti(self) -> &'static str {
        match self {
            Self::Left => "CortexLeft",
            Self::Right => "CortexRight",
        }
    }
}

/// Names of the areas in the order of their numbers, 1 to 180.
pub const NAMES: [&str; 180] = [
    "V1", "MST", "V6", "V2", "V3", "V4", "V8", "4", "3b", "FEF", "PEF", "55b", "V3A", "RSC",
    "POS2", "V7", "IPS1", "FFC", "V3B", "LO1", "LO2", "PIT", "MT", "A1", "PSL", "SFL", "PCV",
    "STV", "7Pm", "7m", "POS1", "23d", "v23ab", "d23ab", "31pv", "5m", "5mv", "23c", "5L", "24dd",
    "24dv", "7AL", "SCEF", "6ma", "7Am", "7PL", "7PC", "LIPv", "VIP", "MIP", "1", "2", "3a", "6d",
    "6mp", "6v", "p24pr", "33pr", "a24pr", "p32pr", "a24", "d32", "8BM", "p32", "10r", "47m",
    "8Av", "8Ad", "9m", "8BL", "9p", "10d", "8C", "44", "45", "47l", "a47r", "6r", "IFJa", "IFJp",
    "IFSp", "IFSa", "p9-46v", "46", "a9-46v", "9-46d", "9a", "10v", "a10p", "10pp", "11l", "13l",
    "OFC", "47s", "LIPd", "6a", "i6-8", "s6-8", "43", "OP4", "OP1", "OP2-3", "52", "RI", "PFcm",
    "PoI2", "TA2", "FOP4", "MI", "Pir", "AVI", "AAIC", "FOP1", "FOP3", "FOP2", "PFt", "AIP", "EC",
    "PreS", "H", "ProS", "PeEc", "STGa", "PBelt", "A5", "PHA1", "PHA3", "STSda", "STSdp", "STSvp",
    "TGd", "TE1a", "TE1p", "TE2a", "TF", "TE2p", "PHT", "PH", "TPOJ1", "TPOJ2", "TPOJ3", "DVT",
    "PGp", "IP2", "IP1", "IP0", "PFop", "PF", "PFm", "PGi", "PGs", "V6A", "VMV1", "VMV3", "PHA2",
    "V4t", "FST", "V3CD", "LO3", "VMV2", "31pd", "31a", "VVC", "25", "s32", "pOFC", "PoI1", "Ig",
    "FOP5", "p10p", "p47r", "TGv", "MBelt", "LBelt", "A4", "STSva", "TE1m", "PI", "a32pr", "p24",
];

/// One area of one hemisphere.
///
/// ```
/// use emotome_brain::regions::{Area, Hemisphere};
/// let area = Area::named(Hemisphere::Right, "MST").unwrap();
/// assert_eq!((area.number(), area.id(), area.to_string()), (2, 182, "R_MST".into()));
/// assert_eq!(area.bdata_key(), "hcp180_r_rh.R_MST_ROI");
/// assert_eq!(Area::with_id(182), Some(area));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Area {
    hemisphere: Hemisphere,
    place: u8,
}

impl Area {
    /// All 360: left then right, by number.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        (0..360_u16).map(|i| Self {
            hemisphere: Hemisphere::BOTH[usize::from(i / 180)],
            place: (i % 180) as u8,
        })
    }

    /// The area of a name, letters as in [`NAMES`].
    pub fn named(hemisphere: Hemisphere, name: &str) -> Option<Self> {
        let place = NAMES.iter().position(|&known| known == name)?;
        Some(Self {
            hemisphere,
            place: place as u8,
        })
    }

    /// The area with an id that counts left areas from 1 to 180 and right ones from 181 to 360.
    ///
    /// Files of the Human Connectome Project count the right hemisphere first; see [`Self::with_right_first_id`].
    pub fn with_id(id: i64) -> Option<Self> {
        Self::all().nth(usize::try_from(id.checked_sub(1)?).ok()?)
    }

    /// The area with an id that counts right areas from 1 to 180 and left ones from 181 to 360.
    pub fn with_right_first_id(id: i64) -> Option<Self> {
        Self::with_id(match id {
            1..=180 => id + 180,
            181..=360 => id - 180,
            _ => return None,
        })
    }

    /// Which hemisphere it lies in.
    pub const fn hemisphere(self) -> Hemisphere {
        self.hemisphere
    }

    /// Its name without hemisphere, e.g. `V1`.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.place)]
    }

    /// Its number within the hemisphere, 1 to 180.
    pub const fn number(self) -> u16 {
        self.place as u16 + 1
    }

    /// Its id with left areas first, 1 to 360.
    pub const fn id(self) -> u16 {
        self.number()
            + if matches!(self.hemisphere, Hemisphere::Left) {
                0
            } else {
                180
            }
    }

    /// Its id with right areas first, as in the label files of the Human Connectome Project.
    pub const fn right_first_id(self) -> u16 {
        self.number()
            + if matches!(self.hemisphere, Hemisphere::Right) {
                0
            } else {
                180
            }
    }

    /// Its key in the BData files of the Kamitani Lab, e.g. `hcp180_r_lh.L_V1_ROI`.
    pub fn bdata_key(self) -> String {
        let side = match self.hemisphere {
            Hemisphere::Left => "lh",
            Hemisphere::Right => "rh",
        };
        format!("hcp180_r_{side}.{self}_ROI")
    }

    /// All 360 in the order of file names, as matrices of the Kamitani Lab have them: left then right, the names with
    /// the ending `_ROI` by their bytes.
    pub fn by_file_name() -> Vec<Self> {
        let mut areas: Vec<Self> = Self::all().collect();
        areas.sort_by_cached_key(|area| format!("{area}_ROI"));
        areas
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.hemisphere.letter(), self.name())
    }
}
