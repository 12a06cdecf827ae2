//! Which dimensions go together.

use super::super::picture::Picture;
use super::super::{DimensionGraph, Interpretation};
use super::{of, p};
use emotome_figures::Figure;
use emotome_figures::report::Section;
use emotome_figures::scale::{count, decimal};
use emotome_figures::table::{Cell, Table};
use emotome_interpret::graph::null::{AgainstChance, CommunityNull};

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let mut text = vec![
        "Dimensions whose weights correlate over stimuli (r > .2) are joined, and communities sought in the graph from a thousand seeds (Leiden); what the runs agree on is shown. Two questions are asked of chance, by permuting the stimuli of each dimension on its own: whether anything is joined at all, and whether as many edges would fall into communities as clearly.".to_owned(),
    ];
    let mut tables = Vec::new();
    for agent in &found.agents {
        let Some(graph) = &agent.graph else { continue };
        text.push(format!(
            "{}: {}",
            agent.agent,
            told(graph, found.params.permutations)
        ));
        tables.push((
            of(found, agent, "Communities"),
            members(graph, |d| agent.name_of(d)),
        ));
        if let Some(null) = &graph.null {
            let caption = of(found, agent, "The graph against chance");
            tables.push((caption, chance(null)));
        }
        let caption = of(
            found,
            agent,
            "Communities at other thresholds and resolutions",
        );
        tables.push((caption, sweep(graph)));
    }
    (!tables.is_empty()).then(|| Section {
        heading: "Which dimensions go together".into(),
        text,
        figures: draw(Picture::Communities),
        tables,
        cautions: vec![
            "Communities depend on threshold and resolution: look at the last table before resting anything on their number.".into(),
        ],
        ..Section::default()
    })
}

fn told(graph: &DimensionGraph, permutations: usize) -> String {
    let network = &graph.network;
    let Some(agreed) = &graph.consensus else {
        return "no two dimensions correlate above .2.".into();
    };
    let chance = match &graph.null {
        None => String::new(),
        Some(null) => {
            let modularity = &null.same_edges.modularity;
            format!(
                " ({} in graphs of permuted stimuli with as many edges, p = {}, {} permutations)",
                decimal(modularity.null_mean),
                p(modularity.p),
                count(permutations as u64),
            )
        }
    };
    format!(
        "{} edges among {} of {} dimensions; {} communities, modularity {}{chance}. Two runs agree with an adjusted mutual information of {}.",
        network.edges.len(),
        network.nodes.len(),
        network.nodes.len() + network.isolated.len() + network.constant.len(),
        graph.communities.len(),
        decimal(agreed.modularity),
        decimal(agreed.stability.agreement.ami),
    )
}

fn members(graph: &DimensionGraph, name: impl Fn(usize) -> String) -> Table {
    let mut table = Table::new([
        "community",
        "named after ratings of its score",
        "size",
        "dimensions",
    ]);
    for (i, community) in graph.communities.iter().enumerate() {
        let names: Vec<String> = community.members.iter().map(|&d| name(d)).collect();
        table.push([
            Cell::from(i + 1),
            community.name.as_str().into(),
            community.members.len().into(),
            names.join("; ").as_str().into(),
        ]);
    }
    table
}

fn chance(null: &CommunityNull) -> Table {
    let mut table = Table::new(["null", "what", "found", "by chance", "low", "high", "p"]);
    for (name, null) in [
        ("same threshold", &null.same_threshold),
        ("same number of edges", &null.same_edges),
    ] {
        let rows: [(&str, &AgainstChance); 4] = [
            ("edges", &null.edges),
            ("dimensions with an edge", &null.nodes),
            ("modularity", &null.modularity),
            ("communities", &null.communities),
        ];
        for (what, against) in rows {
            table.push([
                Cell::from(name),
                what.into(),
                against.observed.into(),
                against.null_mean.into(),
                against.null_range.low.into(),
                against.null_range.high.into(),
                against.p.into(),
            ]);
        }
    }
    table
}

fn sweep(graph: &DimensionGraph) -> Table {
    let mut table = Table::new([
        "threshold",
        "resolution",
        "dimensions joined",
        "edges",
        "communities",
        "modularity",
        "agreement of runs",
    ]);
    for point in &graph.sweep {
        table.push([
            Cell::from(point.threshold),
            point.resolution.into(),
            point.nodes.into(),
            point.edges.into(),
            point.communities.into(),
            point.modularity.into(),
            point.ami.into(),
        ]);
    }
    table
}
