//! `emotome init`

use crate::failure::Failure;
use crate::flags::ForceFlag;
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_stimuli::reconciliation::List;
use emotome_workflows::study::{InitRequest, InitSummary, init};
use std::path::PathBuf;

/// Makes a study folder: study.toml, stimuli.tsv, captions and ratings, joined by key.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder of the study.
    #[arg(value_name = "DIR")]
    study: PathBuf,
    /// Name of the study. [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Folder of clips or pictures: a stimulus per file, its name the key.
    #[arg(long, value_name = "DIR")]
    clips: Option<PathBuf>,
    /// Ratings: .csv or .tsv, keys in the first column, a column per scale; give it again for more tables.
    #[arg(long, value_name = "FILE")]
    ratings: Vec<PathBuf>,
    /// Captions: .csv or .tsv with a column of keys and one called caption or description.
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Published list of the Cowen & Keltner videos that joins ratings and captions, and is the study:
    /// 2196, 2185, 2181, or 2180-ID. [default: 2185 where these ratings are recognised]
    #[arg(long)]
    list: Option<List>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Init {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let request = InitRequest {
            study: self.study,
            name: self.name,
            clips: self.clips,
            ratings: self.ratings,
            captions: self.captions,
            list: self.list,
            overwrite: self.force.get(),
        };
        session.show(&init(&request, session.run())?, text)
    }
}

fn text(s: &InitSummary) -> String {
    let r = &s.report;
    let folder = s.study.display().to_string();
    let mut out = vec![
        ("study", folder.clone()),
        ("stimuli", count(r.stimuli as u64)),
        ("with media", count(r.with_media as u64)),
        ("with captions", count(r.with_captions as u64)),
        (
            "sensitive",
            format!(
                "{} flagged by the limits in study.toml",
                count(r.sensitive as u64)
            ),
        ),
    ];
    out.extend(
        s.recognised
            .iter()
            .map(|name| ("recognised", format!("the ratings of {name}"))),
    );
    out.extend(
        s.list
            .iter()
            .map(|list| ("list", format!("the published {list} videos"))),
    );
    if s.captions_not_in_list > 0 {
        out.push((
            "left out",
            format!(
                "{} labels of the captions, which the list does not have",
                count(s.captions_not_in_list as u64)
            ),
        ));
    }
    if r.other_files > 0 {
        out.push((
            "other files",
            format!(
                "{} in the folder of clips, left alone",
                count(r.other_files as u64)
            ),
        ));
    }
    for left in &r.left_out {
        out.push((
            "left out",
            format!(
                "{} of {}, the first {}",
                count(left.n as u64),
                left.part,
                left.first
            ),
        ));
    }
    out.push(("next", format!("emotome check {folder}")));
    rows(out)
}
