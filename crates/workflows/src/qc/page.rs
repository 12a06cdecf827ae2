//! The page: what was found about each agent, in pictures, numbers and plain words.

use super::{AgentQuality, QcSummary, words};
use emotome_figures::Figure;
use emotome_figures::agreement::{AgreementCell, AgreementMatrix};
use emotome_figures::curve::{CurvePoint, Curves, Series};
use emotome_figures::estimates::{Estimate, Estimates};
use emotome_figures::histogram::Histogram;
use emotome_figures::positions::{AgentPositions, PositionShares};
use emotome_figures::report::{Measure, Report, Section};
use emotome_figures::scale::{Spacing, Unit, count, decimal, percent};
use emotome_figures::table::{Cell, Table};
use emotome_judges::agree::{Consistency, Pair};
use emotome_judges::diagnose::Severity;
use emotome_judges::diagnose::drift::{Clock, Drift, Window};
use emotome_stats::interval::Interval;
use emotome_stimuli::provenance::Provenance;

/// Rows of tables on the page; `qc.json` has all.
const ROWS: usize = 25;

pub(super) fn tell(summary: &QcSummary, provenance: &Provenance) -> Report {
    let agents = &summary.agents;
    let several = agents.len() > 1;
    let mut sections = vec![overview(summary)];
    for agent in agents {
        let of = |what: &str| {
            if several {
                format!("{}: {what}", agent.agent.name)
            } else {
                what.to_owned()
            }
        };
        sections.push(findings(of("Every check"), agent));
        sections.extend(missing(of("Choices that are missing"), agent));
        sections.extend(over_time(of("Over the collection"), agent));
        sections.extend(rated(of("Agreement with ratings"), agent));
        sections.push(time_and_cost(of("Time and cost"), agent));
    }
    sections.extend(
        summary
            .consistency
            .as_ref()
            .map(|found| consistency(found, summary)),
    );
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
        glossary: glossary(),
        provenance: account,
    }
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn glossary() -> Vec<(String, String)> {
    [
        ("Odd-one-out choice", "Of three stimuli, the one that fits least with the other two."),
        ("Place", "First, second or third in the order in which the three stimuli were shown. Orders are random, so that an agent which judges the stimuli alone calls each place odd equally often."),
        ("Distinct triplets", "One showing of each triplet, the first. Repeats would count one opinion several times."),
        ("Severity", "A warning needs a departure that is significant (p ≤ 0.01) and large enough to matter; one that is significant but small is a note. “Not tested” means that there are too few trials to tell."),
        ("95 % CI", "A range made so that 95 of 100 such ranges hold the true value."),
        ("p", "How often chance alone would make a departure at least this large. Where many stimuli or categories are tested, it is adjusted so that at most 1 in 100 of those that stand out do so by chance (Benjamini and Hochberg)."),
        ("Refused, unclear, failed", "Without a choice: the agent declined; the reply held no answer in the asked form, or several; the request failed or timed out. None of these is ever filled in."),
        ("Chance-corrected", "(agreement − ⅓) / ⅔: 0 for guessing, 1 for the same answer always."),
        ("κ", "Cohen's κ: agreement beyond what the habits of both agents would give."),
    ]
    .map(|(term, meaning)| (term.to_owned(), meaning.to_owned()))
    .to_vec()
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

fn overview(summary: &QcSummary) -> Section {
    let agents = &summary.agents;
    let places = agents.iter().filter_map(|a| {
        let found = a.places?;
        let shares = [0, 1, 2].map(|k| (found.shares[k], Some(found.ci95[k])));
        Some(AgentPositions {
            label: a.agent.name.clone(),
            n: found.n,
            shares,
        })
    });
    let places: Vec<AgentPositions> = places.collect();
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    if !places.is_empty() {
        figures.push(Box::new(PositionShares {
            title: "How often each place is called odd".into(),
            agents: places,
        }));
    }
    let mut rows = Vec::new();
    for a in agents {
        let finding = |name: &str| {
            let found = a.findings.iter().find(|f| f.finding.name == name)?;
            Some((found.finding.statistic?, &found.finding))
        };
        let of = |what: &str| match agents.len() {
            1 => what.to_owned(),
            _ => format!("{}: {what}", a.agent.name),
        };
        for (name, what, expected) in [
            ("order-flips", "other stimulus in another order", true),
            ("order-dependence", "same place in another order", true),
        ] {
            if let Some((value, f)) = finding(name) {
                rows.push(Estimate {
                    label: of(what),
                    value,
                    ci95: f.interval,
                    expected: f.expected.filter(|_| expected),
                    n: f.n.unwrap_or(0),
                });
            }
        }
        if let Some((value, f)) = finding("retest-agreement") {
            rows.push(Estimate {
                label: of("same stimulus in the same order"),
                value,
                ci95: f.interval,
                expected: Some(1.0 / 3.0),
                n: f.n.unwrap_or(0),
            });
        }
    }
    let mut text = vec!["The place of a stimulus among the three should not matter; where an agent answers a triplet again, in the same or in another order, the answer should be the same as far as the agent is sure.".to_owned()];
    if rows.is_empty() {
        text.push("No triplet was answered often enough more than once to say how answers repeat. Add repeats to the design (--ceiling).".to_owned());
    } else {
        figures.push(Box::new(Estimates {
            title: "Answers to the same triplet".into(),
            quantity: "share of pairs of answers".into(),
            reading: "Each dot is a share of pairs of answers to one triplet, with its 95 % confidence interval. The grey bar is what is expected: for another order, if the order plays no part; for the same order, by guessing. A dot to the right of its bar means, in the first two kinds of rows, that the order decides; in the third, that the agent knows what it says. n counts pairs, and triplets for the same order.".into(),
            unit: Unit::Percent,
            rows,
            reference: None,
        }));
    }
    Section {
        heading: "Places and orders".into(),
        text,
        figures,
        cautions: summary.cautions.clone(),
        ..Section::default()
    }
}

fn findings(heading: String, agent: &AgentQuality) -> Section {
    let measures = agent.findings.iter().map(|named| {
        let f = &named.finding;
        let (title, unit, meaning) = words::of(f.name);
        let mut said = format!("{meaning} {}.", capitalised(&f.explanation));
        if !f.what_to_do.is_empty() {
            said += &format!(" What to do: {}.", f.what_to_do);
        }
        Measure {
            name: format!("{} · {title}", words::severity(f.severity)),
            meaning: said,
            value: f.statistic.unwrap_or(f64::NAN),
            unit,
            ci95: f.interval,
            n: f.n.map(|n| (n, String::new())),
            chance: f.expected,
            ceiling: None,
        }
    });
    let t = &agent.trials;
    Section {
        heading,
        text: vec![format!(
            "{} of the {} trials of the design are recorded: {} with a choice ({} of them after more than one attempt), {} given up without one, {} still to be asked again. In the table, the column “chance” is the value that a good agent would have, and n counts what the value rests on: trials, choices, pairs or triplets, as the text says.",
            count(t.recorded),
            count(t.design),
            count(t.chosen),
            count(t.re_asked),
            count(t.without_choice),
            count(t.open),
        )],
        measures: measures.collect(),
        ..Section::default()
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

fn missing(heading: String, agent: &AgentQuality) -> Option<Section> {
    let endings: Vec<_> = agent.endings.iter().filter(|e| e.outcome != "ok").collect();
    if endings.is_empty() {
        return None;
    }
    let mut table = Table::new([
        "outcome",
        "cause",
        "attempts",
        "trials",
        "share",
        "ci95_low",
        "ci95_high",
    ]);
    for e in &endings {
        table.push([
            Cell::from(e.outcome),
            e.cause
                .map(|cause| Cell::from(cause.name()))
                .unwrap_or(Cell::Missing),
            e.attempts.into(),
            e.trials.into(),
            e.share.into(),
            e.ci95.low.into(),
            e.ci95.high.into(),
        ]);
    }
    let mut tables = vec![(
        "Attempts and trials without a choice, by outcome and cause; shares are of the trials recorded".to_owned(),
        table,
    )];
    let worst = &agent.missing_stimuli;
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    if !worst.is_empty() {
        let shown: u64 = worst.iter().map(|s| s.shown).sum();
        let lost: u64 = worst.iter().map(|s| s.refused + s.unclear + s.failed).sum();
        figures.push(Box::new(Curves {
            title: format!(
                "Stimuli by their share of missing choices, {}",
                agent.agent.name
            ),
            x_label: "stimuli, the worst first".into(),
            y_label: "trials without a choice".into(),
            y_unit: Unit::Percent,
            series: vec![Series {
                label: "share of a stimulus".into(),
                points: worst
                    .iter()
                    .enumerate()
                    .map(|(i, s)| CurvePoint {
                        x: (i + 1) as f64,
                        y: s.share,
                        ci95: Some(s.ci95),
                    })
                    .collect(),
            }],
            references: vec![("mean of these".into(), lost as f64 / shown as f64)],
            ..Curves::default()
        }));
        let mut table = Table::new([
            "stimulus",
            "shown",
            "refused",
            "unclear",
            "failed",
            "share",
            "ci95_low",
            "ci95_high",
            "p_adjusted",
        ]);
        for s in worst.iter().take(ROWS) {
            table.push([
                Cell::from(s.key.as_str()),
                s.shown.into(),
                s.refused.into(),
                s.unclear.into(),
                s.failed.into(),
                s.share.into(),
                s.ci95.low.into(),
                s.ci95.high.into(),
                s.p_adjusted.into(),
            ]);
        }
        let caption = format!(
            "Stimuli with the largest shares of missing choices{}",
            if worst.len() > ROWS {
                format!(": the first {ROWS} of {}, all in qc.json", worst.len())
            } else {
                String::new()
            }
        );
        tables.push((caption, table));
    }
    let mut categories: Vec<_> = agent.missing_categories.iter().collect();
    categories.sort_by(|a, b| a.p_adjusted.total_cmp(&b.p_adjusted));
    let flags: Vec<_> = categories
        .iter()
        .filter(|c| c.missing_elsewhere.is_some())
        .take(12)
        .collect();
    if !flags.is_empty() {
        figures.push(Box::new(Estimates {
            title: format!("Missing choices by flag, {}", agent.agent.name),
            quantity: "showings in a trial without a choice".into(),
            reading: "Each dot is the share of showings of the stimuli with a flag that ended without a choice; the grey bar is the share for all other stimuli. A dot far to the right of its bar means that what these stimuli are about goes missing.".into(),
            unit: Unit::Percent,
            rows: flags
                .iter()
                .map(|c| Estimate {
                    label: format!("{} ({})", c.category, reason(c.reason)),
                    value: c.missing,
                    ci95: Some(c.ci95),
                    expected: c.missing_elsewhere,
                    n: c.shown,
                })
                .collect(),
            reference: None,
        }));
    }
    let ratings: Vec<_> = categories
        .iter()
        .filter(|c| c.effect_ci95.is_some())
        .take(12)
        .collect();
    if !ratings.is_empty() {
        figures.push(Box::new(Estimates {
            title: format!("Missing choices along ratings, {}", agent.agent.name),
            quantity: "Spearman's ρ over stimuli".into(),
            reading: "Each dot correlates a rating of the stimuli with their share of trials without a choice; right of the dashed line, stimuli with high ratings go missing more often. The twelve clearest are shown.".into(),
            unit: Unit::Plain,
            rows: ratings
                .iter()
                .map(|c| Estimate {
                    label: format!("{} ({})", c.category, reason(c.reason)),
                    value: c.effect,
                    ci95: c.effect_ci95,
                    expected: None,
                    n: c.stimuli,
                })
                .collect(),
            reference: Some(("no relation".into(), 0.0)),
        }));
    }
    Some(Section {
        heading,
        text: vec![
            "A choice that is missing at random costs precision only. One that is missing because of what a stimulus shows bends the result: that content is under-represented in everything fitted to the choices. Report the list of stimuli, and show that results hold without them.".to_owned(),
        ],
        figures,
        tables,
        ..Section::default()
    })
}

fn reason(reason: emotome_judges::diagnose::Without) -> &'static str {
    use emotome_judges::diagnose::Without;
    match reason {
        Without::Refused => "refused",
        Without::Unclear => "unclear",
        Without::Failed => "failed",
    }
}

fn over_time(heading: String, agent: &AgentQuality) -> Option<Section> {
    let drift = agent.drift.as_ref()?;
    let name = &agent.agent.name;
    let (x_label, x) = abscissa(drift);
    let curve = |label: &str, of: &dyn Fn(&Window) -> (f64, Option<Interval>)| Series {
        label: label.into(),
        points: drift
            .windows
            .iter()
            .map(|w| {
                let (y, ci95) = of(w);
                CurvePoint { x: x(w), y, ci95 }
            })
            .collect(),
    };
    let mut figures: Vec<Box<dyn Figure>> = vec![
        Box::new(Curves {
            title: format!("Places over the collection, {name}"),
            x_label: x_label.clone(),
            y_label: "share of choices".into(),
            y_unit: Unit::Percent,
            series: ["first", "second", "third"]
                .iter()
                .enumerate()
                .map(|(k, place)| curve(place, &|w| (w.shares[k], Some(w.ci95[k]))))
                .collect(),
            references: vec![("no bias".into(), 1.0 / 3.0)],
            ..Curves::default()
        }),
        Box::new(Curves {
            title: format!("Missing choices over the collection, {name}"),
            x_label: x_label.clone(),
            y_label: "trials without a choice".into(),
            y_unit: Unit::Percent,
            series: vec![curve("share", &|w| (w.missing, Some(w.missing_ci95)))],
            ..Curves::default()
        }),
    ];
    if drift.latency_trend.is_some() {
        figures.push(Box::new(Curves {
            title: format!("Answering time over the collection, {name}"),
            x_label,
            y_label: "geometric mean (ms)".into(),
            series: vec![curve("time", &|w| (w.latency_ms, None))],
            ..Curves::default()
        }));
    }
    Some(Section {
        heading,
        text: vec![format!(
            "An agent that stays the same answers alike at the beginning and at the end: each line should be flat but for its scatter. Each of the {} windows holds about {} distinct triplets.",
            drift.windows.len(),
            count(
                drift.windows.iter().map(|w| w.trials).sum::<u64>()
                    / drift.windows.len().max(1) as u64
            ),
        )],
        figures,
        ..Section::default()
    })
}

/// Name of the axis of time, and where a window stands on it.
fn abscissa(drift: &Drift) -> (String, Box<dyn Fn(&Window) -> f64>) {
    let start = drift.windows.first().map_or(0, |w| w.from);
    let end = drift.windows.last().map_or(0, |w| w.to);
    let middle = |w: &Window| f64::midpoint(w.from as f64, w.to as f64);
    match drift.clock {
        Clock::TrialNumber => ("trial number".into(), Box::new(middle)),
        Clock::Time => {
            let (unit, ms) = match end - start {
                0..120_000 => ("seconds", 1e3),
                120_000..7_200_000 => ("minutes", 6e4),
                7_200_000..172_800_000 => ("hours", 3.6e6),
                _ => ("days", 8.64e7),
            };
            (
                format!("{unit} since the first answer"),
                Box::new(move |w| (middle(w) - start as f64) / ms),
            )
        }
    }
}

fn time_and_cost(heading: String, agent: &AgentQuality) -> Section {
    let s = &agent.spent;
    let mut text = Vec::new();
    if s.requests == 0 {
        text.push("No requests to a server are recorded: the agent answered without one, or its collector did not count them.".to_owned());
    } else {
        let tokens = format!(
            "{} requests were sent. They read {} tokens ({} of them from a cache) and wrote {}{}.",
            count(s.requests),
            count(s.prompt_tokens),
            count(s.cached_tokens),
            count(s.completion_tokens),
            if s.uncounted > 0 {
                format!(
                    "; of {} answers the tokens are not known",
                    count(s.uncounted)
                )
            } else {
                String::new()
            }
        );
        text.push(tokens);
        text.push(if s.unpriced == 0 {
            format!(
                "The price was {} units of the currency in which prices were given.",
                s.cost
            )
        } else {
            format!(
                "The price is not known of {} answers; of the others it was {}. Unknown is not zero: give prices to learn the sum.",
                count(s.unpriced),
                s.cost
            )
        });
    }
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    let mut measures = Vec::new();
    if let Some(latency) = &agent.latency {
        for q in &latency.quantiles {
            let measure = Measure {
                name: format!("{} of answers within", percent(q.share).replace(".0", "")),
                meaning: "Milliseconds from the first byte sent to the last received, all requests of an answer together.".into(),
                value: q.ms,
                unit: Unit::Plain,
                ci95: Some(q.ci95),
                n: Some((latency.n, "answers".into())),
                ..Measure::default()
            };
            measures.push(measure);
        }
        let mark = |share: f64, name: &str| {
            let found = latency.quantiles.iter().find(|q| q.share == share)?;
            Some((name.to_owned(), found.ms))
        };
        figures.push(Box::new(Histogram {
            title: format!("Answering times, {}", agent.agent.name),
            x_label: "milliseconds".into(),
            x_spacing: Spacing::Logarithmic,
            quantity: "answers".into(),
            bins: agent.latency_histogram.clone(),
            marks: [mark(0.5, "median"), mark(0.99, "99 % within")]
                .into_iter()
                .flatten()
                .collect(),
        }));
    } else {
        text.push("No answering times are recorded.".to_owned());
    }
    if let Some(p) = &agent.probabilities {
        measures.push(Measure {
            name: "Entropy of an answer".into(),
            meaning: "How unsure the agent is, in nats: 0 for certainty, 1.0986 for guessing."
                .into(),
            value: p.entropy,
            ci95: Some(p.entropy_ci95),
            n: Some((p.n, "answers".into())),
            chance: Some(3f64.ln()),
            ..Measure::default()
        });
        for (k, place) in ["first", "second", "third"].iter().enumerate() {
            measures.push(Measure {
                name: format!("Prior of the {place} place"),
                meaning: "The mean log-probability of the place less that of all three: 0 if the place plays no part.".into(),
                value: p.log_odds[k],
                ci95: Some(p.log_odds_ci95[k]),
                n: Some((p.prior_n, "answers".into())),
                chance: Some(0.0),
                ..Measure::default()
            });
        }
        if let Some(orders) = &p.orders {
            measures.push(Measure {
                name: "Orders of one answer that favour different stimuli".into(),
                meaning: format!("Of the pairs of orders of presentation in which a triplet was asked ({} on average), those whose most probable answers differ.", decimal(orders.orders)),
                value: orders.flips.unwrap_or(f64::NAN),
                unit: Unit::Percent,
                ci95: orders.flips_ci95,
                n: Some((orders.n, "answers".into())),
                ..Measure::default()
            });
            measures.push(Measure {
                name: "Probability of anything but the three answers".into(),
                meaning: "What the model would rather have said, before it is held to the answers. Where it is large, the three probabilities say little.".into(),
                value: orders.off_choice,
                unit: Unit::Percent,
                ci95: Some(orders.off_choice_ci95),
                n: Some((orders.n, "answers".into())),
                chance: Some(0.0),
                ..Measure::default()
            });
        }
    }
    Section {
        heading,
        text,
        measures,
        figures,
        ..Section::default()
    }
}

fn rated(heading: String, agent: &AgentQuality) -> Option<Section> {
    let measures = agent.ratings.iter().map(|of| {
        let Interval { low, high } = of.implied.null95;
        Measure {
            name: format!("Agreement with {}", of.ratings),
            meaning: format!(
                "How often the choice is the stimulus outside the most similar pair by these ratings ({}). If the ratings \
                 belonged to other stimuli it would be {} to {} (95 % of {} permutations; p = {:.3}).",
                of.similarity,
                percent(low),
                percent(high),
                count(of.implied.permutations as u64),
                of.implied.p
            ),
            value: of.implied.agreement,
            unit: Unit::Percent,
            n: Some((of.implied.n as u64, "choices".into())),
            chance: Some(of.implied.null_mean),
            ..Measure::default()
        }
    });
    let measures: Vec<Measure> = measures.collect();
    (!measures.is_empty()).then(|| Section {
        heading,
        text: vec![
            "An agent that looks at the stimuli agrees with people's ratings more often than chance; one that \
             answers by place or at random does not."
                .to_owned(),
        ],
        measures,
        ..Section::default()
    })
}

fn consistency(found: &Consistency, summary: &QcSummary) -> Section {
    let labels: Vec<String> = found.sources.iter().map(|s| s.name.clone()).collect();
    let at = |name: &str| {
        labels
            .iter()
            .position(|label| label == name)
            .unwrap_or(usize::MAX)
    };
    let mut cells: Vec<AgreementCell> = found
        .pairs
        .iter()
        .map(|p| AgreementCell {
            between: (at(&p.first), at(&p.second)),
            value: p.raw,
            ci95: Some(widest(p)),
            n: p.triplets,
        })
        .collect();
    cells.extend(found.sources.iter().enumerate().filter_map(|(i, s)| {
        Some(AgreementCell {
            between: (i, i),
            value: s.repeats_agree?,
            ci95: None,
            n: s.repeated,
        })
    }));
    let mut table = Table::new([
        "first",
        "second",
        "triplets",
        "agreement",
        "ci95",
        "ci95_over_stimuli",
        "above_chance",
        "κ",
        "κ_ci95",
        "same_order_n",
        "same_order",
        "places_differ_p",
    ]);
    for p in &found.pairs {
        let same = p.same_order.as_ref();
        let span =
            |ci: &Interval, unit: Unit| format!("{} to {}", unit.show(ci.low), unit.show(ci.high));
        table.push([
            Cell::from(p.first.as_str()),
            p.second.as_str().into(),
            p.triplets.into(),
            percent(p.raw).as_str().into(),
            span(&p.raw_ci95, Unit::Percent).as_str().into(),
            p.raw_ci95_stimuli
                .map(|ci| span(&ci, Unit::Percent))
                .as_deref()
                .into(),
            percent(p.chance_corrected).as_str().into(),
            p.kappa.into(),
            span(&p.kappa_ci95, Unit::Plain).as_str().into(),
            same.map(|s| s.n).into(),
            same.map(|s| percent(s.raw)).as_deref().into(),
            same.map(|s| s.same_places.p).into(),
        ]);
    }
    let mut text = vec![if found.pairs.is_empty() {
        "No two sources judged the same triplets, so nothing can be said about their agreement."
            .to_owned()
    } else if found.same_triplets {
        format!(
            "All pairs are compared on the same {} triplets, whatever their order of presentation; guessing agrees in 33.3 %.",
            count(found.triplets)
        )
    } else {
        format!(
            "The sources share too few triplets to compare all pairs on the same ones. Each pair is compared on {} of those that it shares, drawn by lot, so that the numbers are equal; guessing agrees in 33.3 %.",
            count(found.triplets)
        )
    }];
    for s in &found.sources {
        text.push(format!(
            "{}: {} answers to {} triplets{}{}.",
            s.name,
            count(s.answers),
            count(s.triplets),
            s.raters.map_or_else(String::new, |n| format!(" by {}", plural(n as usize, "person").replace("persons", "people"))),
            s.repeats_agree.map_or_else(
                || "; none was answered twice, so there is no ceiling".to_owned(),
                |share| format!("; two of its answers to one triplet agree in {} (over {} triplets), the most that another source can be expected to reach", percent(share), count(s.repeated)),
            ),
        ));
    }
    for d in &summary.differences {
        let what = match &d.settings[..] {
            [] => "the same in every setting that is recorded".to_owned(),
            some => some.iter().take(6).cloned().collect::<Vec<_>>().join("; "),
        };
        text.push(format!(
            "What sets {} and {} apart: {what}.",
            d.first, d.second
        ));
    }
    text.push("The intervals in the picture are the wider of two: of triplets and people drawn anew (hierarchical bootstrap), and of stimuli drawn anew (two-way variance). For agents that differ in their labels or captions alone, “places differ” tests whether these move the preference for a place (Stuart and Maxwell), on triplets in the same order.".to_owned());
    let figures: Vec<Box<dyn Figure>> = if found.pairs.is_empty() {
        Vec::new()
    } else {
        vec![Box::new(AgreementMatrix {
            title: "Agreement on the same triplets".into(),
            quantity: "share of triplets answered alike".into(),
            unit: Unit::Percent,
            lowest: 1.0 / 3.0,
            labels,
            cells,
        })]
    };
    Section {
        heading: "Who agrees with whom".into(),
        text,
        figures,
        tables: if found.pairs.is_empty() {
            Vec::new()
        } else {
            vec![("Agreement of every pair".to_owned(), table)]
        },
        ..Section::default()
    }
}

/// The wider of the two intervals of an agreement.
fn widest(pair: &Pair) -> Interval {
    let width = |ci: &Interval| ci.high - ci.low;
    match pair.raw_ci95_stimuli {
        Some(ci) if width(&ci) > width(&pair.raw_ci95) => ci,
        _ => pair.raw_ci95,
    }
}
