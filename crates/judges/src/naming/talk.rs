//! What is said to a model so far, for any carrier.

use super::draw::Examples;
use super::template::{NamingTemplate, Piece, Slot};
use crate::prompt::{Exhibit, MediaError, Shown};
use emotome_language::chat::Role;
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::Sha256Sum;
use std::borrow::Cow;

/// A conversation up to where the model speaks next.
#[derive(Debug, Clone)]
pub struct Talk<'a> {
    pub(super) messages: Vec<(Role, Vec<Exhibit<'a>>)>,
    /// What is said after a reply that cannot be read.
    again: String,
}

impl<'a> Talk<'a> {
    /// Asks what the high examples have in common that the low ones lack; `json` says in which form.
    ///
    /// # Errors
    /// [`MediaError`] if one of them cannot be shown.
    pub fn name(
        template: &NamingTemplate,
        json: bool,
        shown: &'a Shown,
        examples: &Examples,
    ) -> Result<Self, MediaError> {
        Self::new(template, json, |slot, parts: &mut Vec<Exhibit<'a>>| {
            let stimuli = match slot {
                Slot::High | Slot::HighCount => &examples.high,
                _ => &examples.low,
            };
            if matches!(slot, Slot::HighCount | Slot::LowCount) {
                parts.push(text(stimuli.len().to_string()));
                return Ok(());
            }
            for (k, &stimulus) in stimuli.iter().enumerate() {
                if k > 0 {
                    parts.push(text("\n".to_owned()));
                }
                for piece in &template.item {
                    parts.push(match piece {
                        Piece::Text(constant) => text(constant.clone()),
                        Piece::Slot(Slot::Stimulus) => shown.alone(stimulus)?,
                        Piece::Slot(_) => text((k + 1).to_string()),
                    });
                }
            }
            Ok(())
        })
    }

    /// Asks which of two stimuli a name fits.
    ///
    /// # Errors
    /// [`MediaError`] if one of them cannot be shown.
    pub fn fit(
        template: &NamingTemplate,
        json: bool,
        shown: &'a Shown,
        name: &str,
        pair: [StimulusId; 2],
    ) -> Result<Self, MediaError> {
        Self::new(template, json, |slot, parts: &mut Vec<Exhibit<'a>>| {
            parts.push(match slot {
                Slot::First => shown.alone(pair[0])?,
                Slot::Second => shown.alone(pair[1])?,
                _ => text(name.to_owned()),
            });
            Ok(())
        })
    }

    fn new(
        template: &NamingTemplate,
        json: bool,
        fill: impl Fn(Slot, &mut Vec<Exhibit<'a>>) -> Result<(), MediaError>,
    ) -> Result<Self, MediaError> {
        let form = if json {
            &template.json
        } else {
            &template.lines
        }
        .trim_end();
        let mut parts = Vec::new();
        for piece in &template.user {
            match piece {
                Piece::Text(constant) => parts.push(text(constant.clone())),
                Piece::Slot(Slot::Form) => parts.push(text(form.to_owned())),
                Piece::Slot(slot) => fill(*slot, &mut parts)?,
            }
        }
        let system = template
            .system
            .iter()
            .map(|system| (Role::System, vec![text(system.clone())]));
        let again = template.again.iter().map(|piece| match piece {
            Piece::Text(constant) => constant.as_str(),
            Piece::Slot(_) => form,
        });
        Ok(Self {
            messages: system.chain([(Role::User, parts)]).collect(),
            again: again.collect(),
        })
    }

    /// The conversation after a reply that could not be read.
    #[must_use]
    pub fn again(mut self, said: &str) -> Self {
        let again = self.again.clone();
        self.messages
            .push((Role::Assistant, vec![text(said.to_owned())]));
        self.messages.push((Role::User, vec![text(again)]));
        self
    }

    /// A hash of everything that is shown: the first 64 bits of a SHA-256 of roles, texts and checksums of media.
    #[must_use]
    pub fn prompt(&self) -> u64 {
        let mut shown = Vec::new();
        for (role, parts) in &self.messages {
            shown.extend([0, *role as u8]);
            for part in parts {
                match part {
                    Exhibit::Text(text) => shown.extend_from_slice(text.as_bytes()),
                    Exhibit::Media(media) => {
                        for medium in media {
                            shown.push(2);
                            shown.extend_from_slice(medium.sha256.to_string().as_bytes());
                        }
                    }
                }
            }
        }
        u64::from_str_radix(&Sha256Sum::of(&shown).to_string()[..16], 16).unwrap_or_default()
    }

    /// The messages as texts, media as `[image/png]`: for a reader, and for models that read text alone.
    pub fn texts(&self) -> impl Iterator<Item = (Role, String)> {
        self.messages.iter().map(|(role, parts)| {
            let mut text = String::new();
            for part in parts {
                match part {
                    Exhibit::Text(words) => text += words,
                    Exhibit::Media(media) => media
                        .iter()
                        .for_each(|medium| text += &format!("[{}]", medium.mime)),
                }
            }
            (*role, text)
        })
    }
}

const fn text<'a>(words: String) -> Exhibit<'a> {
    Exhibit::Text(Cow::Owned(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::{Draw, NamingParams, Question};
    use crate::prompt::{CaptionDeck, CaptionPolicy};

    fn shown(n: usize) -> Shown {
        let texts = (0..n)
            .map(|i| vec![format!("«caption {}»", char::from(b'a' + (i % 26) as u8))])
            .collect();
        Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Number(1)).unwrap())
    }

    fn told(dim: usize, repeat: u32) -> String {
        let weights: Vec<_> = (0..200)
            .map(|i| (StimulusId(i), ((i + dim as u32 * 31) % 200) as f32))
            .collect();
        let params = NamingParams::default();
        let draw = Draw::new(dim, &weights, &params).unwrap();
        let (shown, template) = (shown(200), NamingTemplate::preset(Question::Name).unwrap());
        let talk = Talk::name(&template, true, &shown, &draw.examples(repeat, &params)).unwrap();
        talk.texts().map(|(_, text)| text).collect()
    }

    /// Whatever the dimension, its weights and the repeat: the same words around captions.
    #[test]
    fn nothing_of_a_dimension_is_told_but_captions() {
        let without = |dim, repeat| {
            let told = told(dim, repeat);
            let around: String = told
                .split('«')
                .map(|part| part.split('»').next_back().unwrap_or_default())
                .collect();
            assert_eq!(told.matches('«').count(), 16);
            around
        };
        let first = without(0, 0);
        assert_eq!(first, without(57, 3));
        assert_eq!(first, without(123, 1));
        assert_ne!(told(0, 0), told(0, 1));
    }

    #[test]
    fn a_talk_is_hashed_by_what_is_shown() {
        let (shown, template) = (shown(30), NamingTemplate::preset(Question::Fit).unwrap());
        let talk = |name, pair: [u32; 2]| {
            Talk::fit(&template, false, &shown, name, pair.map(StimulusId)).unwrap()
        };
        assert_eq!(talk("fear", [1, 2]).prompt(), talk("fear", [1, 2]).prompt());
        assert_ne!(talk("fear", [1, 2]).prompt(), talk("fear", [2, 1]).prompt());
        assert_ne!(talk("fear", [1, 2]).prompt(), talk("joy", [1, 2]).prompt());
        let again = talk("fear", [1, 2]).again("maybe");
        assert_ne!(again.prompt(), talk("fear", [1, 2]).prompt());
        let texts: Vec<_> = again.texts().collect();
        assert_eq!(texts.len(), 4);
        assert_eq!(texts[2], (Role::Assistant, "maybe".to_owned()));
        assert!(texts[3].1.ends_with("1 or 2."), "{}", texts[3].1);
        assert!(
            talk("fear", [1, 2])
                .texts()
                .nth(1)
                .unwrap()
                .1
                .contains("Stimulus 1: «caption b»\nStimulus 2: «caption c»")
        );
        assert!(
            Talk::fit(
                &template,
                false,
                &shown,
                "fear",
                [StimulusId(1), StimulusId(99)]
            )
            .is_err()
        );
    }
}
