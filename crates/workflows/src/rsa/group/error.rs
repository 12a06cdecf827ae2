//! Why maps of several subjects cannot be brought together.

use std::path::PathBuf;

/// Why maps of several subjects cannot be brought together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// Lists of files that belong together differ in length.
    #[error(
        "{found} files are given for {what} and {expected} maps; give one for each subject, in the same order"
    )]
    Lengths {
        /// For what.
        what: &'static str,
        /// Files.
        found: usize,
        /// Maps.
        expected: usize,
    },
    /// Files at the same place of two lists are of different subjects.
    #[error("{first} is of subject {a:?} and {second}, at the same place of the lists, of {b:?}; give the files of all subjects in one order", first = first.display(), second = second.display())]
    OtherSubject {
        /// A file.
        first: PathBuf,
        /// Its subject.
        a: String,
        /// Another.
        second: PathBuf,
        /// Its subject.
        b: String,
    },
    /// Two maps are of one subject.
    #[error("{first} and {second} are both of subject {subject:?}; give one map a subject: signs are flipped subject by subject", first = first.display(), second = second.display())]
    SubjectTwice {
        /// The subject.
        subject: String,
        /// A map.
        first: PathBuf,
        /// Another.
        second: PathBuf,
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
    /// Maps say in the files beside them that they were made differently.
    #[error("{first} and {second} were made differently, as the files beside them say: {key} is {a} and {b}; compare like with like", first = first.display(), second = second.display())]
    MadeDifferently {
        /// A map.
        first: PathBuf,
        /// Another.
        second: PathBuf,
        /// What differs.
        key: &'static str,
        /// Of the first.
        a: String,
        /// Of the second.
        b: String,
    },
    /// An image has another number of volumes.
    #[error("{path}: has {found} volumes; {expected}", path = path.display())]
    Volumes {
        /// The image.
        path: PathBuf,
        /// Volumes.
        found: usize,
        /// What was expected.
        expected: String,
    },
    /// No voxel has a value in every subject.
    #[error(
        "no voxel has a value in all {subjects} subjects that differ from each other: {missing} miss one, {outside} have none or 0 throughout, {equal} are equal throughout, {masked} lie outside of --mask"
    )]
    Nothing {
        /// Subjects.
        subjects: usize,
        /// Voxels that some subject misses.
        missing: usize,
        /// Voxels without any value.
        outside: usize,
        /// Voxels of equal size in all subjects.
        equal: usize,
        /// Voxels outside of the mask.
        masked: usize,
    },
    /// A p that is none.
    #[error("{path}: voxel ({}, {}, {}) (counted from 0) has the value {value}, which is no p; give maps of p from 0 to 1, or a value to exceed (--exceeds V)", voxel[0], voxel[1], voxel[2], path = path.display())]
    NotP {
        /// The image.
        path: PathBuf,
        /// The voxel.
        voxel: [u32; 3],
        /// Its value.
        value: f64,
    },
    /// More memory than should be taken.
    #[error(
        "{subjects} subjects with {volumes} surrogate maps of {voxels} voxels take {gib:.1} GiB, more than {most} GiB; give fewer maps, or fewer voxels (--mask FILE)"
    )]
    Memory {
        /// Subjects.
        subjects: usize,
        /// Maps each.
        volumes: usize,
        /// Voxels.
        voxels: usize,
        /// What they take.
        gib: f64,
        /// The limit.
        most: u64,
    },
    /// A level that is none.
    #[error("the level is {0}; a level lies between 0 and 1, as .05")]
    Level(f64),
    /// A name cannot be given.
    #[error(transparent)]
    Name(#[from] emotome_neurofiles::derivatives::NameError),
    /// Maps cannot be read.
    #[error(transparent)]
    Image(#[from] emotome_neurofiles::nifti::ImageError),
}
