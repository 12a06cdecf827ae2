//! A judge as a file: `judges/NAME.toml` says which model is asked, how, where and at what price.

use super::AskError;
use emotome_judges::answer::{Decoding, Mode};
use emotome_judges::chat::{Dialect, Passthrough};
use emotome_judges::server::Prices;
use emotome_media::encode::Encoding;
use emotome_media::policy::FramePolicy;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The most bytes of a judge file.
const MAX_BYTES: u64 = 1 << 20;

/// A judge, as its file describes it.
///
/// ```toml
/// model = "Qwen/Qwen3-VL-8B-Instruct"   # as its server calls it; or a .gguf file, run in this process
/// kind = "vllm"                         # vllm, vllm-guided, llama-cpp, ollama, openai, hosted
/// template = "choose-media"             # a preset, or prompts/NAME.toml of the study
/// seed = 7                              # of requests, drawn captions, ties and audits
///
/// [answer]                              # or [readout], with words and templates
/// mode = "logprob"                      # free, choice or logprob: see `Mode` for what else each takes
/// orders = "cyclic"
///
/// [show]                                # what stands for a stimulus: one of
/// captions = 1                          #   the k-th caption, "all", or "drawn" for each trial
/// frames = { at = { uniform = 3 } }     #   frames of its clip: see `FramePolicy`
/// media = "data"                        #   the file itself: "data", "file:///folder/there", "https://…"
///
/// [decoding]
/// temperature = 0.0
///
/// [[servers]]
/// url = "http://127.0.0.1:8000/v1"
/// key-env = "MY_KEY"                    # or key-file = "…", readable by you alone
/// requests-per-minute = 600             # limits, where the server has them
/// tokens-per-minute = 200000
/// in-flight = 64                        # the most requests at once
///
/// [price]                               # of a million tokens; without it the cost is unknown
/// currency = "USD"
/// prompt = 0.15
/// cached = 0.075
/// completion = 0.60
/// batch = 0.5                           # share of it that is paid in batches; without it their cost is unknown
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct JudgeFile {
    /// Its name as an agent; by default that of the file.
    pub name: Option<String>,
    /// The model, as its server calls it, or a GGUF file, relative to this one.
    pub model: String,
    /// The kind of its servers.
    pub kind: Option<Dialect>,
    /// A preset, or a template of the study; by default as mode and stimuli need.
    pub template: Option<String>,
    /// Seed of requests, drawn captions, ties and audits.
    pub seed: u64,
    /// How it is asked for the odd one out.
    pub answer: Option<Mode>,
    /// What is read out after single stimuli instead.
    pub readout: Option<ReadoutAsked>,
    /// What stands for a stimulus.
    pub show: Show,
    /// How tokens are drawn.
    pub decoding: Decoding,
    /// Where the model is served.
    pub servers: Vec<Server>,
    /// Further names under which replies come from this model.
    pub served_as: Vec<String>,
    /// Prices of a million tokens.
    pub price: Option<Price>,
    /// Hosts to which pictures and clips may be sent.
    pub allow_upload: Vec<String>,
    /// Fields that go to the server as they are.
    pub pass: Passthrough,
}

/// A readout: the probabilities of words after single stimuli, from which choices follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ReadoutAsked {
    /// A table with a column `word`, relative to the judge file; the program's own list without.
    pub words: Option<PathBuf>,
    /// Presets or templates of the study; each trial is judged by one, drawn. Without them that of the judge, or
    /// five presets.
    pub templates: Vec<String>,
    /// How many of the most probable tokens a server lists.
    pub top: Option<u32>,
}

/// What stands for a stimulus.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Show {
    /// Captions.
    pub captions: Option<WhichCaption>,
    /// Frames of its clip.
    pub frames: Option<FramePolicy>,
    /// How frames are written down: JPEG of quality 90 without.
    pub encoding: Option<Encoding>,
    /// Whether the frames of a clip stand side by side in one picture.
    pub sheet: bool,
    /// The file itself.
    pub media: Option<String>,
}

/// Which caption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WhichCaption {
    /// The k-th, counted from 1.
    Number(u32),
    /// `all` or `drawn`.
    Named(CaptionRule),
}

/// Captions by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptionRule {
    /// All, a line each.
    All,
    /// One drawn for each trial and stimulus.
    Drawn,
}

/// A server of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Its base address, e.g. `http://127.0.0.1:8000/v1`.
    pub url: String,
    /// The environment variable that holds its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The file that holds its key, relative to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Whether http is allowed to other machines.
    #[serde(default)]
    pub plain_http: bool,
    /// Its limit of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Its limit of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// Most requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
}

impl Server {
    /// A server of a kind to be stated, without a key.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            key_env: None,
            key_file: None,
            plain_http: false,
            requests_per_minute: None,
            tokens_per_minute: None,
            in_flight: None,
        }
    }
}

/// Prices of a million tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// The currency.
    #[serde(default = "usd")]
    pub currency: String,
    /// What tokens cost.
    #[serde(flatten)]
    pub of: Prices,
    /// What share of it is paid for requests in batches; without it their cost is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<f64>,
}

fn usd() -> String {
    "USD".to_owned()
}

impl JudgeFile {
    /// Reads a judge file; its name is that of the file unless it gives one, and paths in it start
    /// from its folder.
    ///
    /// # Errors
    /// [`AskError::JudgeFile`] says in which line what is wrong.
    pub fn read(path: &Path) -> Result<Self, AskError> {
        let wrong = |line: usize, what: String| AskError::JudgeFile {
            path: path.to_owned(),
            line,
            what,
        };
        let bytes = fs::metadata(path)
            .map_err(|error| wrong(0, error.to_string()))?
            .len();
        if bytes > MAX_BYTES {
            return Err(wrong(
                0,
                format!("{bytes} bytes; a judge file has at most {MAX_BYTES}"),
            ));
        }
        let text = fs::read_to_string(path).map_err(|error| wrong(0, error.to_string()))?;
        let mut file: Self = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(0, |span| 1 + text[..span.start].matches('\n').count());
            wrong(line, error.message().to_owned())
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        file.name = file.name.or(stem);
        for server in &mut file.servers {
            server.key_file = server.key_file.take().map(|key| folder.join(key));
        }
        if let Some(readout) = &mut file.readout {
            readout.words = readout.words.take().map(|words| folder.join(words));
        }
        if file.runs_here() {
            file.model = folder.join(&file.model).to_string_lossy().into_owned();
        }
        Ok(file)
    }

    /// Its name as an agent; that of the model if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.model)
    }

    /// Whether the model is a file that is run in this process.
    #[must_use]
    pub fn runs_here(&self) -> bool {
        let extension = Path::new(&self.model).extension();
        self.servers.is_empty()
            && extension.is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
    }
}
