//! Why dimensions cannot be named.

use std::path::PathBuf;

/// Why dimensions cannot be named, or names not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing says what to show.
    #[error("nothing says what stands for a stimulus; give --captions FILE, or --study DIR")]
    NothingToShow,
    /// No stimulus of the embedding is known.
    #[error("{table} has nothing for the stimuli of {embedding}: its first key is {table_key:?}, that of the embedding {embedding_key:?}; give a table with the keys of the embedding, or make a study in which they are joined (`emotome init --captions … --ratings …`) and give --study", table = table.display(), embedding = embedding.display())]
    NoneShared {
        /// The captions or the study.
        table: PathBuf,
        /// Its first key.
        table_key: String,
        /// The embedding.
        embedding: PathBuf,
        /// Its first key.
        embedding_key: String,
    },
    /// An embedding without keys has another number of rows.
    #[error("{embedding} has {found} rows and names no stimuli, {table} has {expected}: nothing says which belong together; give an embedding with keys (.npz with stimuli, .tsv or .csv with keys in the first column)", embedding = embedding.display(), table = table.display())]
    RowsDiffer {
        /// The embedding.
        embedding: PathBuf,
        /// Its rows.
        found: usize,
        /// The captions or the study.
        table: PathBuf,
        /// Its stimuli.
        expected: usize,
    },
    /// A dimension is not there.
    #[error("dimension {found} was asked for; {embedding} has {dims}, counted from 1", embedding = embedding.display())]
    NoSuchDimension {
        /// The embedding.
        embedding: PathBuf,
        /// The dimension.
        found: usize,
        /// Its dimensions.
        dims: usize,
    },
    /// Parameters cannot be.
    #[error(transparent)]
    Params(#[from] emotome_judges::naming::NamingParamsError),
    /// A template cannot be used.
    #[error(transparent)]
    Template(#[from] emotome_judges::naming::NamingTemplateError),
    /// Replies of another run lie there.
    #[error("{path} holds replies of another model, or with other settings; write to another folder, or delete that file", path = path.display())]
    OtherReplies {
        /// The file.
        path: PathBuf,
    },
    /// Another process asks.
    #[error("another process is adding to {path}; wait for its end", path = path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A file of names cannot be read.
    #[error("{path}: the names cannot be read: {what}; expected names.json as `emotome name` writes it", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Names belong to another embedding.
    #[error("{path} names the dimensions of another embedding: that has {named}, this one {found}; name the dimensions of this one with `emotome name`", path = path.display())]
    OtherEmbedding {
        /// The names.
        path: PathBuf,
        /// What was named, in words.
        named: String,
        /// What was given, in words.
        found: String,
    },
}
