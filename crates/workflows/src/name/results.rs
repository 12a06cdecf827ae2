//! What all replies come to.

use super::prepared::Prepared;
use super::suggested::{self, checksum};
use super::{
    FitAnswer, NamedEmbedding, Overall, Pair, RawReply, Repeat, SuggestedName, SuggestedNames,
};
use emotome_judges::naming::agreement::{agreements, medoid};
use emotome_judges::naming::discrimination::{Discrimination, PairAnswer};
use emotome_judges::naming::{Ask, Draw, Found, Interview, Next, Question, Suggestion};
use emotome_stats::summary::mean;
use emotome_stimuli::StimulusId;
use emotome_triplets::Cause;
use std::collections::HashMap;

/// The medoid of the names of each dimension that has one.
pub(super) fn suggestions(
    prepared: &Prepared<'_>,
    interview: &Interview,
) -> HashMap<usize, Suggestion> {
    let none = HashMap::new();
    let interviews = [interview, interview];
    let found = Results {
        prepared,
        interviews,
        names: &none,
    };
    let of = |&dim: &usize| {
        let mut named: Vec<Suggestion> = (0..prepared.params.repeats)
            .filter_map(|repeat| match found.of(Ask::Name { dim, repeat }) {
                Settled::Found(Found::Name(suggestion)) => Some(suggestion),
                _ => None,
            })
            .collect();
        let names: Vec<String> = named
            .iter()
            .map(|suggestion| suggestion.name.clone())
            .collect();
        Some((dim, named.swap_remove(medoid(&names)?)))
    };
    prepared.dims.iter().filter_map(of).collect()
}

/// Where a question stands in the end.
pub(super) enum Settled {
    Found(Found),
    Without(Cause),
    Open,
}

/// What all replies come to.
pub(super) struct Results<'a> {
    pub(super) prepared: &'a Prepared<'a>,
    /// Of names, and of tests.
    pub(super) interviews: [&'a Interview; 2],
    pub(super) names: &'a HashMap<usize, Suggestion>,
}

impl Results<'_> {
    pub(super) fn of(&self, ask: Ask) -> Settled {
        let interview = self.interviews[usize::from(ask.question() == Question::Fit)];
        let next = self
            .prepared
            .talk(ask, self.names)
            .map(|talk| interview.next(ask, talk));
        match next {
            Ok(Next::Done(Ok(found))) => Settled::Found(found),
            Ok(Next::Done(Err(cause))) => Settled::Without(cause),
            _ => Settled::Open,
        }
    }

    fn replies(&self, ask: Ask) -> Vec<RawReply> {
        let interview = self.interviews[usize::from(ask.question() == Question::Fit)];
        let talk = self.prepared.talk(ask, self.names);
        talk.map_or_else(
            |_| Vec::new(),
            |talk| {
                interview
                    .replies(ask, talk)
                    .into_iter()
                    .map(RawReply::from)
                    .collect()
            },
        )
    }

    /// Why there is no answer: that of the reply, or of the last request that came to nothing.
    fn cause(&self, ask: Ask) -> Option<Cause> {
        match self.of(ask) {
            Settled::Found(_) => None,
            Settled::Without(cause) => Some(cause),
            Settled::Open => {
                let interview = self.interviews[usize::from(ask.question() == Question::Fit)];
                interview.lost(ask).map(|fault| fault.cause)
            }
        }
    }

    fn repeat(&self, dim: usize, repeat: u32, draw: &Draw) -> Repeat {
        let ask = Ask::Name { dim, repeat };
        let suggestion = match self.of(ask) {
            Settled::Found(Found::Name(suggestion)) => Some(suggestion),
            _ => None,
        };
        let examples = draw.examples(repeat, &self.prepared.params);
        let keys = |ids: &[StimulusId]| ids.iter().map(|&id| self.prepared.key(id)).collect();
        Repeat {
            sentence: suggestion
                .as_ref()
                .and_then(|suggestion| suggestion.sentence.clone()),
            name: suggestion.map(|suggestion| suggestion.name),
            cause: self.cause(ask),
            high: keys(&examples.high),
            low: keys(&examples.low),
            replies: self.replies(ask),
        }
    }

    fn pair(&self, dim: usize, pair: usize, [high, low]: [StimulusId; 2]) -> Pair {
        let answer = |swapped: bool| {
            let ask = Ask::Fit { dim, pair, swapped };
            let (right, probability) = match self.of(ask) {
                Settled::Found(Found::Fit(place, first)) => {
                    let high = |first: f64| if swapped { 1.0 - first } else { first };
                    (Some((place == 1) == swapped), first.map(high))
                }
                _ => (None, None),
            };
            FitAnswer {
                right,
                probability,
                cause: self.cause(ask),
                replies: self.replies(ask),
            }
        };
        Pair {
            high: self.prepared.key(high),
            low: self.prepared.key(low),
            high_first: answer(false),
            low_first: answer(true),
        }
    }

    pub(super) fn suggested(&self) -> SuggestedNames {
        let prepared = self.prepared;
        let mut dimensions: Vec<SuggestedName> = Vec::new();
        for ((&dim, draw), &sensitive) in prepared
            .dims
            .iter()
            .zip(&prepared.draws)
            .zip(&prepared.hidden)
        {
            let suggestion = self.names.get(&dim);
            let (mut repeats, mut pairs) = (Vec::new(), Vec::new());
            if let Ok(draw) = draw {
                repeats.extend(
                    (0..prepared.params.repeats).map(|repeat| self.repeat(dim, repeat, draw)),
                );
                if suggestion.is_some() {
                    let held = draw.pairs().iter().enumerate();
                    pairs.extend(held.map(|(pair, &ids)| self.pair(dim, pair, ids)));
                }
            }
            dimensions.push(SuggestedName {
                dimension: dim + 1,
                name: suggestion.map(|suggestion| suggestion.name.clone()),
                sentence: suggestion.and_then(|suggestion| suggestion.sentence.clone()),
                not_asked: draw.as_ref().err().map(ToString::to_string),
                pool: draw.as_ref().map_or(0, Draw::pool),
                sensitive,
                agreement: None,
                discrimination: (!pairs.is_empty()).then(|| Discrimination::of(&answers(&pairs))),
                repeats,
                pairs,
            });
        }
        let named = |of: &SuggestedName| {
            of.repeats
                .iter()
                .filter_map(|repeat| repeat.name.clone())
                .collect()
        };
        let names: Vec<Vec<String>> = dimensions.iter().map(named).collect();
        for (of, agreement) in dimensions.iter_mut().zip(agreements(&names)) {
            of.agreement = agreement;
        }
        let embedding = &prepared.material.file.embedding;
        let model = |which: usize, question: usize, interview: &Interview| {
            let model = prepared.models[which].as_ref();
            prepared.sights[which].record(model, &prepared.templates[question], interview.spent())
        };
        SuggestedNames {
            format: suggested::FORMAT,
            embedding: NamedEmbedding {
                path: prepared.request.embedding.clone(),
                stimuli: embedding.n_stimuli(),
                dims: embedding.n_dims(),
                weights_sha256: checksum(embedding),
            },
            stimuli: prepared.shown.clone(),
            judge: model(0, 0, self.interviews[0]),
            test_judge: model(prepared.tester(), 1, self.interviews[1]),
            params: prepared.params,
            overall: overall(&dimensions),
            dimensions,
        }
    }
}

fn answers(pairs: &[Pair]) -> Vec<PairAnswer> {
    let answer = |pair: &Pair| PairAnswer {
        high_first: pair.high_first.right,
        low_first: pair.low_first.right,
        probability: pair
            .high_first
            .probability
            .zip(pair.low_first.probability)
            .map(|(a, b)| f64::midpoint(a, b)),
    };
    pairs.iter().map(answer).collect()
}

fn overall(dimensions: &[SuggestedName]) -> Overall {
    let over = |of: &dyn Fn(&SuggestedName) -> Option<f64>| {
        let values: Vec<f64> = dimensions.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| mean(&values))
    };
    Overall {
        dimensions: dimensions.len(),
        named: dimensions.iter().filter(|of| of.name.is_some()).count(),
        similarity: over(&|of| Some(of.agreement.as_ref()?.similarity)),
        chance: over(&|of| of.agreement.as_ref()?.chance),
        accuracy: over(&|of| of.discrimination.as_ref()?.accuracy),
        above_chance: dimensions
            .iter()
            .filter(|of| {
                of.discrimination
                    .as_ref()
                    .is_some_and(|found| found.above_chance)
            })
            .count(),
    }
}
