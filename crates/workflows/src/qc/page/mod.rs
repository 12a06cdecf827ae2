//! The page: what was found about each agent, in pictures, numbers and plain words.

mod agreement;
mod cost;
mod findings;
mod missing;
mod over_time;
mod overview;
mod probabilities;
mod ratings;
mod wording;

pub(crate) use agreement::matrix;

use super::{AgentQuality, QcSummary, words};
use emotome_figures::report::Report;
use emotome_figures::scale::{count, decimal, percent};
use emotome_judges::diagnose::{DiagnoseParams, Severity};
use emotome_stimuli::provenance::Provenance;

/// Rows of tables on the page; `qc.json` has all.
const ROWS: usize = 25;

pub(super) fn tell(summary: &QcSummary, provenance: &Provenance) -> Report {
    let agents = &summary.agents;
    let several = agents.len() > 1;
    let mut sections = vec![overview::overview(summary)];
    for agent in agents {
        let of = |what: &str| {
            if several {
                format!("{}: {what}", agent.agent.name)
            } else {
                what.to_owned()
            }
        };
        sections.push(findings::findings(
            of("Every check"),
            agent,
            summary.thresholds.alpha,
        ));
        sections.extend(missing::missing(of("Choices that are missing"), agent));
        sections.extend(over_time::over_time(of("Over the collection"), agent));
        sections.extend(probabilities::probabilities(of("Probabilities"), agent));
        sections.extend(ratings::rated(of("Agreement with ratings"), agent));
        sections.push(cost::time_and_cost(of("Time and cost"), agent));
    }
    sections.extend(
        summary
            .consistency
            .as_ref()
            .map(|found| agreement::consistency(found, summary)),
    );
    if several {
        sections.push(wording::wording(summary));
    }
    let mut account = vec![
        (
            "Program".to_owned(),
            format!("emotome {}", provenance.emotome_version),
        ),
        ("Command".to_owned(), provenance.command.join(" ")),
        ("Journal".to_owned(), summary.journal.display().to_string()),
        (
            "Numbers of this page".to_owned(),
            "qc.json beside it".to_owned(),
        ),
    ];
    for agent in agents {
        let a = &agent.agent;
        let text = format!(
            "model {}, revision {}, settings {}",
            a.model, a.revision, a.settings
        );
        account.push((format!("Agent {}", a.name), text));
    }
    account.extend(provenance.inputs.iter().map(|input| {
        let text = format!("{}, sha256 {}", input.path.display(), input.sha256);
        ("Input".to_owned(), text)
    }));
    Report {
        title: "Quality of the choices".into(),
        subtitle: format!(
            "{} of {} about {} stimuli",
            plural(agents.len(), "agent"),
            summary.journal.display(),
            count(summary.stimuli as u64)
        ),
        summary: agents.iter().map(in_short).collect(),
        sections,
        explorer: None,
        glossary: glossary(&summary.thresholds),
        provenance: account,
    }
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn glossary(p: &DiagnoseParams) -> Vec<(String, String)> {
    let severity = format!(
        "A warning needs a departure that is significant among all checks of the agent (adjusted p ≤ {}) and large: {} of a share, or {} of the trials missing, or one number per stimulus that explains {}. From {}, {} and {} on it is serious. A departure that is smaller, or significant only by itself, is a note. “Not tested” means that there are too few trials to tell, which is not “fine”.",
        p.alpha,
        points(p.small),
        percent(p.missing),
        percent(p.item_share),
        points(p.large),
        percent(p.missing_large),
        percent(p.item_share_large),
    );
    [
        ("Odd-one-out choice", "Of three stimuli, the one that fits least with the other two."),
        ("Place", "First, second or third in the order in which the three stimuli were shown. Orders are random, so that an agent which judges the stimuli alone calls each place odd equally often."),
        ("Distinct triplets", "One showing of each triplet, the first. Repeats would count one opinion several times."),
        ("Severity", severity.as_str()),
        ("95 % CI", "A range made so that 95 of 100 such ranges hold the true value."),
        ("p", "How often chance alone would make a departure at least this large. Where many stimuli or categories are tested, it is adjusted so that of those that stand out few do so by chance (false-discovery rate, Benjamini and Hochberg)."),
        ("Adjusted p", "The same when all checks of an agent are looked at together (Holm): with some fifteen checks, one or another has a small p by chance alone for one faultless agent in seven."),
        ("Refused, unclear, failed", "Without a choice: the agent declined; the reply held no answer in the asked form, or several; the request failed or timed out. None of these is ever filled in."),
        ("Chance-corrected", "(agreement − ⅓) / ⅔: 0 for guessing, 1 for the same answer always."),
        ("κ", "Cohen's κ: agreement beyond what the habits of both agents would give."),
    ]
    .map(|(term, meaning)| (term.to_owned(), meaning.to_owned()))
    .to_vec()
}

/// A difference of shares in percentage points.
fn points(share: f64) -> String {
    format!("{} points", decimal(100.0 * share))
}

fn in_short(agent: &AgentQuality) -> String {
    let t = &agent.trials;
    let bad: Vec<String> = agent
        .findings
        .iter()
        .filter(|f| f.finding.severity >= Severity::Warning)
        .map(|f| words::of(f.finding.name).0.to_lowercase())
        .collect();
    let cause = if bad.is_empty() {
        String::new()
    } else {
        format!(" ({})", bad.join(", "))
    };
    format!(
        "{} – {}: {}{cause}. {} of {} trials asked so far have a choice ({}).",
        agent.agent.name,
        words::severity(agent.verdict).to_lowercase(),
        words::verdict(agent.verdict),
        count(t.chosen),
        count(t.recorded),
        percent(t.chosen as f64 / t.recorded as f64),
    )
}
