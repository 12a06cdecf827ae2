//! What to do about what a probe found.

use super::ProbeParams;
use super::report::{ProbeReport, ServerKind};
use crate::chat::Dialect;

/// A clip of which less than this share of the frames is seen draws advice.
const MOST_FRAMES: f64 = 0.9;

/// Lines of advice, the most important first.
pub(super) fn advice(params: &ProbeParams, report: &ProbeReport) -> Vec<String> {
    let mut advice = Vec::new();
    let mut say = |line: String| advice.push(line);
    let vllm = report.kind == ServerKind::Vllm;
    match (params.dialect, report.dialect) {
        (Some(set), Some(found)) if set != found => say(format!(
            "the judge is set up for a server of kind {set}, but this one is to be asked as {found}: set dialect = \"{found}\""
        )),
        (None, None) => {
            say("the server does not say what it is: set dialect in the judge".to_owned());
        }
        _ => {}
    }
    if report.constrained == Some(false) {
        say(match report.dialect {
            Some(Dialect::Vllm | Dialect::VllmGuided) => {
                "replies are not kept to given labels, neither by structured_outputs nor by guided_choice: serve with vLLM 0.12 \
                 or newer; until then use the answer modes free or logprob, without re-asks and constraint"
                    .to_owned()
            }
            _ => "replies are not kept to given labels: use the answer mode logprob, or free with reasks = 0".to_owned(),
        });
    }
    match (report.logprobs, report.many_logprobs) {
        (Some(0), _) => say(
            "no log-probabilities are listed: the answer modes logprob and readout cannot be used (Ollama lists them from 0.12.11)"
                .to_owned(),
        ),
        (Some(listed), _) if listed < 20 => say(format!(
            "{listed} of 20 log-probabilities are listed: labels may be missing; restart vLLM with --max-logprobs 20 or more"
        )),
        (Some(_), Some(many)) if many < 1000 => say(if vllm {
            format!("at most {many} log-probabilities are listed; for the answer mode readout restart with --max-logprobs 20000")
        } else {
            format!("at most {many} log-probabilities are listed; for the answer mode readout use a model in the process")
        }),
        _ => {}
    }
    if report.masked == Some(true) {
        say(
            "log-probabilities of a constrained reply are among the labels alone: what is off the labels is measured without \
             constraint (constrain = false), or by the audit"
                .to_owned(),
        );
    }
    if let Some(repeats) = report.repeats.filter(|repeats| repeats.different > 1) {
        let how = match report.kind {
            ServerKind::Vllm => "restart with VLLM_BATCH_INVARIANT=1 in its environment, or",
            ServerKind::LlamaCpp => "restart with --parallel 1, or",
            _ => "",
        };
        let line = format!(
            "{} of {} replies to the same question at temperature 0 differ: {how} count on noise between repeats",
            repeats.different, repeats.n
        );
        say(line.replace(":  ", ": "));
    }
    if let Some(prefix) = report.prefix {
        match prefix.cached_tokens {
            Some(0) if vllm => say("no token came from a cache: restart without --no-enable-prefix-caching".to_owned()),
            Some(0) => say("no token came from a cache: every prompt is computed in full".to_owned()),
            Some(_) => {}
            None if vllm => say(
                "the server does not say how many tokens came from its cache: restart with --enable-prompt-tokens-details"
                    .to_owned(),
            ),
            None => {}
        }
    }
    if let Some(exhibits) = report.exhibits.as_ref().filter(|exhibits| !exhibits.taken) {
        let said = exhibits.said.as_deref().unwrap_or_default();
        let n = exhibits.sent;
        let has = |text: &str| said.contains(text);
        let what = if let Some(allowed) = exhibits.allowed {
            let kind = if has("video(s)") { "video" } else { "image" };
            format!(
                "the server allows {allowed} {kind}(s) a prompt, {n} are needed: restart with --limit-mm-per-prompt '{{\"{kind}\":{n}}}'"
            )
        } else if has("--allowed-local-media-path") {
            "the server may not read files: restart with --allowed-local-media-path FOLDER, the folder of the media on its disk".to_owned()
        } else if has("must be a subpath") {
            "the files lie outside the folder that the server may read: name that folder in --allowed-local-media-path".to_owned()
        } else if has("allowed domains") || has("allowed-media-domains") {
            "the server may not fetch from that host: restart with --allowed-media-domains HOST"
                .to_owned()
        } else if has("--media-path") {
            "the server may not read files: restart with --media-path FOLDER, the folder of the media on its disk".to_owned()
        } else if has("mmproj") || has("not a multimodal model") {
            "the model takes no pictures: serve one that does (llama.cpp: with --mmproj FILE), or show captions".to_owned()
        } else {
            "the server does not take three stimuli in one request".to_owned()
        };
        say(format!("{what} (it says: {said})"));
    }
    let unseen = |share: f64, frames: u32| share < MOST_FRAMES * f64::from(frames);
    if let Some(clip) = report
        .frames
        .iter()
        .rev()
        .find(|clip| clip.estimate.is_some_and(|seen| unseen(seen, clip.frames)))
    {
        let seen = clip.estimate.unwrap_or_default();
        let how = match report.kind {
            ServerKind::Vllm => {
                "restart with --media-io-kwargs '{\"video\":{\"num_frames\":-1}}', or set media_io_kwargs in the judge; without it fps has no effect"
            }
            _ => "send sampled frames instead of clips",
        };
        say(format!(
            "the server kept about {seen:.0} of {} frames: {how}",
            clip.frames
        ));
    }
    advice
}
