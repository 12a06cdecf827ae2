//! What a judge is shown of a study, and in which words it is asked.

use super::file::{CaptionRule, JudgeFile, WhichCaption};
use super::{AskError, AskRequest};
use crate::WorkflowError;
use emotome_judges::answer::Mode;
use emotome_judges::prompt::affect::{Lexicon, Naming};
use emotome_judges::prompt::{
    CaptionDeck, CaptionPolicy, FrameParams, MediaFiles, SampledFrames, SentAs, Shown, Template,
    presets,
};
use emotome_media::cache::FrameCache;
use emotome_media::reader::{Params as ReaderParams, Reader};
use emotome_stimuli::StimulusId;
use emotome_stimuli::ratings::Kind;
use emotome_stimuli::study::Study;
use std::path::Path;
use std::sync::Arc;

/// A study as a judge is shown it.
pub(super) struct Prepared {
    pub(super) study: Study,
    pub(super) shown: Shown,
    pub(super) template: Template,
    pub(super) mode: Mode,
    /// Stimuli that cannot be shown; trials with one of them fail.
    pub(super) unshown: Vec<StimulusId>,
    /// Captions that name an emotion, where captions are shown.
    pub(super) naming: Option<Naming>,
}

/// The folder of a study's encoded frames, and the most bytes in it.
const CACHE: &str = "cache/frames";
const CACHE_BYTES: u64 = 8 << 30;

/// The folder of a study's templates.
const PROMPTS: &str = "prompts";

pub(super) fn prepare(request: &AskRequest) -> Result<Prepared, WorkflowError> {
    let judge = &request.judge;
    let study = Study::open(&request.study)?;
    let mode = judge.answer.ok_or_else(|| {
        unclear(
            judge,
            "has no [answer]",
            "add one with mode = \"free\", \"choice\" or \"logprob\"",
        )
    })?;
    let (shown, unshown, naming) = show(judge, &study, &request.study)?;
    let template = template(judge, &request.study, mode, &shown)?;
    Ok(Prepared {
        study,
        shown,
        template,
        mode,
        unshown,
        naming,
    })
}

pub(crate) fn show(
    judge: &JudgeFile,
    study: &Study,
    root: &Path,
) -> Result<(Shown, Vec<StimulusId>, Option<Naming>), AskError> {
    let show = &judge.show;
    match (&show.captions, &show.frames, &show.media) {
        (_, None, None) => {
            let (deck, naming) = captions(judge, study)?;
            let unshown = deck.unshown();
            Ok((Shown::Captions(deck), unshown, Some(naming)))
        }
        (None, None, Some(media)) => {
            let sent = match media.as_str() {
                "data" => SentAs::Data,
                address if address.starts_with("file://") => {
                    SentAs::File(address["file://".len()..].into())
                }
                address if address.starts_with("https://") => SentAs::Https(address.to_owned()),
                other => {
                    return Err(unclear(
                        judge,
                        &format!("sends media as {other:?}"),
                        "expected \"data\", \"file:///folder/on/the/server\" or \"https://host/folder\"",
                    ));
                }
            };
            let files = study
                .records
                .iter()
                .map(|record| (record.media.clone(), record.sha256));
            let files = MediaFiles::new(root.join(&study.manifest.media), files.collect(), sent)?;
            let unshown = files.unshown();
            Ok((Shown::Media(Arc::new(files)), unshown, None))
        }
        (None, Some(frames), None) => {
            let params = FrameParams {
                policy: frames.check()?,
                encoding: show.encoding.unwrap_or_default(),
                sheet: show.sheet,
            };
            let files = study
                .records
                .iter()
                .map(|record| (record.media.clone(), record.sha256));
            let cache = FrameCache::open(root.join(CACHE), CACHE_BYTES)?;
            let reader = Reader::new(ReaderParams::default());
            let media = root.join(&study.manifest.media);
            let frames = SampledFrames::new(media, files.collect(), params, reader, cache);
            let unshown = frames.unshown();
            Ok((Shown::Media(Arc::new(frames)), unshown, None))
        }
        _ => Err(unclear(
            judge,
            "shows several things",
            "keep one of captions, frames and media in [show]",
        )),
    }
}

/// The captions that a judge is shown, and those that name an emotion.
pub(super) fn captions(
    judge: &JudgeFile,
    study: &Study,
) -> Result<(CaptionDeck, Naming), AskError> {
    let policy = match judge.show.captions {
        None => CaptionPolicy::Number(1),
        Some(WhichCaption::Number(number)) => CaptionPolicy::Number(number),
        Some(WhichCaption::Named(CaptionRule::All)) => CaptionPolicy::All,
        Some(WhichCaption::Named(CaptionRule::Drawn)) => CaptionPolicy::Drawn { seed: judge.seed },
    };
    let texts: Vec<Vec<String>> = study
        .records
        .iter()
        .map(|record| record.captions.clone())
        .collect();
    let scales = study.ratings.iter().flat_map(|table| &table.scales);
    let categories = scales.filter(|(_, scale)| scale.kind == Kind::Category);
    let lexicon = Lexicon::new(categories.map(|(name, _)| name.as_str()));
    // Only what is ever shown is searched.
    let naming = match policy {
        CaptionPolicy::Number(number) => {
            let one = |captions: &Vec<String>| {
                captions
                    .iter()
                    .skip((number as usize).saturating_sub(1))
                    .take(1)
                    .cloned()
                    .collect()
            };
            lexicon.search(&texts.iter().map(one).collect::<Vec<Vec<String>>>())
        }
        CaptionPolicy::All | CaptionPolicy::Drawn { .. } => lexicon.search(&texts),
    };
    Ok((CaptionDeck::new(texts, policy)?, naming))
}

/// The template of a judge; without a name the preset for mode and stimuli.
fn template(
    judge: &JudgeFile,
    root: &Path,
    mode: Mode,
    shown: &Shown,
) -> Result<Template, AskError> {
    let Some(name) = &judge.template else {
        let asks = if matches!(mode, Mode::Free { .. }) {
            "describe"
        } else {
            "choose"
        };
        let shows = if matches!(shown, Shown::Captions(_)) {
            "captions"
        } else {
            "media"
        };
        return Ok(presets::get(&format!("{asks}-{shows}"))?);
    };
    template_of(name, root)
}

/// A template of the study, or a preset.
pub(super) fn template_of(name: &str, root: &Path) -> Result<Template, AskError> {
    let file = root.join(PROMPTS).join(format!("{name}.toml"));
    if file.exists() {
        return Ok(Template::read(&file)?);
    }
    Ok(presets::get(name)?)
}

pub(crate) fn unclear(judge: &JudgeFile, what: &str, advice: &str) -> AskError {
    AskError::Unclear {
        judge: judge.name().to_owned(),
        what: what.to_owned(),
        advice: advice.to_owned(),
    }
}
