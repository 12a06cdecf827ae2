//! Why a map cannot be drawn.

use std::path::PathBuf;

/// Why a map cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// A table cannot be used.
    #[error("{path}: {what}", path = path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Rows name parcels or regions that are not there.
    #[error("{path}: {names} name no area of the HCP-MMP and no region of the table of regions; write areas as V1, L_V1 or R_V1, or name the table (--regions NAME)", path = path.display(), names = names.join(", "))]
    Unknown {
        /// The table.
        path: PathBuf,
        /// Names, the first few.
        names: Vec<String>,
    },
    /// An image has no volume.
    #[error("{path}: the image has no volume number {volume} (counted from 1); it has {found}", path = path.display())]
    NoVolume {
        /// The image.
        path: PathBuf,
        /// The number.
        volume: usize,
        /// Volumes there are.
        found: usize,
    },
    /// A surface cannot be used.
    #[error("{path}: {source}", path = path.display())]
    Surface {
        /// The surface.
        path: PathBuf,
        /// Why.
        source: emotome_brain::surface::MeshError,
    },
    /// Surfaces of one hemisphere have different points.
    #[error("{first} has {a} points and {second} has {b}; surfaces of one hemisphere must be of one mesh", first = first.display(), second = second.display())]
    Points {
        /// A surface.
        first: PathBuf,
        /// Its points.
        a: usize,
        /// Another.
        second: PathBuf,
        /// Its points.
        b: usize,
    },
    /// Two images are on different grids.
    #[error("{first} and {second} do not share a grid: {source}", first = first.display(), second = second.display())]
    Grid {
        /// An image.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// How they differ.
        source: Box<emotome_neurofiles::GridMismatch>,
    },
    /// A drawing that was made on other surfaces.
    #[error("{path}: the drawing is {found:.3} times as wide as high and both flat surfaces side by side {expected:.3} times; give the flat surfaces that it was drawn on", path = path.display())]
    OtherSurfaces {
        /// The drawing.
        path: PathBuf,
        /// Its width over its height.
        found: f64,
        /// That of the surfaces.
        expected: f64,
    },
    /// A slice beside all values.
    #[error("{path}: a slice at {axis} = {at} mm lies beside all voxels with a value, which reach from {low:.0} to {high:.0} mm; choose others with --cuts", path = path.display())]
    Cut {
        /// The image.
        path: PathBuf,
        /// The axis.
        axis: char,
        /// Where the slice is.
        at: f64,
        /// Where values begin.
        low: f64,
        /// Where they end.
        high: f64,
    },
    /// Nothing to draw.
    #[error("{path}: no value is a number, so there is nothing to draw", path = path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
    },
    /// A name cannot be given.
    #[error(transparent)]
    Name(#[from] emotome_neurofiles::derivatives::NameError),
    /// Surfaces cannot be read or written.
    #[error(transparent)]
    Image(#[from] emotome_neurofiles::nifti::ImageError),
}
