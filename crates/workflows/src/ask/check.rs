//! Finding out what a server can do.

use super::AskError;
use super::asking::address;
use super::file::JudgeFile;
use super::prepare::{show, unclear};
use crate::WorkflowError;
use bytes::Bytes;
use emotome_judges::prompt::{Content, Exhibit, Medium, Shown};
use emotome_judges::server::probe::{ProbeParams, ProbeReport, probe};
use emotome_judges::server::{Caller, ClientParams, UploadPolicy};
use emotome_media::numbered::CLIPS;
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::study::Study;
use serde::Serialize;
use std::path::Path;

/// What was found of a server. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct ServerSummary {
    /// Its address.
    pub address: String,
    /// What it can do.
    #[serde(flatten)]
    pub report: ProbeReport,
}

/// Asks each server of a judge some thirty small questions and says what it can do, and with which flags
/// to restart it. With a study, its first three stimuli are sent as the judge is shown them. Unless the judge is
/// shown captions or frames, clips with numbered frames ([`CLIPS`], made by this program) tell how many frames
/// of a clip the server sees.
///
/// # Errors
/// [`AskError`] if a server cannot be asked at all, or pictures may not be sent there.
pub fn check_servers(
    judge: &JudgeFile,
    study: Option<&Path>,
) -> Result<Vec<ServerSummary>, WorkflowError> {
    if judge.servers.is_empty() {
        return Err(unclear(
            judge,
            "names no server",
            "give the address of one, e.g. http://127.0.0.1:8000/v1",
        )
        .into());
    }
    let exhibits = match study {
        Some(root) => exhibits(judge, root)?,
        None => None,
    };
    let summaries = judge.servers.iter().map(|server| {
        let endpoint = address(server)?;
        if exhibits.is_some() {
            UploadPolicy::new(&judge.allow_upload).check(&endpoint)?;
        }
        let caller = Caller::new(endpoint, ClientParams::default())?;
        let mut send = |path: &str, body: Option<Bytes>| {
            let sent = match body {
                Some(body) => caller.post(path, body),
                None => caller.get(path),
            };
            sent.result.map(|reply| (reply, sent.latency))
        };
        let params = ProbeParams {
            dialect: judge.kind,
            pass: judge.pass.clone(),
            exhibits: exhibits.clone(),
            numbered: numbered(judge),
            ..ProbeParams::new(&judge.model)
        };
        Ok(ServerSummary {
            address: caller.endpoint().to_string(),
            report: probe(&params, &mut send)?,
        })
    });
    Ok(summaries.collect::<Result<_, AskError>>()?)
}

/// What the first three stimuli are shown as, if not as captions.
fn exhibits(judge: &JudgeFile, root: &Path) -> Result<Option<[Vec<Medium>; 3]>, WorkflowError> {
    let study = Study::open(root)?;
    let (shown, unshown, _) = show(judge, &study, root)?;
    if matches!(shown, Shown::Captions(_)) {
        return Ok(None);
    }
    let ids = (0..study.stimuli.len() as u32)
        .map(StimulusId)
        .filter(|id| !unshown.contains(id));
    let media: Vec<Vec<Medium>> = ids
        .filter_map(|id| match shown.alone(id) {
            Ok(Exhibit::Media(media)) => Some(media),
            _ => None,
        })
        .take(3)
        .collect();
    Ok(media.try_into().ok())
}

/// The clips that show how many frames are seen, where clips may be shown at all.
fn numbered(judge: &JudgeFile) -> Vec<(u32, Medium)> {
    if judge.show.captions.is_some() || judge.show.frames.is_some() {
        return Vec::new();
    }
    let clips = CLIPS.iter().map(|clip| {
        let medium = Medium {
            mime: "video/mp4".into(),
            content: Content::Bytes(Bytes::from_static(clip.mp4)),
            sha256: Sha256Sum::of(clip.mp4),
        };
        (clip.frames, medium)
    });
    clips.collect()
}
