//! Joining samples to stimuli: which are kept, which are kept apart, and why.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use emotome_stimuli::reconciliation::{List, Presentation, presentations};
use emotome_stimuli::{StimulusKey, StimulusSet};
use serde::Serialize;

use super::error::ImportError;
use super::events::Event;
use crate::store::{Sample, StoreError, Writer};

/// How the labels of samples become stimulus keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// The label is the key.
    AsTheyAre,
    /// Labels are numbers 1 to 2196 (alone, or the number in a name such as `0001.mp4`), keys are those of a
    /// list of the 2020 study. Samples outside the list are kept apart, with the earlier label that shows the
    /// same clip: under `2181` the 15 of `dupidx`.
    Emotion2020(List),
}

/// A sample or stimulus that takes no part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Sample of the source, from 0; none for a stimulus without response.
    pub sample: Option<usize>,
    /// What the source says was shown.
    pub label: String,
    /// Run and place within it.
    pub place: Option<(u32, u32)>,
    /// Why.
    pub reason: String,
    /// Whether its response is in the store all the same.
    pub stored: bool,
}

/// What became of the samples of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Samples of the source.
    pub samples: usize,
    /// Of them without label, which are not stored.
    pub unlabelled: usize,
    /// Of them kept apart as duplicates, by the list of the study.
    pub duplicates: usize,
    /// Of them kept apart because their stimulus is not among those of the study.
    pub unmatched: usize,
    /// Of them that take part.
    pub kept: usize,
    /// Stimuli that they show.
    pub stimuli: usize,
    /// Samples kept that show a stimulus again.
    pub repeats: usize,
    /// Pairs of stored samples that show the same clip, those kept apart too.
    pub repeated_pairs: usize,
    /// Stimuli of the study without a sample.
    pub without_response: usize,
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} samples: {} kept, of {} stimuli ({} repeats); {} without label are not stored; {} duplicates and {} of unlisted \
             stimuli are stored but kept apart; {} stimuli of the study have no response: all listed in left_out.tsv",
            self.samples,
            self.kept,
            self.stimuli,
            self.repeats,
            self.unlabelled,
            self.duplicates,
            self.unmatched,
            self.without_response
        )
    }
}

/// Samples joined to stimuli.
#[derive(Debug, Clone)]
pub struct Reconciled {
    /// Samples to be stored.
    pub samples: Vec<Sample>,
    /// For each sample of the source its place among them.
    pub stored: Vec<Option<usize>>,
    /// Counts.
    pub reconciliation: Reconciliation,
    /// What is left out.
    pub left_out: Vec<LeftOut>,
}

/// Joins the samples of a source to stimuli, and to the stimuli of a study if given.
///
/// ```
/// use emotome_brain::import::{Event, Labels, reconcile};
/// let shown = |label: u32| Event { label: Some(label.to_string()), session: 1, run: 1 + label / 36, order: 1 };
/// let events: Vec<Event> = (1..=2196).map(shown).collect();
/// let joined = reconcile(&events, Labels::Emotion2020("2181".parse()?), None)?;
/// assert_eq!((joined.reconciliation.kept, joined.reconciliation.duplicates), (2181, 15));
/// assert_eq!(joined.reconciliation.repeated_pairs, 15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ImportError::NotEmotion2020`], [`ImportError::Key`], or [`ImportError::NothingLeft`].
pub fn reconcile(
    events: &[Event],
    labels: Labels,
    stimuli: Option<&StimulusSet>,
) -> Result<Reconciled, ImportError> {
    let list = match labels {
        Labels::AsTheyAre => None,
        Labels::Emotion2020(list) => Some(Emotion2020::new(list, events)?),
    };
    let mut samples: Vec<Sample> = Vec::new();
    let mut stored = Vec::with_capacity(events.len());
    let mut left_out = Vec::new();
    let mut counts = Reconciliation {
        samples: events.len(),
        ..Reconciliation::default()
    };
    let mut shown: HashMap<StimulusKey, usize> = HashMap::new();
    let mut clips: HashMap<StimulusKey, usize> = HashMap::new();
    let mut unmatched = None;
    for (at, event) in events.iter().enumerate() {
        let mut leave = |label: &str, reason: &str, stored| {
            left_out.push(LeftOut {
                sample: Some(at),
                label: label.to_owned(),
                place: Some((event.run, event.order)),
                reason: reason.to_owned(),
                stored,
            });
        };
        let Some(label) = &event.label else {
            counts.unlabelled += 1;
            leave("n/a", "no label", false);
            stored.push(None);
            continue;
        };
        let (key, mut reason, same_as) = match &list {
            None => (StimulusKey::new(label.as_str())?, None, None),
            Some(list) => list.of(label)?,
        };
        if reason.is_some() {
            counts.duplicates += 1;
        } else if stimuli.is_some_and(|set| set.get(key.as_str()).is_none()) {
            counts.unmatched += 1;
            unmatched.get_or_insert_with(|| key.clone());
            reason = Some("not among the stimuli of the study".to_owned());
        } else {
            counts.kept += 1;
            *shown.entry(key.clone()).or_insert(0) += 1;
        }
        if let Some(reason) = &reason {
            leave(label, reason, true);
        }
        let clip = same_as.clone().unwrap_or_else(|| key.clone());
        *clips.entry(clip).or_insert(0) += 1;
        stored.push(Some(samples.len()));
        samples.push(Sample {
            stimulus: key,
            label: label.clone(),
            session: event.session,
            run: event.run,
            order: event.order,
            repeat: 0,
            left_out: reason,
            same_as,
        });
    }
    counts.stimuli = shown.len();
    counts.repeats = counts.kept - shown.len();
    counts.repeated_pairs = clips.values().map(|n| n - 1).sum();
    for key in stimuli.map_or(&[][..], StimulusSet::keys) {
        if !shown.contains_key(key) {
            counts.without_response += 1;
            left_out.push(LeftOut {
                sample: None,
                label: key.as_str().to_owned(),
                place: None,
                reason: "no response to this stimulus".to_owned(),
                stored: false,
            });
        }
    }
    if counts.kept == 0 {
        return Err(ImportError::NothingLeft {
            samples: events.len(),
            unlabelled: counts.unlabelled,
            unmatched: counts.unmatched,
            example: unmatched.map_or_else(String::new, |key| key.to_string()),
        });
    }
    Ok(Reconciled {
        samples,
        stored,
        reconciliation: counts,
        left_out,
    })
}

/// The presentations of the 2020 study under one of its lists.
struct Emotion2020 {
    list: List,
    by_label: Vec<Presentation>,
    included: Vec<bool>,
}

impl Emotion2020 {
    fn new(list: List, events: &[Event]) -> Result<Self, ImportError> {
        let by_label: Vec<Presentation> = presentations().collect();
        let mut included = vec![false; by_label.len()];
        for shown in list.include() {
            included[shown.label as usize - 1] = true;
        }
        let own = Self {
            list,
            by_label,
            included,
        };
        let labels = events.iter().filter_map(|event| event.label.as_ref());
        let strange: Vec<&String> = labels.filter(|l| own.presentation(l).is_none()).collect();
        if strange.is_empty() {
            return Ok(own);
        }
        let examples: Vec<String> = strange.iter().take(3).map(|l| format!("{l:?}")).collect();
        Err(ImportError::NotEmotion2020 {
            n: strange.len(),
            examples: examples.join(", "),
        })
    }

    fn presentation(&self, label: &str) -> Option<&Presentation> {
        let stem = label.split('.').next().unwrap_or(label);
        let digits = stem.trim_start_matches(|c: char| !c.is_ascii_digit());
        let number: usize = digits.parse().ok()?;
        self.by_label.get(number.checked_sub(1)?)
    }

    /// Key, why it is kept apart, and the key of the earlier label that shows the same.
    fn of(
        &self,
        label: &str,
    ) -> Result<(StimulusKey, Option<String>, Option<StimulusKey>), ImportError> {
        let Some(shown) = self.presentation(label) else {
            return Err(ImportError::NotEmotion2020 {
                n: 1,
                examples: format!("{label:?}"),
            });
        };
        let key = StimulusKey::new(self.list.key(shown))?;
        let original = shown
            .duplicate_of
            .and_then(|label| self.by_label.get(label as usize - 1));
        let same_as = match original {
            Some(original) if original.file != key.as_str() => {
                Some(StimulusKey::new(original.file)?)
            }
            _ => None,
        };
        let reason = (!self.included[shown.label as usize - 1]).then(|| {
            let twin = shown.duplicate_of.or_else(|| {
                let twin = self
                    .by_label
                    .iter()
                    .find(|p| p.duplicate_of == Some(shown.label));
                twin.map(|p| p.label)
            });
            match twin {
                Some(twin) => format!(
                    "label {} shows the clip of label {twin} and is not in the list {}",
                    shown.label, self.list
                ),
                None => format!("label {} is not in the list {}", shown.label, self.list),
            }
        });
        Ok((key, reason, same_as))
    }
}

impl Reconciled {
    /// Adds `left_out.tsv` and `reconciliation.json` to a store.
    pub(crate) fn attach(&self, writer: &Writer, recognised: &[String]) -> Result<(), StoreError> {
        let mut text = "sample\tlabel\trun\torder\tstored\treason\n".to_owned();
        for left in &self.left_out {
            let or = |value: Option<String>| value.unwrap_or_else(|| "n/a".to_owned());
            let _ = writeln!(
                text,
                "{}\t{}\t{}\t{}\t{}\t{}",
                or(left.sample.map(|at| at.to_string())),
                left.label,
                or(left.place.map(|(run, _)| run.to_string())),
                or(left.place.map(|(_, order)| order.to_string())),
                u8::from(left.stored),
                left.reason
            );
        }
        writer.attach("left_out.tsv", &text)?;
        let json = serde_json::json!({"counts": self.reconciliation, "recognised": recognised});
        writer.attach("reconciliation.json", &format!("{json:#}\n"))
    }
}
