//! `emotome server`

use super::ask::judge_of;
use crate::failure::Failure;
use crate::show::rows;
use crate::terminal::Session;
use clap::{Args, Subcommand};
use emotome_workflows::ask::{ServerSummary, check_servers};
use std::path::PathBuf;

/// Servers of models.
#[derive(Debug, Args)]
pub(crate) struct ServerCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Find out what a server can do, and how to restart it.
    ///
    /// Some thirty small requests: constrained answers, log-probabilities, whether the same question gets
    /// the same reply, whether a common beginning is computed once, how many frames of a clip are seen (told by
    /// clips of this program with numbered frames); with a study, its pictures or clips too.
    Check {
        /// The address of the server, or a judge file.
        #[arg(value_name = "URL|JUDGE.toml")]
        judge: String,
        /// The model, as the server calls it. [default: the only one that it lists]
        #[arg(long, value_name = "NAME")]
        model: Option<String>,
        /// Study folder, to send its first three stimuli as the judge file shows them.
        #[arg(long, value_name = "DIR")]
        study: Option<PathBuf>,
        /// Environment variable that holds the key.
        #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
        key_env: Option<String>,
        /// File that holds the key, readable by you alone.
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// Host to which pictures and clips may be sent; may be repeated.
        #[arg(long, value_name = "HOST")]
        allow_upload: Vec<String>,
    },
}

impl ServerCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let Action::Check {
            judge,
            model,
            study,
            key_env,
            key_file,
            allow_upload,
        } = self.action;
        let mut judge = judge_of(&judge)?;
        judge.model = model.unwrap_or(judge.model);
        judge.allow_upload.extend(allow_upload);
        for server in &mut judge.servers {
            if key_env.is_some() || key_file.is_some() {
                server.key_env.clone_from(&key_env);
                server.key_file.clone_from(&key_file);
            }
        }
        let summaries = check_servers(&judge, study.as_deref())?;
        session.show(&summaries, |summaries| {
            summaries.iter().map(text).collect::<Vec<_>>().join("\n")
        })
    }
}

fn text(s: &ServerSummary) -> String {
    let r = &s.report;
    let said = |found: Option<bool>| match found {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "not found out".to_owned(),
    };
    let number = |n: Option<u32>| n.map_or_else(|| "not found out".to_owned(), |n| n.to_string());
    let kind = r
        .dialect
        .map_or_else(|| "not found out".to_owned(), |kind| kind.to_string());
    let version = r.version.as_deref().unwrap_or("of unknown version");
    let mut out = vec![
        ("server", s.address.clone()),
        ("kind", format!("{kind}, {version}")),
        ("model", r.model.clone()),
        (
            "context",
            r.context
                .map_or_else(|| "not found out".to_owned(), |n| format!("{n} tokens")),
        ),
        ("constrained", said(r.constrained)),
        (
            "logprobs",
            format!(
                "{} of 20 asked for, {} of 1,000",
                number(r.logprobs),
                number(r.many_logprobs)
            ),
        ),
        ("masked", said(r.masked)),
    ];
    if let Some(repeats) = r.repeats {
        let spread = repeats.spread.map_or_else(String::new, |spread| {
            format!(", log-probabilities within {spread:.2e}")
        });
        out.push((
            "repeats",
            format!(
                "{} different replies of {}{spread}",
                repeats.different, repeats.n
            ),
        ));
    }
    if let Some(prefix) = r.prefix {
        let cached = match (prefix.cached_tokens, prefix.prompt_tokens) {
            (Some(cached), Some(all)) => format!("{cached} of {all} tokens from the cache"),
            _ => "the server does not say what came from a cache".to_owned(),
        };
        out.push((
            "prefix",
            format!(
                "{cached}; {:.3} s, then {:.3} s",
                prefix.first, prefix.second
            ),
        ));
    }
    if let Some(exhibits) = &r.exhibits {
        let taken = if exhibits.taken { "taken" } else { "refused" };
        out.push(("media", format!("{} sent, {taken}", exhibits.sent)));
    }
    for frames in &r.frames {
        let seen = frames
            .estimate
            .map_or_else(|| "not told".to_owned(), |n| format!("{n:.0}"));
        let said = frames.said.map_or_else(String::new, |n| {
            format!("; the highest number that the model reads is {n}")
        });
        let tokens = frames.prompt_tokens.map_or_else(
            || "an unknown number of".to_owned(),
            |tokens| tokens.to_string(),
        );
        out.push((
            "frames",
            format!(
                "{} sent, {seen} seen by its {tokens} tokens{said}",
                frames.frames
            ),
        ));
    }
    out.extend(
        r.refusals
            .iter()
            .map(|said| ("it said", emotome_judges::printable::one_line(said))),
    );
    out.extend(r.advice.iter().map(|advice| ("do", advice.clone())));
    rows(out)
}
