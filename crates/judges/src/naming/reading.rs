//! The name in a reply, or the stimulus that a name fits, and nothing that only looks like one.
//!
//! Two forms are read. Where a server makes sure of JSON, and wherever a reply is one JSON object:
//! `{"name": "…", "sentence": "…"}`, or `{"answer": "1"}`, with no other field. Elsewhere lines: one line that
//! begins with `NAME:`, and one with `SENTENCE:` if the model gives it; or the number alone, or `ANSWER: 1`. A
//! code fence, list marks and bold type around a form do no harm; thinking blocks are not looked at.
//!
//! A reply without the form holds no answer; one with two different names is ambiguous: none is picked. A name of
//! more than four words, or without a letter, was not asked for and counts as off the list.

use crate::answer::reading::visible;
use crate::answer::refusal::{before_reading, without_answer};
use crate::chat::ChatReply;
use emotome_triplets::Cause;
use serde::{Deserialize, Serialize};

/// Most words of a name.
pub const MOST_WORDS: usize = 4;

/// Most characters of a name, and of a sentence.
const MOST_CHARACTERS: [usize; 2] = [80, 1_000];

/// The form itself, given back by a model that does not understand it.
const ECHOES: [&str; 3] = ["at most four words", "one sentence", "name"];

/// A name for a dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// At most four words.
    pub name: String,
    /// What it is, if the model said so.
    pub sentence: Option<String>,
}

/// The name that a reply gives.
///
/// # Errors
/// Why it gives none: a refusal in one of its shapes, [`Cause::NoAnswer`], [`Cause::SeveralAnswers`],
/// [`Cause::OffList`] or [`Cause::CutShort`].
pub fn read_name(reply: &ChatReply) -> Result<Suggestion, Cause> {
    read(reply, |text| match object::<Named>(text) {
        Some(named) => suggestion(&named.name, Some(&named.sentence)),
        None => name_in_lines(text),
    })
}

/// Which of two stimuli, 0 or 1, a reply names.
///
/// # Errors
/// As [`read_name`].
pub fn read_fit(reply: &ChatReply) -> Result<usize, Cause> {
    read(reply, |text| {
        let bare = match object::<Fits>(text) {
            Some(fits) => fits.answer,
            None => {
                let text = bare(text.trim_end_matches('.'));
                value(text, "answer").unwrap_or(text).to_owned()
            }
        };
        match bare.trim().trim_end_matches('.') {
            "1" => Ok(0),
            "2" => Ok(1),
            _ => Err(Cause::NoAnswer),
        }
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    sentence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fits {
    answer: String,
}

fn read<T>(reply: &ChatReply, of: impl FnOnce(&str) -> Result<T, Cause>) -> Result<T, Cause> {
    if let Some(cause) = before_reading(reply) {
        return Err(cause);
    }
    of(visible(&reply.content).trim()).map_err(|cause| without_answer(reply, cause))
}

/// A reply that is one JSON object of this form, in a code fence or not.
fn object<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    let fenced = text
        .strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"))
        .and_then(|text| text.strip_suffix("```"));
    serde_json::from_str(fenced.unwrap_or(text).trim()).ok()
}

fn name_in_lines(text: &str) -> Result<Suggestion, Cause> {
    let all = |key| text.lines().filter_map(move |line| value(bare(line), key));
    let mut names: Vec<&str> = all("name").collect();
    names.dedup();
    match names[..] {
        [] => Err(Cause::NoAnswer),
        [name] => suggestion(name, all("sentence").next()),
        _ => Err(Cause::SeveralAnswers),
    }
}

/// What follows a key and a colon.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    bare(found).eq_ignore_ascii_case(key).then(|| bare(value))
}

/// A text without blanks and marks of lists, quotes and bold type around it.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || "*_#>-`\"'“”‘’".contains(c))
}

fn suggestion(name: &str, sentence: Option<&str>) -> Result<Suggestion, Cause> {
    let name = bare(name).trim_end_matches('.');
    let words = name.split_whitespace().count();
    let [most, longest] = MOST_CHARACTERS;
    let sound = (1..=MOST_WORDS).contains(&words)
        && name.chars().count() <= most
        && name.contains(char::is_alphabetic)
        && !name.contains(|c: char| c.is_control() || "<>{}[]|".contains(c))
        && !ECHOES.iter().any(|echo| name.eq_ignore_ascii_case(echo));
    let sentence = sentence.map(|sentence| sentence.trim().chars().take(longest).collect());
    sound
        .then(|| Suggestion {
            name: name.split_whitespace().collect::<Vec<_>>().join(" "),
            sentence: sentence.filter(|sentence: &String| !sentence.is_empty()),
        })
        .ok_or(Cause::OffList)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(content: &str) -> ChatReply {
        ChatReply {
            content: content.to_owned(),
            finish: Some("stop".to_owned()),
            ..ChatReply::default()
        }
    }

    fn name(content: &str) -> Result<String, Cause> {
        read_name(&said(content)).map(|found| found.name)
    }

    #[test]
    fn names_are_read_in_both_forms() {
        for (text, expected) in [
            (
                r#"{"name": "Open water", "sentence": "Water."}"#,
                "Open water",
            ),
            (
                "```json\n{\"name\": \"Open  water\", \"sentence\": \"\"}\n```",
                "Open water",
            ),
            ("NAME: Open water\nSENTENCE: There is water.", "Open water"),
            (
                "**Name:** \"Open water.\"\n\n**Sentence:** There is water.",
                "Open water",
            ),
            ("<think>NAME: fire</think>\nName: Open water", "Open water"),
            (
                "NAME: Open water\nSENTENCE: x\nNAME: Open water",
                "Open water",
            ),
        ] {
            let found = match name(text) {
                Ok(found) => found,
                Err(cause) => panic!("{text}: {cause}"),
            };
            assert_eq!(found, expected, "{text}");
        }
        let whole = read_name(&said("NAME: Fear\nSENTENCE: Scenes: of danger.")).unwrap();
        assert_eq!(whole.sentence.as_deref(), Some("Scenes: of danger."));
    }

    #[test]
    fn what_is_no_name_keeps_its_own_cause() {
        for (text, cause) in [
            ("They all show water.", Cause::NoAnswer),
            ("", Cause::EmptyReply),
            ("NAME: water\nNAME: fire", Cause::SeveralAnswers),
            (
                "NAME: water that is wide and open\nSENTENCE: x",
                Cause::OffList,
            ),
            ("NAME:", Cause::OffList),
            ("NAME: 17", Cause::OffList),
            (
                "NAME: <at most four words>\nSENTENCE: <one sentence>",
                Cause::OffList,
            ),
            ("NAME: one sentence", Cause::OffList),
            (
                r#"{"name": "at most four words", "sentence": "one sentence"}"#,
                Cause::OffList,
            ),
            (
                r#"{"name": "water", "sentence": "x", "dimension": 3}"#,
                Cause::NoAnswer,
            ),
            (
                r#"{"name": "I can't help with that.", "sentence": ""}"#,
                Cause::RefusalText,
            ),
            (
                "I'm sorry, but I can't assist with that.",
                Cause::RefusalText,
            ),
        ] {
            assert_eq!(name(text), Err(cause), "{text}");
        }
        let cut = ChatReply {
            finish: Some("length".to_owned()),
            ..said(r#"{"name": "wat"#)
        };
        assert_eq!(read_name(&cut), Err(Cause::CutShort));
        let filtered = ChatReply {
            finish: Some("content_filter".to_owned()),
            ..said("NAME: water")
        };
        assert_eq!(read_name(&filtered), Err(Cause::ContentFilter));
    }

    #[test]
    fn one_of_two_is_read_and_nothing_else() {
        for (text, expected) in [
            (r#"{"answer": "2"}"#, Ok(1)),
            ("1", Ok(0)),
            ("**2**.", Ok(1)),
            ("Answer: 1", Ok(0)),
            ("12", Err(Cause::NoAnswer)),
            ("1 or 2", Err(Cause::NoAnswer)),
            (
                "Stimulus 1 has water, stimulus 2 has none.",
                Err(Cause::NoAnswer),
            ),
            (r#"{"answer": "3"}"#, Err(Cause::NoAnswer)),
        ] {
            assert_eq!(read_fit(&said(text)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_reply_makes_the_reader_panic(text in ".{0,300}", tail in "[a-zA-Z:{}\"\n* ]{0,80}") {
            for text in [&text, &format!("NAME:{tail}"), &tail] {
                if let Ok(found) = read_name(&said(text)) {
                    prop_assert!(found.name.split_whitespace().count() <= MOST_WORDS);
                }
                let _ = read_fit(&said(text));
            }
        }
    }
}
