//! GGUF files: what a language model is made of, in one file.
//!
//! A file is a header (metadata under string keys, and a table of tensors) followed by the tensors'
//! bytes. Opening reads the header alone; a tensor is read when it is asked for, so that memory
//! holds no weight twice. Every count and size the header claims is compared with the size of the
//! file before memory is taken, and the table must account for the data byte by byte, so a damaged
//! or hostile file costs an error and nothing else.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3,
//! little-endian.

#[cfg(test)]
pub(crate) mod build;
mod header;
mod metadata;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::quant::Quant;

pub use header::TensorInfo;
pub use metadata::{Array, FromValue, Metadata, Value};

/// Why a GGUF file, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The system refused to open or read the file.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is of another format.
    #[error(
        "{path}: begins with \"{found}\" instead of \"GGUF\"; expected a model in GGUF format \
         (weights in safetensors are converted by llama.cpp's convert_hf_to_gguf.py)",
        path = path.display()
    )]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The version is not among those read here.
    #[error(
        "{path}: is GGUF version {found}; expected version 2 or 3: convert the model again with a present \
         llama.cpp (convert_hf_to_gguf.py)",
        path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file was written for big-endian machines.
    #[error(
        "{path}: is big-endian GGUF; expected little-endian: convert it with \
         gguf-py's gguf_convert_endian.py {path} little",
        path = path.display()
    )]
    BigEndian {
        /// The file.
        path: PathBuf,
    },
    /// The header contradicts itself, the format, or the size of the file.
    #[error(
        "{path}, byte {at}: {what}; the file is truncated or damaged: fetch it again and compare its checksum",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        at: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// The file is one of several that hold the model together.
    #[error(
        "{path}: is one of {parts} parts of a model; merge them with llama-gguf-split --merge",
        path = path.display()
    )]
    Split {
        /// The file.
        path: PathBuf,
        /// How many parts there are.
        parts: u64,
    },
    /// A tensor is quantised in a way that is not read here.
    #[error(
        "{path}: tensor {tensor:?} is of type {found}, which is not read here; expected one of {expected}: \
         fetch the model in one of these quantisations (Q4_K_M, Q5_K_M, Q8_0 are common), or convert it with llama-quantize",
        path = path.display(),
        expected = Quant::names()
    )]
    Quant {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type, by name if it has one.
        found: String,
    },
    /// A key that is needed is not in the metadata.
    #[error("{path}: has no metadata {key:?}; expected {expected}", path = path.display())]
    KeyMissing {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What its value is expected to be.
        expected: &'static str,
    },
    /// The value of a key is not what it should be.
    #[error("{path}: metadata {key:?} is {found}; expected {expected}", path = path.display())]
    KeyKind {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The value, in short.
        found: String,
        /// What it is expected to be.
        expected: &'static str,
    },
    /// A tensor that is needed is not in the file.
    #[error(
        "{path}: has no tensor {name:?} among its {tensors}; is this a vocabulary without weights, or a \
         model of another architecture than its metadata says?",
        path = path.display()
    )]
    TensorMissing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Tensors in the file.
        tensors: usize,
    },
    /// The system has no memory for a part of the file.
    #[error("{path}: no memory for {bytes} bytes; free some, or take a smaller model or quantisation", path = path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// The bytes asked for.
        bytes: u64,
    },
}

/// A tensor with its bytes, as they stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Elements along each axis, the innermost (contiguous) first: a matrix of `m` rows of `n`
    /// elements has shape `[n, m]`.
    pub shape: Vec<usize>,
    /// How its elements are stored.
    pub quant: Quant,
    /// Its rows one after the other, [`Quant::row_bytes`]`(shape[0])` bytes each.
    pub bytes: Vec<u8>,
}

impl Tensor {
    /// Its number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its elements as single-precision numbers; *O*(elements) time and memory.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.elements()];
        self.quant.dequantize(&self.bytes, &mut out);
        out
    }
}

/// An open GGUF file: its metadata, its table of tensors, and the tensors on request.
///
/// ```no_run
/// use emotome_language::gguf::Gguf;
///
/// let model = Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf")?;
/// let layers: usize = model.metadata().get("llama.block_count")?;
/// let embedding = model.tensor("token_embd.weight")?;
/// println!("{layers} layers, embedding {:?} of {}", embedding.shape, embedding.quant);
/// # Ok::<(), emotome_language::gguf::GgufError>(())
/// ```
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: Mutex<File>,
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
}

impl Gguf {
    /// Opens a file and reads its header; *O*(header) time and memory.
    ///
    /// # Errors
    /// Any [`GgufError`] that the header or the size of the file gives cause for.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GgufError> {
        let path = path.as_ref();
        let io = |source| GgufError::Io {
            path: path.to_owned(),
            source,
        };
        // Opening a pipe would wait for somebody to write into it.
        if !fs::metadata(path).map_err(io)?.is_file() {
            return Err(io(io::Error::other("it is no ordinary file")));
        }
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let (metadata, tensors) = header::read(path, BufReader::new(&file), size)?;
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            metadata,
            tensors,
        })
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says about the model.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The table of tensors, in the order of the file.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// A tensor's entry in the table, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// Reads a tensor; *O*(its bytes) time and memory.
    ///
    /// # Errors
    /// [`GgufError::TensorMissing`], [`GgufError::Memory`], or [`GgufError::Io`] if the file can no
    /// longer be read, or was cut since it was opened.
    pub fn tensor(&self, name: &str) -> Result<Tensor, GgufError> {
        let info = self.find(name).ok_or_else(|| GgufError::TensorMissing {
            path: self.path.clone(),
            name: name.to_owned(),
            tensors: self.tensors.len(),
        })?;
        let mut bytes = Vec::new();
        reserve(&self.path, &mut bytes, info.bytes)?;
        // A panic elsewhere leaves the file as good as it was: each read seeks first.
        let mut file = self.file.lock().unwrap_or_else(|held| held.into_inner());
        file.seek(SeekFrom::Start(info.at))
            .and_then(|_| (&mut *file).take(info.bytes).read_to_end(&mut bytes))
            .and_then(|read| match read as u64 == info.bytes {
                true => Ok(()),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            })
            .map_err(|source| GgufError::Io {
                path: self.path.clone(),
                source,
            })?;
        Ok(Tensor {
            name: info.name.clone(),
            shape: info.shape.clone(),
            quant: info.quant,
            bytes,
        })
    }
}

/// Makes room for a number of bytes that the file's size allows.
fn reserve(path: &Path, bytes: &mut Vec<u8>, count: u64) -> Result<(), GgufError> {
    usize::try_from(count)
        .ok()
        .and_then(|count| bytes.try_reserve_exact(count).ok())
        .ok_or_else(|| GgufError::Memory {
            path: path.to_owned(),
            bytes: count,
        })
}
