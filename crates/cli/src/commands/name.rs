//! `emotome name`

use super::ask::{ServingFlags, judge_of, parse_caption, spent};
use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_judges::naming::{NamingParams, Question};
use emotome_judges::printable::one_line;
use emotome_judges::server::Stop;
use emotome_workflows::ask::WhichCaption;
use emotome_workflows::name::{
    NamePlan, NameRequest, NameSummary, SuggestedName, SuggestedNames, name, plan_names,
};
use std::path::PathBuf;

/// Asks a model to name dimensions from stimuli that weigh most and least on them, blind to ratings, several times,
/// and tests each name on held-out stimuli. Writes names.json, names.tsv and every reply; the same command goes on
/// after Ctrl-C or a crash.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Embedding: .npz, .npy, .txt, .csv or .tsv, a row per stimulus.
    #[arg(long, value_name = "FILE", required_unless_present = "print_template")]
    embedding: Option<PathBuf>,
    /// Captions of the stimuli: .csv or .tsv with keys and a column caption.
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// Study folder, for its captions, media and flags of sensitive stimuli.
    #[arg(long, value_name = "DIR")]
    study: Option<PathBuf>,
    /// Who names: a judge file, the address of a server or a GGUF file.
    #[arg(long, value_name = "JUDGE", required_unless_present = "print_template")]
    judge: Option<String>,
    /// Who says which stimuli a name fits, if somebody else: a judge file, an address or a GGUF file.
    #[arg(long, value_name = "JUDGE")]
    test_judge: Option<String>,
    /// Dimensions, counted from 1, e.g. 1,5,7 or 1..5. [default: all]
    #[arg(long, value_name = "LIST", value_parser = parse_dims)]
    dims: Option<Dims>,
    /// How often each dimension is named.
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: u32,
    /// Examples with high weights.
    #[arg(long, value_name = "N", default_value_t = 8)]
    top: usize,
    /// Examples with low weights.
    #[arg(long, value_name = "N", default_value_t = 8)]
    bottom: usize,
    /// Stimuli that the former are drawn from, those with the highest weights.
    #[arg(long, value_name = "N", default_value_t = 24)]
    pool: usize,
    /// Share of the stimuli, those with the lowest weights, that the latter are drawn from.
    #[arg(long, value_name = "P", default_value_t = 0.25)]
    low_share: f64,
    /// Pairs of stimuli, used for no name, on which each name is tested.
    #[arg(long, value_name = "N", default_value_t = 20)]
    test_pairs: usize,
    /// How often a reply that cannot be read is asked again.
    #[arg(long, value_name = "N", default_value_t = 1)]
    reasks: u8,
    /// Caption to show: a number from 1, all, or drawn.
    #[arg(long, value_name = "WHICH", value_parser = parse_caption)]
    caption: Option<WhichCaption>,
    /// Show stimuli that the study flags as sensitive too.
    #[arg(long, requires = "study")]
    include_sensitive: bool,
    /// Template of the question for a name; see --print-template.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Template of the question which of two stimuli a name fits.
    #[arg(long, value_name = "FILE")]
    test_template: Option<PathBuf>,
    /// Print the preset of a template, to be saved and changed, and stop.
    #[arg(long, value_name = "WHICH", value_parser = ["name", "fit"])]
    print_template: Option<String>,
    /// Ask servers for lines of text; for those that cannot make sure of JSON.
    #[arg(long)]
    lines: bool,
    /// Most tokens of a reply of a server; more for a model that thinks first. [default: 256, and 32 in tests]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// Folder for names.json, names.tsv and the replies.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["dry_run", "print_template"])]
    out: Option<PathBuf>,
    /// Print a prompt and what naming would take, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
    #[command(flatten)]
    serving: ServingFlags,
}

/// Dimensions, counted from 1.
#[derive(Debug, Clone)]
struct Dims(Vec<usize>);

/// More dimensions than any embedding has.
const MOST_DIMS: usize = 100_000;

fn parse_dims(text: &str) -> Result<Dims, String> {
    let wrong = || {
        format!("{text:?} is no list of dimensions; expected e.g. 1,5,7 or 1..5, counted from 1")
    };
    let number = |text: &str| match text.trim().parse() {
        Ok(number @ 1..=MOST_DIMS) => Ok(number),
        _ => Err(wrong()),
    };
    let mut dims = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => dims.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(wrong());
                }
                dims.extend(first..=last);
            }
        }
    }
    Ok(Dims(dims))
}

impl Name {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        if let Some(which) = &self.print_template {
            let question = if which == "name" {
                Question::Name
            } else {
                Question::Fit
            };
            return session.print(question.preset());
        }
        let mut judge = self
            .serving
            .judge(&self.judge.clone().unwrap_or_default())?;
        let mut test_judge = self.test_judge.as_deref().map(judge_of).transpose()?;
        if self.caption.is_some() {
            for judge in [Some(&mut judge), test_judge.as_mut()]
                .into_iter()
                .flatten()
            {
                judge.show.captions.clone_from(&self.caption);
            }
        }
        let request = NameRequest {
            embedding: self.embedding.unwrap_or_default(),
            captions: self.captions,
            study: self.study,
            judge,
            test_judge,
            dims: self.dims.map_or_else(Vec::new, |Dims(dims)| dims),
            params: NamingParams {
                repeats: self.repeats,
                top: self.top,
                bottom: self.bottom,
                pool: self.pool,
                low_share: self.low_share,
                test_pairs: self.test_pairs,
                reasks: self.reasks,
                seed: self.seed.get().0,
            },
            template: self.template,
            test_template: self.test_template,
            lines: self.lines,
            max_tokens: self.max_tokens,
            sensitive: self.include_sensitive,
            bounds: self.serving.bounds(None)?,
            out: self.out.unwrap_or_default(),
            overwrite: self.force.get(),
            command: command_line(),
        };
        if self.dry_run {
            return session.show(&plan_names(&request)?, plan);
        }
        let summary = name(&request, session.run())?;
        session.show(&summary, text)?;
        match summary.stopped {
            None if summary.open > 0 => Err(Failure::Error(format!(
                "{} questions have no reply ({}); the same command asks them again",
                summary.open,
                summary.fault.as_deref().unwrap_or("none was sent")
            ))),
            None => Ok(()),
            Some(stop @ Stop::Interrupted) => Err(Failure::Interrupted(stop.to_string())),
            Some(stop) if stop.is_failure() => Err(Failure::Error(one_line(&stop.to_string()))),
            Some(stop) => {
                eprintln!("emotome: {stop}");
                Ok(())
            }
        }
    }
}

fn plan(plan: &NamePlan) -> String {
    let mut table = vec![
        ("judge", plan.judge.clone()),
        (
            "stimuli",
            format!("{} can be examples", count(plan.stimuli.shown as u64)),
        ),
        (
            "questions",
            format!(
                "{} for names of {} dimensions, {} in tests; {} requests at most",
                count(plan.names as u64),
                plan.dimensions,
                count(plan.tests as u64),
                count(plan.most_requests as u64)
            ),
        ),
        (
            "characters",
            format!(
                "{} of the first question, {} of a test",
                plan.characters[0], plan.characters[1]
            ),
        ),
    ];
    for (dim, why) in &plan.not_asked {
        table.push(("not asked", format!("dimension {dim}: {why}")));
    }
    let mut out = rows(table);
    for (role, text) in plan.prompt.iter().chain(&plan.test) {
        out += &format!("\n\n[{role}]\n{}", emotome_judges::printable::visible(text));
    }
    out
}

fn text(s: &NameSummary) -> String {
    let mut out = vec![
        ("out", s.out.display().to_string()),
        (
            "replies",
            format!(
                "{} now, {} were there",
                count(s.asked as u64),
                count(s.kept as u64)
            ),
        ),
    ];
    for (cause, n) in &s.causes {
        out.push(("", format!("{}: {}", cause.name(), count(*n))));
    }
    if let Some(names) = &s.suggested {
        let other = names.test_judge.name != names.judge.name;
        out.push((
            "spent",
            spent(&names.judge.spent, names.judge.currency.as_deref()),
        ));
        if other {
            let tester = &names.test_judge;
            out.push((
                "",
                format!(
                    "{}: {}",
                    tester.name,
                    spent(&tester.spent, tester.currency.as_deref())
                ),
            ));
        }
        out.push(("in all", overall(names)));
        let mut out = rows(out);
        for of in &names.dimensions {
            out += &format!("\n{}", dimension(of));
        }
        return out;
    }
    rows(out)
}

fn overall(names: &SuggestedNames) -> String {
    let all = &names.overall;
    let mut text = format!("{} of {} dimensions named", all.named, all.dimensions);
    if let Some(similarity) = all.similarity {
        text += &format!("; repeats agree {similarity:.2}");
    }
    if let Some(chance) = all.chance {
        text += &format!(", names of different dimensions {chance:.2}");
    }
    if let Some(accuracy) = all.accuracy {
        text += &format!(
            "; names tell {:.0} % of held-out pairs apart (chance 50 %), {} of them better than chance",
            100.0 * accuracy,
            all.above_chance
        );
    }
    text
}

fn dimension(of: &SuggestedName) -> String {
    let Some(name) = &of.name else {
        let why = of.not_asked.as_deref().unwrap_or("no reply gave a name");
        return format!("{:>4}  (none: {why})", of.dimension);
    };
    let mut text = format!("{:>4}  {}", of.dimension, one_line(name));
    if let Some(agreement) = &of.agreement {
        text += &format!("; agreement {:.2}", agreement.similarity);
        if let Some(chance) = agreement.chance {
            text += &format!(" (chance {chance:.2})");
        }
    }
    if let Some(test) = &of.discrimination
        && let (Some(accuracy), Some(interval)) = (test.accuracy, test.interval)
    {
        text += &format!(
            "; fits {:.0} % [{:.0}, {:.0}] of {} pairs",
            100.0 * accuracy,
            100.0 * interval.low,
            100.0 * interval.high,
            test.pairs
        );
    }
    text
}
