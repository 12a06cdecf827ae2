//! Reading and writing embeddings.

use crate::{Embedding, EmbeddingError};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{self, ArrayError, ArrayRef, LabelledMatrix};
use emotome_stimuli::output::{self, OutputError, Overwrite};
use ndarray::Array1;
use std::path::{Path, PathBuf};

/// Why an embedding cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingFileError {
    /// The file is damaged, of another format, or cannot be written.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// A folder cannot be made.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The matrix is no embedding.
    #[error("{path}: {source}", path = path.display())]
    Embedding {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: EmbeddingError,
    },
}

/// An embedding with what its file says about its stimuli.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingFile {
    /// The weights, n × d.
    pub embedding: Embedding,
    /// The stimuli of its rows, if the file names them.
    pub stimuli: Option<StimulusSet>,
}

/// Names of the weights in the `.npz` files of emotome and of VICE, in the order tried.
const MEMBERS: [&str; 3] = ["embedding", "pruned_loc", "loc"];

/// Reads an embedding with one row per stimulus: `.npz` (member `embedding`, or VICE's
/// `pruned_loc` or `loc`), `.npy`, `.txt`, `.csv` or `.tsv`.
///
/// Values are taken as they are, small negative ones of published files included.
///
/// # Errors
/// [`EmbeddingFileError`] for files that are damaged or hold no finite matrix.
pub fn read_embedding(path: impl AsRef<Path>) -> Result<EmbeddingFile, EmbeddingFileError> {
    let path = path.as_ref();
    let is_npz = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("npz"));
    let named = if is_npz {
        let members = array::npz_members(path)?;
        MEMBERS
            .into_iter()
            .find(|m| members.iter().any(|have| have == m))
    } else {
        None
    };
    let LabelledMatrix { values, rows, .. } = match named {
        Some(member) => array::read_matrix_named(path, member)?,
        None => array::read_matrix(path)?,
    };
    let embedding = Embedding::new(values.mapv(|v| v as f32)).map_err(|source| {
        EmbeddingFileError::Embedding {
            path: path.into(),
            source,
        }
    })?;
    Ok(EmbeddingFile {
        embedding,
        stimuli: rows,
    })
}

/// Writes `embedding.npz` (`embedding` n × d as `f4`, `uncertainty` if given, `stimuli`) and
/// `embedding.tsv` into a folder, and returns the path of the first.
///
/// The bytes depend on the arguments alone. Stimuli without keys are named by their row.
///
/// # Errors
/// [`EmbeddingFileError`] if a file exists and may not be replaced, or cannot be written.
pub fn write_embedding(
    folder: &Path,
    embedding: &Embedding,
    uncertainty: Option<&Embedding>,
    stimuli: Option<&StimulusSet>,
    overwrite: Overwrite,
) -> Result<PathBuf, EmbeddingFileError> {
    output::folder(folder, Overwrite::Replace)?;
    let numbered;
    let stimuli = match stimuli {
        Some(stimuli) => stimuli,
        None => {
            numbered = StimulusSet::from_labels((0..embedding.n_stimuli()).map(|i| i.to_string()))
                .expect("row numbers are distinct labels");
            &numbered
        }
    };
    let keys: Array1<String> = stimuli.keys().iter().map(ToString::to_string).collect();
    let mut members: Vec<(&str, ArrayRef<'_>)> = vec![
        ("embedding", embedding.values().view().into()),
        ("stimuli", keys.view().into()),
    ];
    if let Some(uncertainty) = uncertainty {
        members.push(("uncertainty", uncertainty.values().view().into()));
    }
    let npz = folder.join("embedding.npz");
    array::write_npz(&npz, overwrite, &members)?;
    let columns: Vec<String> = (1..=embedding.n_dims())
        .map(|f| format!("dim{f:02}"))
        .collect();
    array::write_tsv(
        folder.join("embedding.tsv"),
        overwrite,
        stimuli,
        &columns,
        embedding.values().view(),
    )?;
    Ok(npz)
}
