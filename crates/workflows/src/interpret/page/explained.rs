//! How much of the dimensions ratings explain.

use super::super::AgentMeaning;
use super::share;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::Unit;
use emotome_figures::table::{Cell, Table};
use emotome_interpret::explained::Share;

pub(super) fn section(heading: String, agent: &AgentMeaning) -> Option<Section> {
    let explained = agent.explained.as_ref()?;
    let overall = &explained.overall;
    let n = Some((explained.items as u64, "stimuli".to_owned()));
    let measure = |name: &str, meaning: &str, of: &Share, chance: Option<f64>| Measure {
        name: name.into(),
        meaning: meaning.into(),
        value: of.value,
        unit: Unit::Percent,
        ci95: Some(of.interval),
        n: n.clone(),
        chance,
        ..Measure::default()
    };
    let set = |name: &str, meaning: &str, of: &emotome_interpret::explained::SetShare| {
        measure(name, meaning, &of.r2, Some(of.critical))
    };
    let measures = vec![
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
        measure(
            "Unexplained",
            "What no rating explains: other content, or noise of either side.",
            &overall.unexplained,
            None,
        ),
    ];
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
    for (d, of) in explained.dimensions.iter().enumerate() {
        let part = &of.partition;
        table.push([
            Cell::from(agent.name_of(d).as_str()),
            format!("{:?}", of.class).to_lowercase().as_str().into(),
            part.both.r2.value.into(),
            part.unique_category.value.into(),
            part.shared.value.into(),
            part.unique_dimension.value.into(),
            part.unexplained.value.into(),
            of.q.into(),
        ]);
    }
    let [categories, dimensions] = explained.predictors;
    Some(Section {
        heading,
        text: vec![format!(
            "Ridge regressions predict every dimension from {categories} categories, from {dimensions} affective dimensions and from both, for stimuli in {} folds that the fit has not seen; so {categories} ratings gain nothing over {dimensions} by their number alone. Together they explain {}; “chance” is what permuted stimuli exceed in one of twenty cases.",
            explained.folds,
            share(overall.both.r2.value),
        )],
        measures,
        tables: vec![("Shares of variance of each dimension".into(), table)],
        cautions: vec![
            "A kind of rating that is noisier explains less, whatever the dimension means: ratings of different reliability are not on one footing.".into(),
        ],
        ..Section::default()
    })
}
