//! What was looked at, and what was left out.

use super::super::{Interpretation, Joined};
use emotome_figures::report::Section;
use emotome_figures::scale::count;
use emotome_figures::table::{Cell, Table};
use emotome_interpret::rating::RatingKind;

pub(super) fn section(found: &Interpretation, cautions: &[String]) -> Section {
    let of = |kind| found.ratings.iter().filter(|r| r.kind == kind).count();
    let stimuli = &found.stimuli;
    let text = vec![format!(
        "{} of {} stimuli have a place in every embedding; {} of them have all of {} emotion categories and {} affective dimensions, and only these count wherever ratings take part. Intervals come from {} resamples of the stimuli, chance from up to {} permutations; what takes long has fewer, as its text says.",
        count(stimuli.used as u64),
        count(stimuli.given as u64),
        count(found.rated_stimuli() as u64),
        of(RatingKind::Category),
        of(RatingKind::Dimension),
        count(found.params.bootstraps as u64),
        count(found.params.permutations as u64),
    )];
    let mut table = Table::new([
        "agent",
        "dimensions",
        "joined by",
        "rated, not embedded",
        "embedded, not rated",
        "all ratings known",
        "constant dimensions",
        "largest share of variance",
    ]);
    for (i, agent) in found.agents.iter().enumerate() {
        let largest = agent
            .variance_shares
            .iter()
            .copied()
            .fold(f64::NAN, f64::max);
        table.push([
            Cell::from(agent.agent.as_str()),
            agent.dims.into(),
            match stimuli.joined[i] {
                Joined::Key => "key",
                Joined::Row => "row",
            }
            .into(),
            stimuli.without_embedding[i].into(),
            stimuli.without_ratings[i].into(),
            agent.pairs.as_ref().map(|pairs| pairs.used).into(),
            agent
                .pairs
                .as_ref()
                .map(|pairs| pairs.constant_dimensions.len())
                .into(),
            largest.into(),
        ]);
    }
    Section {
        heading: "What was looked at".into(),
        text,
        tables: vec![("Embeddings".into(), table)],
        cautions: cautions.to_vec(),
        ..Section::default()
    }
}
