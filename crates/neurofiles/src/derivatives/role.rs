//! What fMRIPrep means by a name.

use super::BidsName;

/// What a file of fMRIPrep, or of the raw data beside it, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Volumes over time as scanned: `*_bold.nii.gz` without `desc`.
    RawBold,
    /// Preprocessed volumes over time: `*_desc-preproc_bold.nii.gz`.
    PreprocessedBold,
    /// Time series on a surface: `*_hemi-L_space-fsaverage5_bold.func.gii`, early `*_space-fsaverage_hemi-L.func.gii`.
    SurfaceBold,
    /// Time series over grayordinates: `*_bold.dtseries.nii`.
    GrayordinateBold,
    /// Confounds: `*_desc-confounds_timeseries.tsv`, early `*_desc-confounds_regressors.tsv`.
    Confounds,
    /// Events: `*_events.tsv`.
    Events,
    /// The mask of the brain: `*_desc-brain_mask.nii.gz`.
    BrainMask,
    /// A surface: `*_hemi-L_{white,pial,midthickness,inflated,sphere}.surf.gii`.
    Surface,
    /// A measure on a surface: `{curv,sulc,thickness}.shape.gii`, or `.dscalar.nii`.
    Morphometry,
    /// The mask of cortex on a surface: `*_desc-cortex_mask.label.gii`.
    CortexMask,
}

impl Role {
    /// The role of a name; none for what is not used here.
    ///
    /// ```
    /// use emotome_neurofiles::derivatives::Role;
    /// let name = "sub-1_task-video_run-1_desc-confounds_regressors.tsv".parse()?;
    /// assert_eq!(Role::of(&name), Some(Role::Confounds));
    /// # Ok::<(), emotome_neurofiles::derivatives::NameError>(())
    /// ```
    pub fn of(name: &BidsName) -> Option<Self> {
        let hemisphere = matches!(name.get("hemi"), Some("L" | "R"));
        let described = name.get("desc");
        match (name.suffix(), name.extension()) {
            (Some("bold"), ".nii" | ".nii.gz") => match described {
                None => Some(Self::RawBold),
                Some("preproc") => Some(Self::PreprocessedBold),
                Some(_) => None,
            },
            (Some("bold") | None, ".func.gii") if hemisphere => Some(Self::SurfaceBold),
            (Some("bold"), ".dtseries.nii") => Some(Self::GrayordinateBold),
            (Some("timeseries" | "regressors"), ".tsv") if described == Some("confounds") => {
                Some(Self::Confounds)
            }
            (Some("events"), ".tsv") => Some(Self::Events),
            (Some("mask"), ".nii" | ".nii.gz") if described == Some("brain") => {
                Some(Self::BrainMask)
            }
            (Some("mask"), ".label.gii") if described == Some("cortex") => Some(Self::CortexMask),
            (Some("white" | "pial" | "midthickness" | "inflated" | "sphere"), ".surf.gii")
                if hemisphere =>
            {
                Some(Self::Surface)
            }
            (Some("curv" | "sulc" | "thickness"), ".shape.gii") if hemisphere => {
                Some(Self::Morphometry)
            }
            (Some("curv" | "sulc" | "thickness"), ".dscalar.nii") => Some(Self::Morphometry),
            _ => None,
        }
    }
}
