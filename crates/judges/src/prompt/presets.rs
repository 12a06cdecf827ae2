//! The templates that come with the program.
//!
//! | preset | for | shows |
//! |---|---|---|
//! | `describe-captions` | `free`: describe, then choose; the structure published for language-only models | captions |
//! | `describe-media` | `free`: describe, then choose; the structure published for multimodal models | images, frames, clips |
//! | `choose-captions` | `choice`, `logprob`: one token | captions |
//! | `choose-media` | `choice`, `logprob`: one token | images, frames, clips |
//! | `readout-one-word`, `readout-i-feel`, `readout-main-emotion`, `readout-sense-of`, `readout-mood-tag` | `readout` | captions |
//! | `readout-media` | `readout` | images, frames, clips |
//!
//! Those with three stimuli call them 1, 2, 3; with `-abc` after the name, A, B, C. The words are
//! our own; only the structure follows the published prompts. Constant text stands before the
//! stimuli.

use super::template::{Template, TemplateError};

/// Name and text of each preset with numbers for labels.
const TEXTS: [(&str, &str); 10] = [
    (
        "describe-captions",
        include_str!("presets/describe-captions.toml"),
    ),
    (
        "describe-media",
        include_str!("presets/describe-media.toml"),
    ),
    (
        "choose-captions",
        include_str!("presets/choose-captions.toml"),
    ),
    ("choose-media", include_str!("presets/choose-media.toml")),
    (
        "readout-one-word",
        include_str!("presets/readout-one-word.toml"),
    ),
    (
        "readout-i-feel",
        include_str!("presets/readout-i-feel.toml"),
    ),
    (
        "readout-main-emotion",
        include_str!("presets/readout-main-emotion.toml"),
    ),
    (
        "readout-sense-of",
        include_str!("presets/readout-sense-of.toml"),
    ),
    (
        "readout-mood-tag",
        include_str!("presets/readout-mood-tag.toml"),
    ),
    ("readout-media", include_str!("presets/readout-media.toml")),
];

const NUMBERS: &str = r#"labels = ["1", "2", "3"]"#;
const LETTERS: &str = r#"labels = ["A", "B", "C"]"#;

/// The names of all presets.
#[must_use]
pub fn names() -> Vec<String> {
    let variants = |(name, text): &(&str, &str)| {
        let letters = text.contains(NUMBERS).then(|| format!("{name}-abc"));
        [Some((*name).to_owned()), letters].into_iter().flatten()
    };
    TEXTS.iter().flat_map(variants).collect()
}

/// The text of a preset: what to put into `prompts/NAME.toml` to change it.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    let of = |wanted: &str| {
        let found = TEXTS.iter().find(|(name, _)| *name == wanted);
        found.map(|&(_, text)| text)
    };
    if let Some(text) = of(name) {
        return Some(text.to_owned());
    }
    let plain = name.strip_suffix("-abc")?;
    let letters = |text: &str| {
        let named = text.replace(
            &format!("name = \"{plain}\""),
            &format!("name = \"{name}\""),
        );
        named.replace(NUMBERS, LETTERS)
    };
    of(plain).filter(|text| text.contains(NUMBERS)).map(letters)
}

/// A preset.
///
/// ```
/// let template = emotome_judges::prompt::presets::get("choose-captions-abc")?;
/// assert_eq!(template.labels.to_string(), "A, B or C");
/// # Ok::<(), emotome_judges::prompt::TemplateError>(())
/// ```
///
/// # Errors
/// [`TemplateError::UnknownPreset`] lists the names.
pub fn get(name: &str) -> Result<Template, TemplateError> {
    match text(name) {
        Some(text) => Template::parse(name, &text),
        None => Err(TemplateError::UnknownPreset {
            found: name.to_owned(),
            known: names().join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::{Asks, Piece};

    #[test]
    fn every_preset_is_sound_and_bears_its_name() {
        for name in names() {
            let template = get(&name).unwrap();
            assert_eq!(template.name, name);
            let readout = name.starts_with("readout-");
            assert_eq!(template.asks() == Asks::Readout, readout, "{name}");
            assert_eq!(
                template.again.is_some(),
                name.starts_with("describe-"),
                "{name}"
            );
        }
        assert!(get("readout-media-abc").is_err());
    }

    /// Servers reuse the computation of a common beginning only.
    #[test]
    fn of_three_stimuli_nothing_constant_but_a_cue_follows_the_first() {
        for name in names().iter().filter(|name| !name.starts_with("readout-")) {
            let template = get(name).unwrap();
            assert!(template.system.is_some());
            let after = template
                .user
                .iter()
                .skip_while(|piece| !matches!(piece, Piece::Stimulus(_)));
            for piece in after {
                if let Piece::Text(text) = piece {
                    assert!(text.len() < 40, "{name}: {text:?} stands after a stimulus");
                }
            }
        }
    }

    /// What the recorded readouts of the demo were made with.
    #[test]
    fn the_readouts_of_the_demo_are_among_the_presets() {
        let demo = include_str!("../../../../demo/record/templates.json");
        let demo: Vec<serde_json::Value> = serde_json::from_str(demo).unwrap();
        assert_eq!(demo.len(), 5);
        for recorded in demo {
            let name = recorded["name"].as_str().unwrap().replace('_', "-");
            let template = get(&format!("readout-{name}")).unwrap();
            let shown = template.user.iter().map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Stimulus(_) => "{caption}",
            });
            assert_eq!(
                shown.collect::<String>(),
                recorded["user"].as_str().unwrap()
            );
            assert_eq!(
                template.reply.unwrap_or_default(),
                recorded["reply"].as_str().unwrap()
            );
            assert_eq!(template.system, None);
        }
    }
}
