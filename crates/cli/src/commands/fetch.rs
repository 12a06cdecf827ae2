//! `emotome fetch`

use crate::failure::Failure;
use crate::flags::ForceFlag;
use crate::show::{bytes, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_stimuli::sources::{Source, sources};
use emotome_workflows::study::{FetchRequest, FetchSummary, fetch};
use std::path::PathBuf;

/// Downloads public data with resume and checksum, or registers files that were got by hand.
#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// Name of the source; without it the sources are listed.
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
    /// List the sources, their terms, and how to get them.
    #[arg(long, conflicts_with = "source")]
    list: bool,
    /// A file that you have already: checks it and registers it.
    #[arg(long, value_name = "FILE", requires = "source")]
    from: Option<PathBuf>,
    /// Folder for the files. [default: data/SOURCE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Fetch {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let Some(source) = self.source else {
            let all = serde_json::json!({ "sources": sources() });
            return session.show(&all, |_| sources().iter().map(listed).collect());
        };
        let request = FetchRequest {
            source,
            from: self.from,
            out: self.out,
            overwrite: self.force.get(),
        };
        session.show(&fetch(&request, session.run())?, text)
    }
}

fn listed(source: &Source) -> String {
    let direct = source
        .files
        .iter()
        .filter(|file| file.url.is_some())
        .count();
    let how = match (direct, &source.form) {
        (0, Some(form)) => format!("by hand: request it by the form {form}, then --from FILE"),
        (0, None) => format!("by hand from {}, then --from FILE", source.landing),
        (n, _) if n == source.files.len() => "direct".to_owned(),
        (n, _) => format!(
            "{n} of {} files direct, the others by hand",
            source.files.len()
        ),
    };
    let about = [
        ("  cite", source.citation.clone()),
        ("  terms", source.licence.clone()),
        ("  get", how),
    ];
    format!("{}  {}\n{}\n", source.id, source.title, rows(about))
}

fn text(s: &FetchSummary) -> String {
    let mut out = vec![
        ("source", s.title.to_owned()),
        ("cite", s.citation.to_owned()),
        ("terms", s.licence.to_owned()),
    ];
    out.extend(s.note.map(|note| ("note", note.to_owned())));
    for file in &s.fetched {
        let came = if file.transferred > 0 {
            format!("{} transferred", bytes(file.transferred))
        } else {
            "was there".to_owned()
        };
        let checked = serde_json::to_string(&file.origin.verified).unwrap_or_default();
        out.push((
            "file",
            format!(
                "{} ({came}, checked by {})",
                file.path.display(),
                checked.trim_matches('"')
            ),
        ));
    }
    out.extend(s.by_hand.iter().map(|how| ("by hand", how.clone())));
    rows(out)
}
