//! Names that dimensions were given: by people, in a list, or by a model, in `names.json`.

use super::material::EmbeddingOf;
use crate::WorkflowError;
use crate::name::read_names;
use emotome_embedding::Embedding;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of names and whose dimensions it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesOf {
    /// The agent; none where there is one alone.
    pub agent: Option<String>,
    /// The file: `names.json` of `emotome name`, or text with a name a line.
    pub path: PathBuf,
}

/// Most bytes of a list of names.
const MOST_BYTES: u64 = 16 << 20;

/// The names of one agent's dimensions; none where no file names them.
pub(super) fn names(
    given: &[NamesOf],
    of: &EmbeddingOf,
    embedding: &Embedding,
) -> Result<Option<Vec<Option<String>>>, WorkflowError> {
    let mut files = given
        .iter()
        .filter(|names| names.agent.as_ref().is_none_or(|agent| *agent == of.agent));
    let Some(NamesOf { path, .. }) = files.next() else {
        return Ok(None);
    };
    let dims = embedding.n_dims();
    if path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"))
    {
        let suggested = read_names(path, embedding)?;
        let mut names = vec![None; dims];
        for of in suggested.dimensions {
            if let Some(name) = names.get_mut(of.dimension.wrapping_sub(1)) {
                *name = of.name;
            }
        }
        return Ok(Some(names));
    }
    let names = list(path)?;
    if names.len() != dims {
        return Err(WorkflowError::NamesCount {
            path: path.clone(),
            found: names.len(),
            expected: dims,
        });
    }
    Ok(Some(names.into_iter().map(Some).collect()))
}

/// Refuses names of agents that are not there, and several files for one.
pub(super) fn check(given: &[NamesOf], embeddings: &[EmbeddingOf]) -> Result<(), WorkflowError> {
    for (i, names) in given.iter().enumerate() {
        let known = || embeddings.iter().map(|of| of.agent.clone()).collect();
        let twice = given[..i].iter().any(|other| other.agent == names.agent);
        let wrong = match &names.agent {
            Some(agent) => twice || embeddings.iter().all(|of| of.agent != *agent),
            None => embeddings.len() > 1 || given.len() > 1,
        };
        if wrong {
            return Err(WorkflowError::WhoseNames {
                path: names.path.clone(),
                known: known(),
            });
        }
    }
    Ok(())
}

/// The lines of a text, without blanks at either end of each, and without a blank last line.
fn list(path: &Path) -> Result<Vec<String>, WorkflowError> {
    let unreadable = |what: String| WorkflowError::NamesFile {
        path: path.to_owned(),
        what,
    };
    let bytes = fs::metadata(path)
        .map_err(|e| unreadable(e.to_string()))?
        .len();
    if bytes > MOST_BYTES {
        return Err(unreadable(format!(
            "{bytes} bytes are more than {MOST_BYTES}"
        )));
    }
    let text = fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    let lines = text.trim_end().lines();
    Ok(lines.map(|line| line.trim().to_owned()).collect())
}
