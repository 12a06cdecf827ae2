//! Transformers of the Llama family: weights in memory, and the forward pass.

mod forward;
mod rope;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use forward::Piece;

use crate::gguf::{Gguf, GgufError, Tensor};
use crate::kernel::Weights;
use crate::page::{PAGE, PageShape};
use rope::Rope;
use shape::Shape;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Why a GGUF file is no model that can be computed here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read, or lacks a part.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The architecture is not among those computed here.
    #[error(
        "{path}: is of architecture {found:?}; computed in the process are {supported}: serve this model \
         with llama.cpp or vLLM, and ask it there",
        path = path.display()
    )]
    Architecture {
        /// The file.
        path: PathBuf,
        /// Its architecture.
        found: String,
        /// Names of the architectures that are supported.
        supported: String,
    },
    /// The model does something that is not done here.
    #[error(
        "{path}: metadata {key:?} is {found}; computed in the process are {supported}: serve this model \
         with llama.cpp or vLLM, and ask it there",
        path = path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// What is supported instead.
        supported: &'static str,
    },
    /// A size or constant is out of range.
    #[error("{path}: metadata {key:?} is {found}; expected {expected}: the file is damaged", path = path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value.
        found: String,
        /// The range it should be in.
        expected: String,
    },
    /// A tensor has other sizes than the metadata says.
    #[error(
        "{path}: tensor {tensor:?} has shape {found:?}; its metadata lets expect {expected:?}: the file is damaged",
        path = path.display()
    )]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape, innermost axis first.
        found: Vec<usize>,
        /// The shape that follows from the metadata.
        expected: Vec<usize>,
    },
    /// Angles of the rotary embedding cannot be computed.
    #[error(
        "{path}: pairs of numbers turn by {found} radians a position, over {context} positions; expected angles above 0, \
         up to 10,000,000 in all: its rope.freq_base, rope.scaling.factor or tensor rope_freqs.weight is damaged",
        path = path.display()
    )]
    Rotation {
        /// The file.
        path: PathBuf,
        /// The angle by which a pair turns from one position to the next.
        found: f64,
        /// Positions of the longest text.
        context: usize,
    },
    /// A tensor has no place in the architecture, so computing without it would be wrong.
    #[error(
        "{path}: tensor {tensor:?} has no place in architecture {architecture}: serve this model with \
         llama.cpp or vLLM, and ask it there",
        path = path.display()
    )]
    TensorUnknown {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The architecture of the file.
        architecture: String,
    },
}

/// The tensor of Llama 3's factors of angles.
const ROPE_FACTORS: &str = "rope_freqs.weight";

/// A transformer of the Llama family, its weights quantised in memory as they are in the file.
///
/// With residual stream x, for each layer:
///
/// ```text
/// h = norm(x)          q, k, v = W_q h, W_k h, W_v h     (+ biases; q, k normalised by head: Qwen 3)
/// x ← x + W_o attention(rotate q, rotate k, v)
/// h = norm(x)          x ← x + W_down (silu(W_gate h) · W_up h)
/// logits = W_out norm(x)                                  (W_out = embedding where there is none)
/// ```
///
/// Architectures: `llama` (Llama 1 to 3, SmolLM 1 and 2, TinyLlama, Mistral), `qwen2` (Qwen 2 and
/// 2.5) and `qwen3`, dense and for text. Others are refused by name, as is whatever a file says or
/// holds that would change the arithmetic. (Files of Mistral 7B 0.1 do not mention its sliding
/// window: keep their prompts under its 4,096 tokens.)
///
/// Touvron et al. 2023, arXiv:2302.13971; Qwen team 2024, arXiv:2407.10671, and 2025,
/// arXiv:2505.09388.
///
/// ```no_run
/// use emotome_language::{gguf::Gguf, model::Model};
///
/// let model = Model::load(&Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf")?)?;
/// assert_eq!(model.vocabulary(), 49_152);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Model {
    shape: Shape,
    rope: Rope,
    embedding: Weights,
    layers: Vec<Layer>,
    output_norm: Vec<f32>,
    /// `None` where the embedding serves.
    output: Option<Weights>,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    query: Weights,
    key: Weights,
    value: Weights,
    /// Norms of queries and of keys, by head.
    head_norms: Option<[Vec<f32>; 2]>,
    mix: Weights,
    feed_forward_norm: Vec<f32>,
    gate: Weights,
    up: Weights,
    down: Weights,
}

impl Model {
    /// Reads all weights; *O*(bytes of the file) time and memory.
    ///
    /// # Errors
    /// [`ModelError`], also for files that hold more than is computed here.
    pub fn load(file: &Gguf) -> Result<Self, ModelError> {
        let shape = Shape::read(file)?;
        let mut parts = Parts {
            file,
            taken: BTreeSet::new(),
        };
        let embedding = parts.tensor("token_embd.weight")?;
        let vocabulary = embedding.shape.get(1).copied().unwrap_or(0);
        if vocabulary > shape::MOST {
            return Err(ModelError::TensorShape {
                path: file.path().to_owned(),
                tensor: embedding.name,
                found: embedding.shape,
                expected: vec![shape.width, shape::MOST],
            });
        }
        let embedding = parts.weights(embedding, shape.width, vocabulary, None)?;
        let output = match file.find("output.weight") {
            Some(_) => Some(parts.linear("output", shape.width, vocabulary)?),
            None => None,
        };
        let output_norm = parts.vector("output_norm.weight", shape.width)?;
        let factors = match file.find(ROPE_FACTORS) {
            Some(_) => Some(parts.vector(ROPE_FACTORS, shape.rotated / 2)?),
            None => None,
        };
        let layers = (0..shape.layers)
            .map(|layer| parts.layer(layer, &shape))
            .collect::<Result<_, _>>()?;
        parts.check_all_taken()?;
        let rope = Rope::new(
            shape.architecture.pairs(),
            shape.rotated,
            shape.rope_base,
            shape.rope_linear_factor,
            factors.as_deref(),
        );
        if let Some(fastest) = rope.too_fast(shape.context) {
            return Err(ModelError::Rotation {
                path: file.path().to_owned(),
                found: fastest,
                context: shape.context,
            });
        }
        Ok(Self {
            shape,
            rope,
            embedding,
            layers,
            output_norm,
            output,
        })
    }

    /// Tokens in the vocabulary: ids are below it.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.embedding.outputs()
    }

    /// Most tokens in a text.
    #[must_use]
    pub fn context_length(&self) -> usize {
        self.shape.context
    }

    /// Bytes that keys and values of a text of `tokens` tokens take, in whole pages of 16 tokens.
    #[must_use]
    pub fn key_value_bytes(&self, tokens: usize) -> u64 {
        tokens.div_ceil(PAGE) as u64 * self.page_shape().bytes()
    }

    /// Bytes of weights in memory.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let of_layer = |l: &Layer| {
            [&l.query, &l.key, &l.value, &l.mix, &l.gate, &l.up, &l.down].map(Weights::bytes)
        };
        let layers = self.layers.iter().flat_map(of_layer).sum::<usize>();
        let output = self.output.as_ref().map_or(0, Weights::bytes);
        (self.embedding.bytes() + output + layers) as u64
    }

    pub(crate) const fn page_shape(&self) -> PageShape {
        PageShape {
            layers: self.shape.layers,
            heads: self.shape.kv_heads,
            width: self.shape.head_width,
        }
    }
}

/// The tensors of a file, and which of them were taken.
struct Parts<'a> {
    file: &'a Gguf,
    taken: BTreeSet<String>,
}

impl Parts<'_> {
    fn tensor(&mut self, name: &str) -> Result<Tensor, ModelError> {
        self.taken.insert(name.to_owned());
        Ok(self.file.tensor(name)?)
    }

    fn check(&self, tensor: &Tensor, expected: &[usize]) -> Result<(), ModelError> {
        if tensor.shape == expected && !expected.contains(&0) {
            return Ok(());
        }
        Err(ModelError::TensorShape {
            path: self.file.path().to_owned(),
            tensor: tensor.name.clone(),
            found: tensor.shape.clone(),
            expected: expected.to_vec(),
        })
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        let tensor = self.tensor(name)?;
        self.check(&tensor, &[len])?;
        Ok(tensor.to_f32())
    }

    fn weights(
        &self,
        tensor: Tensor,
        inputs: usize,
        outputs: usize,
        bias: Option<Vec<f32>>,
    ) -> Result<Weights, ModelError> {
        self.check(&tensor, &[inputs, outputs])?;
        Ok(Weights::new(
            tensor.quant,
            tensor.bytes,
            inputs,
            outputs,
            bias,
        ))
    }

    /// `name.weight`, with `name.bias` where the file has one.
    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<Weights, ModelError> {
        let bias = format!("{name}.bias");
        let bias = match self.file.find(&bias) {
            Some(_) => Some(self.vector(&bias, outputs)?),
            None => None,
        };
        let tensor = self.tensor(&format!("{name}.weight"))?;
        self.weights(tensor, inputs, outputs, bias)
    }

    fn layer(&mut self, layer: usize, shape: &Shape) -> Result<Layer, ModelError> {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let queries = shape.heads * shape.head_width;
        let keys = shape.kv_heads * shape.head_width;
        let head_norms = if shape.architecture.normalises_heads() {
            Some([
                self.vector(&name("attn_q_norm.weight"), shape.head_width)?,
                self.vector(&name("attn_k_norm.weight"), shape.head_width)?,
            ])
        } else {
            None
        };
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm.weight"), shape.width)?,
            query: self.linear(&name("attn_q"), shape.width, queries)?,
            key: self.linear(&name("attn_k"), shape.width, keys)?,
            value: self.linear(&name("attn_v"), shape.width, keys)?,
            head_norms,
            mix: self.linear(&name("attn_output"), queries, shape.width)?,
            feed_forward_norm: self.vector(&name("ffn_norm.weight"), shape.width)?,
            gate: self.linear(&name("ffn_gate"), shape.width, shape.hidden)?,
            up: self.linear(&name("ffn_up"), shape.width, shape.hidden)?,
            down: self.linear(&name("ffn_down"), shape.hidden, shape.width)?,
        })
    }

    fn check_all_taken(&self) -> Result<(), ModelError> {
        let left = |t: &&crate::gguf::TensorInfo| !self.taken.contains(&t.name);
        match self.file.tensors().iter().find(left) {
            None => Ok(()),
            Some(tensor) => Err(ModelError::TensorUnknown {
                path: self.file.path().to_owned(),
                tensor: tensor.name.clone(),
                architecture: self
                    .file
                    .metadata()
                    .get::<&str>("general.architecture")?
                    .into(),
            }),
        }
    }
}
