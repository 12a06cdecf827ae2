//! Why brains and models cannot be compared.

use emotome_brain::model::Metric;
use std::path::PathBuf;

/// Why a comparison with the brain failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RsaError {
    /// No model was given.
    #[error("no model is given; name at least one file (--model FILE)")]
    NoModel,
    /// Two models have the same name.
    #[error("two models are called {0:?}; give each a name of its own (--model NAME=FILE)")]
    NameTwice(String),
    /// A model holds a value that is no number.
    #[error("{path}: row {row}, column {column} (counted from 0) is no finite number; a model needs a value for every stimulus: fill it, or leave the stimulus out", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
    },
    /// A matrix of pairs is not square.
    #[error("{path}: {rows} × {columns} values are no matrix of pairs; expected stimuli × stimuli: a table of features is given by --model", path = path.display())]
    NotSquare {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// A matrix of pairs says different things of (i, j) and (j, i).
    #[error("{path}: the matrix is not symmetric: ({row}, {column}) is {below} and ({column}, {row}) is {above} (counted from 0); write one value a pair, e.g. their mean", path = path.display())]
    NotSymmetric {
        /// The file.
        path: PathBuf,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The value below the diagonal.
        below: f64,
        /// The value above it.
        above: f64,
    },
    /// A file without keys has another number of rows than the brain has stimuli.
    #[error("{path}: has {found} rows and names no stimuli, and the brain has {expected} stimuli: nothing says which belong together; give keys (.npz with stimuli; .tsv or .csv with keys in a first column called key)", path = path.display())]
    RowsDiffer {
        /// The file.
        path: PathBuf,
        /// Its rows.
        found: usize,
        /// Stimuli of the brain.
        expected: usize,
    },
    /// A metric needs more features.
    #[error("{path}: has {found} columns; {metric:?} needs at least {needed}: name another with --model-distance", path = path.display())]
    FewFeatures {
        /// The file.
        path: PathBuf,
        /// Its columns.
        found: usize,
        /// The fewest.
        needed: usize,
        /// The metric.
        metric: Metric,
    },
    /// Brain and models share too few stimuli.
    #[error("the brain and the models share {shared} stimuli, at least {fewest} are needed; stimuli are matched by key, and {path} (first key {model_key:?}) has the fewest in common with the brain (first key {brain_key:?})", path = path.display())]
    FewShared {
        /// Stimuli shared.
        shared: usize,
        /// Fewest needed.
        fewest: usize,
        /// The first key of the brain.
        brain_key: String,
        /// The model that shares least.
        path: PathBuf,
        /// Its first key.
        model_key: String,
    },
    /// Every presentation would be a stimulus of its own.
    #[error(
        "presentations of one stimulus cannot be compared as different stimuli; take their mean or the first (--repeats mean, --repeats first)"
    )]
    EachPresentation,
    /// Means over runs have no run.
    #[error(
        "{stimuli} stimuli are means of presentations in different runs, so no pair is known to be of one run; take the first presentations (--repeats first), or all pairs (--pairs all)"
    )]
    MeansAcrossRuns {
        /// How many.
        stimuli: usize,
    },
    /// A search that is running or was cut off is in the folder.
    #[error("{out} holds the blocks of an interrupted search; go on with it (--resume), or begin again (--force)", out = out.display())]
    Begun {
        /// The folder.
        out: PathBuf,
    },
    /// An interrupted search was of something else.
    #[error("{out} holds the blocks of a search with other inputs or parameters; run the command as it was, or begin again (--force)", out = out.display())]
    OtherSearch {
        /// The folder.
        out: PathBuf,
    },
    /// Responses without a grid cannot be searched by distance.
    #[error("{store}: its responses lie on {space}, so spheres of voxels are not known there", store = store.display())]
    NoGrid {
        /// The store.
        store: PathBuf,
        /// Where they lie.
        space: &'static str,
    },
    /// Vertices without surfaces.
    #[error("{store}: its responses lie on surfaces, and vertices alone say nothing of distances; give the surfaces of the same mesh (--midthickness LEFT,RIGHT)", store = store.display())]
    NoMidthickness {
        /// The store.
        store: PathBuf,
    },
    /// Surfaces without vertices.
    #[error("{store}: its responses lie in a volume, where distances need no surfaces; leave --midthickness out", store = store.display())]
    Midthickness {
        /// The store.
        store: PathBuf,
    },
    /// Relabelled maps of surfaces.
    #[error(
        "relabelled maps are kept for groups of images, and the responses lie on surfaces; leave --keep-surrogates out"
    )]
    SurrogatesOfVoxels,
    /// A surface is no mesh.
    #[error("{path}: {source}", path = path.display())]
    Mesh {
        /// The surface.
        path: PathBuf,
        /// Why.
        source: emotome_brain::surface::MeshError,
    },
    /// There are no such neighbourhoods on surfaces.
    #[error(transparent)]
    OnSurface(#[from] emotome_brain::surface::search::SearchError),
    /// A surface or a map cannot be read or written.
    #[error(transparent)]
    Image(#[from] emotome_neurofiles::nifti::ImageError),
    /// A map cannot be named.
    #[error(transparent)]
    MapName(#[from] emotome_neurofiles::derivatives::NameError),
    /// Two models would have maps of one name.
    #[error(
        "the maps of the models {first:?} and {second:?} would have the same file name, which keeps letters and digits alone; give one another name"
    )]
    SameFile {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// Dissimilarities cannot be compared.
    #[error(transparent)]
    Rdm(#[from] emotome_brain::rdm::RdmError),
    /// There are no such neighbourhoods.
    #[error(transparent)]
    Neighbourhoods(#[from] emotome_brain::searchlight::NeighbourhoodError),
    /// A search is not possible.
    #[error(transparent)]
    Plan(#[from] emotome_brain::searchlight::PlanError),
    /// A model that responses cannot follow.
    #[error("{name:?} has no features; responses are simulated from models of features (--model)")]
    NotPlantable {
        /// The model.
        name: String,
    },
    /// Random weights need features.
    #[error("{path}: has no features that random weights could be put to; take another control of it", path = path.display())]
    NoWeights {
        /// The file.
        path: PathBuf,
    },
    /// Nothing is held constant.
    #[error(
        "{models} models are given, and a partial correlation holds others constant: give two at least"
    )]
    NothingConstant {
        /// Models.
        models: usize,
    },
    /// Models held constant are none of those given.
    #[error("{name:?} is to be held constant and is none of the models; they are {known}")]
    NotAModel {
        /// The name.
        name: String,
        /// The models.
        known: String,
    },
    /// Every model is held constant.
    #[error("all models are to be held constant; leave one to be compared")]
    AllConstant,
    /// Models are combinations of each other.
    #[error(
        "model {model:?} is a combination of the models before it, so what it explains by itself is not defined; drop one of them"
    )]
    Combination {
        /// The model.
        model: String,
    },
    /// Parts of variance are too many.
    #[error(
        "{models} models share variance in {parts} ways; at most {most} models can be taken apart"
    )]
    ManyParts {
        /// Models.
        models: usize,
        /// Subsets of them.
        parts: u64,
        /// The most models.
        most: usize,
    },
    /// A comparison that is no product of vectors.
    #[error(
        "{comparison:?} is no product of two vectors, so models cannot be fitted together under it; take pearson, cosine, spearman, cka or corr_cov"
    )]
    NoProduct {
        /// The comparison.
        comparison: emotome_brain::searchlight::Comparison,
    },
    /// Relabelling would take as long as so many searches.
    #[error(
        "every relabelling of a correlation-distance search is a search of its own; take --metric cka, corr_cov or cosine_cov for the whole brain, or regions (emotome rsa roi)"
    )]
    CostlyRelabelling,
    /// Values that are not about 0 where there is nothing form no clusters.
    #[error(
        "clusters need values that are about 0 where there is nothing, and those of cka and cosine_cov are above it everywhere; take --metric corr_cov"
    )]
    NoZero,
    /// No brain was given.
    #[error("no store is given; name at least one (--store DIR)")]
    NoStore,
    /// Two stores are of one subject.
    #[error("{first} and {second} are both of subject {subject:?}; give a store for each subject once", first = first.display(), second = second.display())]
    SubjectTwice {
        /// The subject.
        subject: String,
        /// A store.
        first: PathBuf,
        /// Another.
        second: PathBuf,
    },
    /// A file of regions cannot be read.
    #[error("{path}: {what}", path = path.display())]
    RegionsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// A table of regions cannot be used.
    #[error(transparent)]
    Table(#[from] emotome_brain::regions::TableError),
    /// Labels of parcels cannot be used.
    #[error(transparent)]
    ParcelLabels(Box<emotome_brain::regions::LabelError>),
    /// No region has enough voxels in any subject.
    #[error("{store}: no region has {fewest} voxels or more; known parcels are {known}", store = store.display())]
    NoRegion {
        /// The store.
        store: PathBuf,
        /// The fewest.
        fewest: usize,
        /// Parcels there are.
        known: String,
    },
    /// An inference cannot be made.
    #[error(transparent)]
    Inference(#[from] emotome_brain::inference::InferenceError),
    /// Maps of several subjects cannot be brought together.
    #[error(transparent)]
    Group(Box<super::GroupError>),
    /// Models cannot be fitted together.
    #[error(transparent)]
    Regression(#[from] emotome_brain::model::regression::RegressionError),
}

impl From<emotome_brain::regions::LabelError> for RsaError {
    fn from(error: emotome_brain::regions::LabelError) -> Self {
        Self::ParcelLabels(Box::new(error))
    }
}

impl From<super::GroupError> for RsaError {
    fn from(error: super::GroupError) -> Self {
        Self::Group(Box::new(error))
    }
}
