//! What a server can do, found out by asking it: before millions of requests rely on it.
//!
//! Documentation and version numbers tell little of how a server was started. [`probe`] asks it some
//! thirty small questions and reports what came of each, with the flags to restart it with. It
//! concludes from replies alone; what it could not find out is `None` in the [`ProbeReport`].

mod advice;
mod questions;
mod report;

pub use report::{Exhibits, FramesSeen, Prefix, ProbeReport, Repeats, ServerKind};

use crate::chat::{Dialect, Passthrough};
use crate::dialogue::{Fault, Reply};
use crate::prompt::Medium;
use bytes::Bytes;
use questions::Asker;
use serde_json::Value;
use std::time::Duration;

/// Sends a body to a path below the server's address, or gets what lies there, and says how long that took.
///
/// Paths such as `../version` lie beside the interface of OpenAI.
pub type Send<'a> = dyn FnMut(&str, Option<Bytes>) -> Result<(Reply, Duration), Fault> + 'a;

/// What to find out.
#[derive(Debug, Clone)]
pub struct ProbeParams {
    /// The model, as the server calls it; the only one it lists if empty.
    pub model: String,
    /// The kind of server that the judge is set up for, to be compared with what is found.
    pub dialect: Option<Dialect>,
    /// Fields that go to the server as they are.
    pub pass: Passthrough,
    /// How often the same question is asked, to see whether the reply is; 20 by default.
    pub repeats: u32,
    /// What three stimuli of the study are shown as, if not as captions.
    pub exhibits: Option<[Vec<Medium>; 3]>,
    /// Clips of the same picture size with so many frames, each frame bearing its number from 1, in
    /// ascending order of frames. Two at least tell how many frames are seen.
    pub numbered: Vec<(u32, Medium)>,
}

impl ProbeParams {
    /// Parameters with the defaults.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            dialect: None,
            pass: Passthrough::default(),
            repeats: 20,
            exhibits: None,
            numbered: Vec::new(),
        }
    }
}

/// Why nothing could be found out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The server does not reply.
    #[error("the server does not reply ({what}); is it running, and does the address end in /v1?")]
    Silent {
        /// What happened.
        what: String,
    },
    /// The list of models is refused.
    #[error(
        "the list of models is refused with HTTP {status}: {what}; check the key and the address, which usually ends in /v1"
    )]
    Refused {
        /// The status.
        status: u16,
        /// What the server said.
        what: String,
    },
    /// The model is not among those the server lists.
    #[error("the server lists {listed}, not {model:?}; name one of them as the model")]
    Model {
        /// The model asked for.
        model: String,
        /// Those listed.
        listed: String,
    },
}

/// Finds out what a server can do.
///
/// # Errors
/// [`ProbeError`] if the server cannot be asked at all. What it cannot do is no error but stands in the
/// report.
pub fn probe(params: &ProbeParams, send: &mut Send<'_>) -> Result<ProbeReport, ProbeError> {
    let mut requests = 0;
    let mut counted = |path: &str, body: Option<Bytes>| {
        requests += 1;
        send(path, body)
    };
    let mut report = identify(params, &mut counted)?;
    let mut asker = Asker::new(
        params,
        report.dialect.unwrap_or(Dialect::Hosted),
        report.model.clone(),
        &mut counted,
    );
    asker.constraint(&mut report);
    asker.logprobs(&mut report);
    asker.repeats(&mut report);
    asker.prefix(&mut report);
    asker.exhibits(&mut report);
    asker.frames(&mut report);
    report.requests = requests;
    report.advice = advice::advice(params, &report);
    Ok(report)
}

/// Which server, which version, which models.
fn identify(params: &ProbeParams, send: &mut Send<'_>) -> Result<ProbeReport, ProbeError> {
    let (reply, _) =
        send("models", None).map_err(|fault| ProbeError::Silent { what: fault.what })?;
    if reply.status != 200 {
        return Err(ProbeError::Refused {
            status: reply.status,
            what: questions::message(&reply),
        });
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let listed = body["data"].as_array().cloned().unwrap_or_default();
    let models: Vec<String> = listed
        .iter()
        .filter_map(|model| Some(model["id"].as_str()?.to_owned()))
        .collect();
    let only = (models.len() == 1).then(|| models[0].clone());
    let model = match (params.model.is_empty(), only) {
        (true, Some(only)) => only,
        (true, None) => {
            return Err(ProbeError::Model {
                model: String::new(),
                listed: models.join(", "),
            });
        }
        (false, _) => params.model.clone(),
    };
    let entry = listed
        .iter()
        .find(|entry| entry["id"] == model.as_str())
        .or(listed.first())
        .cloned()
        .unwrap_or_default();
    let mut get = |path: &str| -> Option<Value> {
        let (reply, _) = send(path, None).ok()?;
        serde_json::from_slice(&reply.body)
            .ok()
            .filter(|_| reply.status == 200)
    };
    let kind = match entry["owned_by"].as_str() {
        Some("vllm") => ServerKind::Vllm,
        Some("llamacpp") => ServerKind::LlamaCpp,
        Some("library") => ServerKind::Ollama,
        Some("openai" | "openai-internal" | "system") => ServerKind::Openai,
        _ => ServerKind::Unknown,
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut context = entry["max_model_len"].as_u64();
    let (kind, version) = match kind {
        ServerKind::Openai => (kind, None),
        ServerKind::LlamaCpp => {
            let props = get("../props").unwrap_or_default();
            context = props["default_generation_settings"]["n_ctx"].as_u64();
            (kind, text(&props["build_info"]))
        }
        ServerKind::Ollama => (
            kind,
            text(&get("../api/version").unwrap_or_default()["version"]),
        ),
        ServerKind::Vllm | ServerKind::Unknown => {
            match get("../version").and_then(|v| text(&v["version"])) {
                Some(version) => (ServerKind::Vllm, Some(version)),
                None => (kind, None),
            }
        }
    };
    // llama.cpp serves one model under any name.
    if !models.contains(&model) && !models.is_empty() && kind != ServerKind::LlamaCpp {
        return Err(ProbeError::Model {
            model,
            listed: models.join(", "),
        });
    }
    let dialect = match kind {
        ServerKind::Vllm => Some(match version.as_deref().and_then(minor) {
            Some(version) if version < (0, 12) => Dialect::VllmGuided,
            _ => Dialect::Vllm,
        }),
        ServerKind::LlamaCpp => Some(Dialect::LlamaCpp),
        ServerKind::Ollama => Some(Dialect::Ollama),
        ServerKind::Openai => Some(Dialect::Openai),
        ServerKind::Unknown => params.dialect,
    };
    Ok(ProbeReport {
        kind,
        version,
        dialect,
        models,
        model,
        context,
        ..ProbeReport::default()
    })
}

/// Major and minor version.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
