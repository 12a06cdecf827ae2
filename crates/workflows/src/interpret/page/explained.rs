//! How much of the dimensions ratings explain.

use super::super::picture::Picture;
use super::super::{AgentMeaning, Interpretation};
use super::of;
use emotome_figures::Figure;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, percent};
use emotome_figures::table::{Cell, Table};
use emotome_interpret::explained::{Explained, SetShare, Share};

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let agents = found.agents.iter();
    let agents: Vec<(&AgentMeaning, &Explained)> = agents
        .filter_map(|a| Some((a, a.explained.as_ref()?)))
        .collect();
    let (_, first) = agents.first()?;
    let [categories, dimensions] = first.predictors;
    let mut text = vec![format!(
        "Ridge regressions predict every dimension from {categories} categories, from {dimensions} affective dimensions and from both, for stimuli in {} folds that the fit has not seen; so {categories} ratings gain nothing over {dimensions} by their number alone. “Chance” is what permuted stimuli exceed in one of twenty cases. A dimension whose R² exceeds chance (q ≤ .05) is of class category or dimension if only that kind explains something of its own, the interval of that share above {} of the variance (a choice); hybrid if both kinds do, shared if neither: then either kind explains most of what is explained.",
        first.folds,
        percent(first.least_share),
    )];
    let mut measures = Vec::new();
    let mut tables = Vec::new();
    for (agent, explained) in &agents {
        text.push(format!(
            "{}: all ratings together explain {} of the variance.",
            agent.agent,
            percent(explained.overall.both.r2.value)
        ));
        measures.extend(measured(|what| of(found, agent, what), explained));
        let caption = of(found, agent, "Shares of variance of each dimension");
        tables.push((caption, table(agent, explained)));
    }
    Some(Section {
        heading: "How much of the dimensions ratings explain".into(),
        text,
        measures,
        figures: draw(Picture::VarianceShares),
        tables,
        cautions: vec![
            "A kind of rating that is noisier explains less, whatever the dimension means: ratings of different reliability are not on one footing.".into(),
        ],
    })
}

fn measured(of: impl Fn(&str) -> String, explained: &Explained) -> Vec<Measure> {
    let overall = &explained.overall;
    let measure = |name: &str, meaning: &str, share: &Share, chance: Option<f64>| Measure {
        name: of(name),
        meaning: meaning.into(),
        value: share.value,
        unit: Unit::Percent,
        ci95: Some(share.interval),
        n: Some((explained.items as u64, "stimuli".to_owned())),
        chance,
        ..Measure::default()
    };
    let set = |name: &str, meaning: &str, set: &SetShare| {
        measure(name, meaning, &set.r2, Some(set.critical))
    };
    let unexplained = "What no rating explains: other content, or noise of either side.";
    vec![
        set(
            "All ratings",
            "R² for stimuli held out, mean of the dimensions.",
            &overall.both,
        ),
        set(
            "Emotion categories alone",
            "The same from categories.",
            &overall.categories,
        ),
        set(
            "Affective dimensions alone",
            "The same from affective dimensions.",
            &overall.dimensions,
        ),
        measure(
            "Only categories",
            "What affective dimensions cannot replace.",
            &overall.unique_category,
            None,
        ),
        measure(
            "Only affective dimensions",
            "What categories cannot replace.",
            &overall.unique_dimension,
            None,
        ),
        measure("Shared", "What either explains.", &overall.shared, None),
        measure("Unexplained", unexplained, &overall.unexplained, None),
    ]
}

fn table(agent: &AgentMeaning, explained: &Explained) -> Table {
    let mut table = Table::new([
        "dimension",
        "class",
        "all ratings",
        "only categories",
        "shared",
        "only affective",
        "unexplained",
        "q",
    ]);
    for (d, share) in explained.dimensions.iter().enumerate() {
        let part = &share.partition;
        table.push([
            Cell::from(agent.name_of(d).as_str()),
            format!("{:?}", share.class).to_lowercase().as_str().into(),
            part.both.r2.value.into(),
            part.unique_category.value.into(),
            part.shared.value.into(),
            part.unique_dimension.value.into(),
            part.unexplained.value.into(),
            share.q.into(),
        ]);
    }
    table
}
