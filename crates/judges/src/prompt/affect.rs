//! Captions that name an emotion: they give the model the rater's words and not the clip's.

use emotome_stimuli::StimulusId;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// Words for feelings that are looked for besides the categories of a study's ratings.
const WORDS: &str = "affection affectionate afraid aggressive aggressively agitated amazed amazement amused amusement \
    amusing anger angrily angry anguish annoyed annoying anxiety anxious anxiously ashamed astonished awe awed awkward \
    awkwardly bored boredom boring calm calmly cheerful cheerfully confused confusion contempt contented craving \
    delight delighted delightful depressed depressing desire despair desperate desperately disappointed disappointment \
    disgust disgusted disgusting dismay distress distressed disturbed disturbing dread ecstatic embarrassed embarrassing \
    embarrassment emotion emotional emotionally emotions empathy enjoy enjoying enjoyment enthusiastic enthusiastically \
    entranced envious envy euphoric excited excitedly excitement exciting fear fearful frightened frightening frustrated \
    frustration furious glad gleeful gloomy gratitude greed grief grieving grim guilt guilty happily happiness happy hate \
    hatred heartbreaking heartbroken hope hopeful horrified horrifying horror hostile humiliated hysterical \
    hysterically irritated jealous jealousy joy joyful joyfully joyous lonely loneliness longing love lovingly loving mad \
    melancholy miserable mourning nausea nauseating nervous nervously nostalgia nostalgic outraged panic panicked passion \
    passionate passionately peaceful peacefully pity pleased pleasure proud proudly rage regret relief relieved remorse \
    repulsed repulsive resentful romance romantic romantically sad sadly sadness satisfaction satisfied scared scary sexy \
    shame shocked shocking sorrow stressed surprise surprised surprising suspense sympathy tender tenderly terrified \
    terrifying terror thrilled thrilling triumph triumphant triumphantly uncomfortable unhappy upset worried worry";

/// The words and phrases that are looked for.
#[derive(Debug, Clone)]
pub struct Lexicon {
    words: HashSet<String>,
    /// Phrases of several words, by their first.
    phrases: BTreeMap<String, Vec<Vec<String>>>,
}

/// A caption that names an emotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The stimulus.
    #[serde(serialize_with = "id")]
    pub stimulus: StimulusId,
    /// Which of its captions, counted from 1.
    pub caption: usize,
    /// The words found, in order, each once.
    pub words: Vec<String>,
}

fn id<S: serde::Serializer>(id: &StimulusId, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u32(id.0)
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Naming {
    /// Captions searched.
    pub captions: usize,
    /// Stimuli with at least one such caption.
    pub stimuli: usize,
    /// The captions that name an emotion.
    pub named: Vec<Named>,
    /// In how many captions each word stands, the commonest first.
    pub words: Vec<(String, usize)>,
}

impl Lexicon {
    /// The small list of our own and the names of categories, e.g. those of a study's ratings.
    /// A name such as `Sexual Desire` is looked for as a phrase, not as its words.
    #[must_use]
    pub fn new<'a>(categories: impl IntoIterator<Item = &'a str>) -> Self {
        let mut lexicon = Self {
            words: WORDS.split_whitespace().map(str::to_owned).collect(),
            phrases: BTreeMap::new(),
        };
        for category in categories {
            let mut words = words(category);
            match words.len() {
                0 => {}
                1 => lexicon.words.extend(words.pop()),
                _ => lexicon
                    .phrases
                    .entry(words[0].clone())
                    .or_default()
                    .push(words),
            }
        }
        lexicon
    }

    /// The emotion words and phrases of a text, in order, each once.
    ///
    /// ```
    /// use emotome_judges::prompt::affect::Lexicon;
    /// let lexicon = Lexicon::new(["Sexual Desire"]);
    /// assert_eq!(lexicon.find("A Sad man, then sexual desire; sad."), ["sad", "sexual desire"]);
    /// assert!(lexicon.find("A man walks a dog.").is_empty());
    /// ```
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<String> {
        let words = words(text);
        let mut found: Vec<String> = Vec::new();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let phrases = self.phrases.get(word).into_iter().flatten();
            let phrase = phrases
                .filter(|phrase| words[at..].starts_with(phrase))
                .max_by_key(|phrase| phrase.len());
            // The words of a phrase are not found once more by themselves.
            let (name, length) = match phrase {
                Some(phrase) => (Some(phrase.join(" ")), phrase.len()),
                None => (self.words.contains(word).then(|| word.clone()), 1),
            };
            found.extend(name.filter(|name| !found.contains(name)));
            at += length;
        }
        found
    }

    /// Searches the captions of all stimuli, in the order of ids.
    #[must_use]
    pub fn search(&self, captions: &[Vec<String>]) -> Naming {
        let mut naming = Naming::default();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (row, texts) in captions.iter().enumerate() {
            let before = naming.named.len();
            for (k, text) in texts.iter().enumerate() {
                naming.captions += 1;
                let words = self.find(text);
                for word in &words {
                    *counts.entry(word.clone()).or_default() += 1;
                }
                if !words.is_empty() {
                    naming.named.push(Named {
                        stimulus: StimulusId(row as u32),
                        caption: k + 1,
                        words,
                    });
                }
            }
            naming.stimuli += usize::from(naming.named.len() > before);
        }
        naming.words = counts.into_iter().collect();
        naming.words.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        naming
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_count() {
        let lexicon = Lexicon::new(["Awe", "Aesthetic Appreciation"]);
        assert!(
            lexicon
                .find("A saddle, an awesome lovebird, aesthetic.")
                .is_empty()
        );
        assert_eq!(lexicon.find("AWE!"), ["awe"]);
    }

    #[test]
    fn the_table_names_stimulus_and_caption() {
        let captions = [
            vec!["a dog".to_owned(), "a happy dog".to_owned()],
            vec![],
            vec!["happy, sad".to_owned()],
        ];
        let naming = Lexicon::new([]).search(&captions);
        assert_eq!((naming.captions, naming.stimuli), (3, 2));
        assert_eq!(
            (naming.named[0].stimulus, naming.named[0].caption),
            (StimulusId(0), 2)
        );
        assert_eq!(
            naming.words,
            [("happy".to_owned(), 2), ("sad".to_owned(), 1)]
        );
    }
}
