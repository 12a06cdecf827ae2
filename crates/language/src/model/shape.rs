//! Sizes and constants of a network, read from metadata and checked.

use super::ModelError;
use super::rope::Pairs;
use crate::gguf::{FromValue, Gguf};

/// Architectures that are computed here, by the name that files give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Llama 1–3, SmolLM 1 and 2, TinyLlama, Mistral without sliding window.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3 without experts.
    Qwen3,
}

impl Architecture {
    const ALL: [(&'static str, Self); 3] = [
        ("llama", Self::Llama),
        ("qwen2", Self::Qwen2),
        ("qwen3", Self::Qwen3),
    ];

    pub(crate) const fn pairs(self) -> Pairs {
        match self {
            Self::Llama => Pairs::Neighbours,
            Self::Qwen2 | Self::Qwen3 => Pairs::Halves,
        }
    }

    /// Whether queries and keys are normalised head by head.
    pub(crate) const fn normalises_heads(self) -> bool {
        matches!(self, Self::Qwen3)
    }
}

/// Largest number of layers, and largest size of anything else, that is taken seriously.
const MOST_LAYERS: usize = 1024;
pub(super) const MOST: usize = 1 << 24;

/// Metadata, after the architecture's name, that would change the arithmetic in ways not done here.
const REFUSED: [&str; 8] = [
    "attention.scale",
    "attention.clamp_kqv",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "logit_scale",
    "residual_scale",
    "embedding_scale",
    "use_parallel_residual",
];

/// Sizes and constants of a network.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) architecture: Architecture,
    pub(crate) layers: usize,
    /// Numbers in the residual stream.
    pub(crate) width: usize,
    /// Numbers between the two halves of a feed-forward block.
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// Numbers in a query, key or value of a head.
    pub(crate) head_width: usize,
    /// Numbers of a head that rotate.
    pub(crate) rotated: usize,
    pub(crate) context: usize,
    pub(crate) epsilon: f32,
    pub(crate) rope_base: f64,
    pub(crate) rope_linear_factor: f64,
}

/// The metadata of one architecture.
struct Keys<'a> {
    file: &'a Gguf,
    prefix: &'static str,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn optional<'a, T: FromValue<'a>>(&'a self, name: &str) -> Result<Option<T>, ModelError> {
        Ok(self.file.metadata().optional(&self.key(name))?)
    }

    /// A size from 1 to `most`.
    fn size(&self, name: &str, most: usize) -> Result<usize, ModelError> {
        let value: usize = self.file.metadata().get(&self.key(name))?;
        self.in_range(name, value, most)
    }

    fn size_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        let value = self.optional(name)?.unwrap_or(default);
        self.in_range(name, value, MOST)
    }

    fn in_range(&self, name: &str, value: usize, most: usize) -> Result<usize, ModelError> {
        if (1..=most).contains(&value) {
            return Ok(value);
        }
        Err(self.wrong(name, value.to_string(), format!("1 to {most}")))
    }

    fn positive(&self, name: &str, value: f32) -> Result<f64, ModelError> {
        if value > 0.0 && value.is_normal() {
            return Ok(f64::from(value));
        }
        Err(self.wrong(name, value.to_string(), "a positive number".into()))
    }

    fn wrong(&self, name: &str, found: String, expected: String) -> ModelError {
        ModelError::Value {
            path: self.file.path().to_owned(),
            key: self.key(name),
            found,
            expected,
        }
    }

    fn unsupported(&self, name: &str, found: String, supported: &'static str) -> ModelError {
        ModelError::Unsupported {
            path: self.file.path().to_owned(),
            key: self.key(name),
            found,
            supported,
        }
    }
}

impl Shape {
    pub(crate) fn read(file: &Gguf) -> Result<Self, ModelError> {
        let name: &str = file.metadata().get("general.architecture")?;
        let Some(&(prefix, architecture)) = Architecture::ALL.iter().find(|(n, _)| *n == name)
        else {
            return Err(ModelError::Architecture {
                path: file.path().to_owned(),
                found: name.to_owned(),
                supported: Architecture::ALL.map(|(n, _)| n).join(", "),
            });
        };
        let keys = Keys { file, prefix };
        for name in REFUSED {
            let key = keys.key(name);
            if let Some((_, value)) = file.metadata().iter().find(|(k, _)| *k == key) {
                return Err(keys.unsupported(name, format!("{value:?}"), "files without it"));
            }
        }
        if let Some(experts) = keys.optional::<usize>("expert_count")?.filter(|n| *n > 0) {
            return Err(keys.unsupported(
                "expert_count",
                experts.to_string(),
                "models without experts",
            ));
        }
        if keys.optional::<bool>("attention.causal")? == Some(false) {
            return Err(keys.unsupported("attention.causal", "false".into(), "causal attention"));
        }
        let context = keys.size("context_length", MOST)?;
        if let Some(window) = keys.optional::<usize>("attention.sliding_window")?
            && (1..context).contains(&window)
        {
            return Err(keys.unsupported(
                "attention.sliding_window",
                window.to_string(),
                "attention to the whole context",
            ));
        }
        let layers = keys.size("block_count", MOST_LAYERS)?;
        let width = keys.size("embedding_length", MOST)?;
        let heads = keys.size("attention.head_count", MOST)?;
        let kv_heads = keys.size_or("attention.head_count_kv", heads)?;
        if !heads.is_multiple_of(kv_heads) {
            let expected = format!("a divisor of {heads}, the number of heads");
            return Err(keys.wrong("attention.head_count_kv", kv_heads.to_string(), expected));
        }
        let head_width = keys.size_or("attention.key_length", width / heads)?;
        if !head_width.is_multiple_of(16) {
            return Err(keys.unsupported(
                "attention.key_length",
                head_width.to_string(),
                "heads whose width is a multiple of 16",
            ));
        }
        let value_width = keys.size_or("attention.value_length", head_width)?;
        if value_width != head_width {
            return Err(keys.unsupported(
                "attention.value_length",
                value_width.to_string(),
                "values as wide as keys",
            ));
        }
        let rotated = keys.size_or("rope.dimension_count", head_width)?;
        if rotated > head_width || !rotated.is_multiple_of(2) {
            let expected = format!("an even number up to {head_width}");
            return Err(keys.wrong("rope.dimension_count", rotated.to_string(), expected));
        }
        let base = keys.optional("rope.freq_base")?.unwrap_or(10_000.0);
        let epsilon = "attention.layer_norm_rms_epsilon";
        Ok(Self {
            architecture,
            layers,
            width,
            hidden: keys.size("feed_forward_length", MOST)?,
            heads,
            kv_heads,
            head_width,
            rotated,
            context,
            epsilon: keys.positive(epsilon, file.metadata().get(&keys.key(epsilon))?)? as f32,
            rope_base: keys.positive("rope.freq_base", base)?,
            rope_linear_factor: Self::linear_factor(&keys)?,
        })
    }

    fn linear_factor(keys: &Keys<'_>) -> Result<f64, ModelError> {
        let factor = match keys.optional::<&str>("rope.scaling.type")? {
            // Absent stands for linear, with the factor under its present or its former name.
            None => match keys.optional::<f32>("rope.scaling.factor")? {
                Some(_) => "rope.scaling.factor",
                None => "rope.scale_linear",
            },
            Some("none") => return Ok(1.0),
            Some("linear") => "rope.scaling.factor",
            Some(other) => {
                return Err(keys.unsupported(
                    "rope.scaling.type",
                    other.to_owned(),
                    "none, linear, and factors in the tensor rope_freqs.weight (Llama 3)",
                ));
            }
        };
        match keys.optional(factor)? {
            // Converters write 0 for "not scaled".
            None | Some(0.0) => Ok(1.0),
            Some(value) => keys.positive(factor, value),
        }
    }
}
