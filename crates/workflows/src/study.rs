//! Study folders and public data: what comes before any choice.

use crate::WorkflowError;
use emotome_media::MediaError;
use emotome_media::check::{CheckParams, Measured, check_media, write_table};
use emotome_media::reader::{Params, Reader};
use emotome_stimuli::captions::Captions;
use emotome_stimuli::check::check as check_folder;
use emotome_stimuli::fetch::{Fetched, download, register, source};
use emotome_stimuli::finding::{Findings, Severity};
use emotome_stimuli::init::{InitReport, Parts, init as make};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::ratings::RatingsTable;
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::{Manifest, Study};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a study is made of; without any part it is empty.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// The folder of the study.
    pub study: PathBuf,
    /// Its name; by default that of the folder.
    pub name: Option<String>,
    /// A folder of clips or pictures.
    pub clips: Option<PathBuf>,
    /// Tables of ratings.
    pub ratings: Vec<PathBuf>,
    /// A table of captions.
    pub captions: Option<PathBuf>,
    /// Which of the published lists of the Cowen & Keltner videos the study is of.
    pub list: Option<List>,
    /// Whether a study there may be replaced.
    pub overwrite: Overwrite,
}

/// What became of the parts. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct InitSummary {
    /// The folder.
    pub study: PathBuf,
    /// The name of the study.
    pub name: String,
    /// Published tables that the ratings were recognised as.
    pub recognised: Vec<&'static str>,
    /// The published list by which ratings, captions and stimuli were joined.
    pub list: Option<String>,
    /// Labels of captions that the list does not have.
    pub captions_not_in_list: usize,
    /// Counts.
    #[serde(flatten)]
    pub report: InitReport,
}

/// Makes a study folder of clips, ratings and captions, joined by key.
///
/// The published ratings of Cowen & Keltner, which name files, and the published captions, which number
/// presentations, are joined by a published list of the videos: the 2,185 files if none is named.
///
/// # Errors
/// [`WorkflowError`] of reading the parts; nothing is written unless all could be read.
pub fn init(request: &InitRequest, run: Run<'_>) -> Result<InitSummary, WorkflowError> {
    let mut parts = Parts {
        clips: request.clips.clone(),
        ..Parts::default()
    };
    let mut recognised = Vec::new();
    for path in &request.ratings {
        let (table, known) = RatingsTable::read_known(path)?;
        parts.ratings.push(table);
        recognised.extend(known);
    }
    parts.captions = request.captions.as_ref().map(Captions::read).transpose()?;
    // The published ratings name files, the published captions label presentations: a list joins them.
    let published = !recognised.is_empty();
    let list = request.list.or(published.then_some(List::Files2185));
    let mut captions_not_in_list = 0;
    if let Some(list) = list {
        if request.list.is_some() || request.clips.is_none() {
            parts.include = Some(list.stimuli()?);
        }
        if list == List::Presented2196 {
            // Files shown twice are rated once.
            for table in &mut parts.ratings {
                *table = list.ratings(table)?;
            }
        }
        if let Some(captions) = parts
            .captions
            .as_mut()
            .filter(|captions| labelled(captions))
        {
            (*captions, captions_not_in_list) = list.captions(captions)?;
        }
    }
    let name = request
        .name
        .clone()
        .unwrap_or_else(|| folder_name(&request.study));
    let manifest = Manifest::new(&name);
    let (_, report) = make(&request.study, manifest, &parts, request.overwrite, run)?;
    Ok(InitSummary {
        study: request.study.clone(),
        name,
        recognised,
        list: list.map(|list| list.to_string()),
        captions_not_in_list,
        report,
    })
}

/// Whether captions are of labels, numbers from 1, rather than of files.
fn labelled(captions: &Captions) -> bool {
    let mut keys = captions.stimuli.keys().iter();
    keys.all(|key| key.as_str().parse::<u32>().is_ok())
}

fn folder_name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.file_name().map_or_else(
        || "study".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Which study is checked, and how far.
#[derive(Debug, Clone)]
pub struct CheckRequest {
    /// The folder of the study.
    pub study: PathBuf,
    /// Whether frames of clips and pictures are decoded and looked at.
    pub decode: bool,
    /// Where the table of what was measured goes.
    pub table: Option<PathBuf>,
    /// Whether a table there may be replaced.
    pub overwrite: Overwrite,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// What is wrong, where, and how to mend it.
    pub findings: Findings,
    /// What was measured of each clip or picture.
    pub media: Vec<Measured>,
}

impl CheckReport {
    /// The findings with their totals, and under `media` what was measured. Field names are stable.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut report = self.findings.to_json();
        report["media"] = serde_json::json!(self.media);
        report
    }
}

/// Checks a study folder and, if asked, decodes some frames of each of its clips and pictures.
///
/// # Errors
/// [`MediaError::Output`] if the table cannot be written; what is wrong with the study is in the report.
pub fn check(request: &CheckRequest, run: Run<'_>) -> Result<CheckReport, MediaError> {
    let mut findings = check_folder(&request.study, run);
    let mut media = Vec::new();
    if request.decode {
        let place = (Path::new("stimuli.tsv"), None);
        match Study::open(&request.study) {
            Ok(study) => {
                let reader = Reader::new(Params::default());
                let params = CheckParams::default();
                media = check_media(&request.study, &study, &reader, &params, &mut findings, run)?;
            }
            Err(_) => findings.add(
                (Severity::Note, "media-undecoded"),
                place,
                "no clip or picture was decoded, since the tables of the study have errors",
                "a study without errors",
                "mend these and run the check again",
            ),
        }
    }
    if let Some(table) = &request.table {
        write_table(table, request.overwrite, &media)?;
    }
    Ok(CheckReport { findings, media })
}

/// Which public data to get, and how.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// The name of the source.
    pub source: String,
    /// A file that the user has already, to be checked and registered instead of downloaded.
    pub from: Option<PathBuf>,
    /// The folder; by default `data/SOURCE`.
    pub out: Option<PathBuf>,
    /// Whether another file there may be replaced.
    pub overwrite: Overwrite,
}

/// What is there now. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct FetchSummary {
    /// The name of the source.
    pub source: &'static str,
    /// What it is.
    pub title: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// On what terms it may be used.
    pub licence: &'static str,
    /// What else to know.
    pub note: Option<&'static str>,
    /// The files that are there and checked.
    pub fetched: Vec<Fetched>,
    /// What has no address: in words, how to get each file.
    pub by_hand: Vec<String>,
}

/// Downloads the files of a source, or registers one that the user has.
///
/// # Errors
/// [`WorkflowError::Fetch`]; a source of which every file must be requested by form or by hand is an
/// error that says so, single such files of others are listed.
pub fn fetch(request: &FetchRequest, run: Run<'_>) -> Result<FetchSummary, WorkflowError> {
    use emotome_stimuli::fetch::FetchError;
    let known = source(&request.source)?;
    let folder = request
        .out
        .clone()
        .unwrap_or_else(|| Path::new("data").join(&known.id));
    let mut summary = FetchSummary {
        source: &known.id,
        title: &known.title,
        citation: &known.citation,
        licence: &known.licence,
        note: known.note.as_deref(),
        fetched: Vec::new(),
        by_hand: Vec::new(),
    };
    if let Some(from) = &request.from {
        summary
            .fetched
            .push(register(known, from, folder, request.overwrite)?);
        return Ok(summary);
    }
    let mut last = None;
    for file in &known.files {
        match download(known, file, &folder, request.overwrite, run) {
            Ok(fetched) => summary.fetched.push(fetched),
            Err(error @ FetchError::ByHand { .. }) => {
                summary.by_hand.push(error.to_string());
                last = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match last {
        Some(error) if summary.fetched.is_empty() => Err(error.into()),
        _ => Ok(summary),
    }
}
