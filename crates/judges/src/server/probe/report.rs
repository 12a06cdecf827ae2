//! What a probe found.

use crate::chat::Dialect;
use serde::Serialize;

/// The program that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// vLLM.
    Vllm,
    /// The server of llama.cpp.
    LlamaCpp,
    /// Ollama.
    Ollama,
    /// OpenAI.
    Openai,
    /// It does not say.
    #[default]
    Unknown,
}

/// What a server can do; `None` where that could not be found out.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ProbeReport {
    /// The program.
    pub kind: ServerKind,
    /// Its version.
    pub version: Option<String>,
    /// How it is to be asked.
    pub dialect: Option<Dialect>,
    /// The models it lists.
    pub models: Vec<String>,
    /// The model that was asked.
    pub model: String,
    /// The most tokens of prompt and reply.
    pub context: Option<u64>,
    /// Whether it keeps a reply to given labels.
    pub constrained: Option<bool>,
    /// How many log-probabilities it lists when asked for 20.
    pub logprobs: Option<u32>,
    /// How many it lists when asked for 1,000, as a readout needs.
    pub many_logprobs: Option<u32>,
    /// Whether log-probabilities of a constrained reply are among the labels alone.
    pub masked: Option<bool>,
    /// Whether the same question gets the same reply.
    pub repeats: Option<Repeats>,
    /// Whether a common beginning is computed once.
    pub prefix: Option<Prefix>,
    /// Whether it takes the exhibits of three stimuli.
    pub exhibits: Option<Exhibits>,
    /// How many frames of a clip it sees.
    pub frames: Vec<FramesSeen>,
    /// Requests sent.
    pub requests: u32,
    /// What to do, the flags to restart the server with among it.
    pub advice: Vec<String>,
    /// What it said to questions that it refused.
    pub refusals: Vec<String>,
}

/// Replies to the same question at temperature 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Repeats {
    /// Replies.
    pub n: u32,
    /// Different ones.
    pub different: u32,
    /// The largest difference between log-probabilities of the first token.
    pub spread: Option<f64>,
}

/// Two requests with a long common beginning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prefix {
    /// Tokens of the second.
    pub prompt_tokens: Option<u32>,
    /// Of these, tokens from the cache; not every server says so.
    pub cached_tokens: Option<u32>,
    /// Seconds of the first.
    pub first: f64,
    /// Seconds of the second.
    pub second: f64,
}

/// What became of a request with the exhibits of three stimuli.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exhibits {
    /// Images or clips sent.
    pub sent: u32,
    /// Whether they were taken.
    pub taken: bool,
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u32>,
    /// How many the server allows, where it says so.
    pub allowed: Option<u32>,
    /// What it said, if it refused them.
    pub said: Option<String>,
}

/// What became of a clip with numbered frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FramesSeen {
    /// Frames of the clip.
    pub frames: u32,
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u32>,
    /// Frames that so many tokens stand for, by the tokens per frame of the two shortest clips.
    pub estimate: Option<f64>,
    /// The highest number the model says it sees.
    pub said: Option<u32>,
}
