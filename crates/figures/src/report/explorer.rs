//! Every stimulus of a report, to point at in a map and to search in a list.

use ndarray::Array2;
use serde::Serialize;
use std::fmt::Write as _;

/// The stimuli of a report, with their weights and their places in maps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Explorer {
    /// The keys, n of them.
    pub keys: Vec<String>,
    /// A caption of each; none where there is none, or where it is not to be shown.
    pub captions: Vec<Option<String>>,
    /// The embeddings, at least one.
    pub agents: Vec<ExplorerAgent>,
}

/// An embedding in an [`Explorer`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExplorerAgent {
    /// Whose it is.
    pub name: String,
    /// The names of the dimensions, d of them.
    pub dimensions: Vec<String>,
    /// The weights, n × d; shown to three digits.
    pub weights: Array2<f64>,
    /// Maps by name, n places each; drawn to a thousandth of their extent.
    pub maps: Vec<(String, Vec<[f64; 2]>)>,
}

#[derive(Serialize)]
struct Data<'a> {
    keys: &'a [String],
    captions: &'a [Option<String>],
    agents: Vec<AgentData<'a>>,
}

#[derive(Serialize)]
struct AgentData<'a> {
    name: &'a str,
    dimensions: &'a [String],
    weights: Vec<Vec<f64>>,
    maps: Vec<MapData<'a>>,
}

#[derive(Serialize)]
struct MapData<'a> {
    name: &'a str,
    places: Vec<[f64; 2]>,
}

/// Rounded to three significant digits, so that a page of thousands of stimuli stays small.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// Places with the extent of the map as 1000, in steps of 1.
fn placed(places: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let finite = places.iter().flatten().filter(|x| x.is_finite());
    let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), &x| {
        (low.min(x), high.max(x))
    });
    let step = (high - low).max(f64::MIN_POSITIVE) / 1000.0;
    let place = |place: &[f64; 2]| place.map(|x| ((x - low) / step).round());
    places.iter().map(place).collect()
}

impl Explorer {
    /// The part of the page, which stays a note where scripts do not run.
    pub(super) fn html(&self, out: &mut String) {
        let data = Data {
            keys: &self.keys,
            captions: &self.captions,
            agents: self
                .agents
                .iter()
                .map(|agent| AgentData {
                    name: &agent.name,
                    dimensions: &agent.dimensions,
                    weights: agent
                        .weights
                        .rows()
                        .into_iter()
                        .map(|row| row.iter().map(|w| rounded(*w)).collect())
                        .collect(),
                    maps: agent
                        .maps
                        .iter()
                        .map(|(name, places)| MapData {
                            name,
                            places: placed(places),
                        })
                        .collect(),
                })
                .collect(),
        };
        // Strings and finite numbers always serialise; others become null.
        let json = serde_json::to_string(&data).unwrap_or_default();
        let _ = writeln!(
            out,
            "<section aria-labelledby=\"stimuli\"><h2 id=\"stimuli\">The stimuli themselves</h2>\
             <p>Choose a dimension: the list puts the stimuli that weigh most on it first, and in the map their dots \
             are large. Point at a dot, or choose a stimulus in the list, to read about it.</p>\
             <div id=\"explorer\"><p class=\"caution\">Scripts do not run here, so the stimuli cannot be searched; \
             all numbers stand in the tables beside this page.</p></div>\
             <script type=\"application/json\" id=\"explorer-data\">{}</script></section>",
            // Nothing in a name may end the element.
            json.replace('<', "\\u003c")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_markup_stays_text() {
        let explorer = Explorer {
            keys: vec!["</script><b>".into()],
            captions: vec![None],
            agents: vec![ExplorerAgent {
                name: "a".into(),
                dimensions: vec!["1".into()],
                weights: ndarray::array![[0.123_456]],
                maps: vec![("t-SNE".into(), vec![[f64::NAN, 2.0]])],
            }],
        };
        let mut html = String::new();
        explorer.html(&mut html);
        assert_eq!(html.matches("</script>").count(), 1);
        assert!(html.contains("\\u003c/script>\\u003cb>") && html.contains("[[0.123]]"));
        assert!(html.contains("[null,"));
    }

    #[test]
    fn places_keep_their_proportions() {
        let places = placed(&[[-1.0, 0.0], [3.0, 1.0]]);
        assert_eq!(places, [[0.0, 250.0], [1000.0, 500.0]]);
    }
}
