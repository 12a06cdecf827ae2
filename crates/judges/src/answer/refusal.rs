//! Whether a reply declines, and in which of six shapes.
//!
//! A request can be filtered before it reaches the model (HTTP 400), and a reply can be cut by a
//! filter, carry a refusal in a field of its own, stop for that reason, be empty, or decline in
//! words. Wording is judged conservatively: "I can't help with that" within the first 300
//! characters, but not "I can't believe how happy they are". A reply that gives an answer in the
//! asked form is a choice even if it apologises; one that a filter cut is a refusal even if an
//! answer stands in what is left.

use super::reading::{only_thinks, visible};
use crate::chat::ChatReply;
use emotome_triplets::Cause;

/// How many characters of a reply are searched for words of refusal.
const OPENING: usize = 300;

/// Who declines and how: these words in this order.
const DECLINES: [&str; 16] = [
    "i can't",
    "i cannot",
    "i can not",
    "i won't",
    "i will not",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i am not able to",
    "we can't",
    "we cannot",
    "we are unable to",
    "i'm not comfortable",
    "i am not comfortable",
    "i must",
    "i have to",
];

/// What is declined: the word after.
const DEEDS: [&str; 25] = [
    "help",
    "assist",
    "answer",
    "provide",
    "comply",
    "fulfill",
    "fulfil",
    "continue",
    "participate",
    "engage",
    "process",
    "complete",
    "respond",
    "discuss",
    "describe",
    "analyze",
    "analyse",
    "evaluate",
    "decline",
    "refuse",
    "do",
    "describing",
    "analyzing",
    "discussing",
    "fulfilling",
];

/// What may be declined only of media: "I can't see the video", but not "I can't see a difference".
const SENSES: [&str; 7] = ["see", "view", "watch", "access", "open", "play", "display"];
const MEDIA: [&str; 14] = [
    "video",
    "videos",
    "clip",
    "clips",
    "image",
    "images",
    "picture",
    "pictures",
    "media",
    "content",
    "file",
    "files",
    "frames",
    "attachments",
];

/// The shape of a refusal that precedes any reading of the text.
#[must_use]
pub fn before_reading(reply: &ChatReply) -> Option<Cause> {
    if reply.finish.as_deref() == Some("content_filter") {
        Some(Cause::ContentFilter)
    } else if reply.refusal.is_some() {
        Some(Cause::RefusalField)
    } else if [&reply.stop, &reply.finish]
        .into_iter()
        .any(|reason| reason.as_deref() == Some("refusal"))
    {
        Some(Cause::StopReason)
    } else {
        None
    }
}

/// Why a reply without an answer has none; `otherwise` if nothing more is to be said.
#[must_use]
pub fn without_answer(reply: &ChatReply, otherwise: Cause) -> Cause {
    let cut = reply.finish.as_deref() == Some("length");
    if declines(&reply.content) {
        Cause::RefusalText
    } else if cut {
        Cause::CutShort
    } else if reply.content.trim().is_empty() && reply.reasoning.is_none() {
        Cause::EmptyReply
    } else if only_thinks(&reply.content) || reply.content.trim().is_empty() {
        // It thought, stopped of its own accord and said nothing.
        Cause::NoAnswer
    } else {
        otherwise
    }
}

/// Whether a text declines in words.
///
/// ```
/// use emotome_judges::answer::refusal::declines;
/// assert!(declines("I'm sorry, but I can't help with that."));
/// assert!(!declines("I can't help but feel happy."));
/// ```
#[must_use]
pub fn declines(reply: &str) -> bool {
    let text = visible(reply);
    let opening: String = text
        .chars()
        .take(OPENING)
        .flat_map(char::to_lowercase)
        .collect();
    let plain = opening.replace(['’', '‘'], "'");
    let words: Vec<&str> = plain
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .filter(|w| !w.is_empty())
        .collect();
    (0..words.len()).any(|at| {
        let rest = &words[at..];
        DECLINES.iter().any(|phrase| {
            let n = phrase.split(' ').count();
            rest.len() > n
                && phrase.split(' ').eq(rest[..n].iter().copied())
                && is_declined(phrase, &rest[n..])
        })
    })
}

fn is_declined(phrase: &str, after: &[&str]) -> bool {
    let skipped = after.iter().skip_while(|word| {
        [
            "in",
            "good",
            "conscience",
            "with",
            "respectfully",
            "politely",
        ]
        .contains(word)
    });
    let after: Vec<&str> = skipped.copied().take(6).collect();
    let Some((&deed, object)) = after.split_first() else {
        return false;
    };
    let next = object.first().copied().unwrap_or_default();
    match deed {
        // "I must help", "I have to describe" decline nothing.
        _ if matches!(phrase, "i must" | "i have to") => matches!(deed, "decline" | "refuse"),
        // "I can't help but notice", "I can't help feeling".
        "help" => next != "but" && !(next.ends_with("ing") && next.len() > 4),
        // "I can't do justice", "I can't do without".
        "do" => matches!(next, "that" | "this" | "so"),
        // "I can't decline", "I will not refuse".
        "decline" | "refuse" => false,
        _ if SENSES.contains(&deed) => object.iter().take(4).any(|word| MEDIA.contains(word)),
        _ => DEEDS.contains(&deed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_refusal_are_found() {
        for text in [
            "I can't help with that.",
            "I'm sorry, but I cannot assist with this request.",
            "I’m sorry, I can’t do that.",
            "I won't describe this content.",
            "As an AI model, I am unable to view videos.",
            "I'm unable to analyze the images you sent.",
            "I must respectfully decline to answer.",
            "I'm not comfortable describing this.",
            "I cannot in good conscience continue.",
        ] {
            assert!(declines(text), "{text}");
        }
    }

    #[test]
    fn false_friends_are_not_taken_for_refusals() {
        for text in [
            "",
            "I can't believe how happy they are!",
            "I can't help but feel sad.",
            "I can't help feeling sad.",
            "I cannot see any difference between them.",
            "I cannot determine which one it is.",
            "I can't wait to see the third.",
            "I won't forget this scene.",
            "I must say that the second is calm.",
            "I have to describe three videos.",
            "Sorry for the delay. They all look alike.",
            "The man says: I refuse.",
            "He can't help her.",
            "I will not decline.",
            "<think>I can't help with that.</think>They are alike.",
        ] {
            assert!(!declines(text), "{text}");
        }
        let late = format!("{} I can't help with that.", "word ".repeat(80));
        assert!(!declines(&late));
    }

    #[test]
    fn the_shapes_are_told_apart() {
        let reply = |content: &str, finish: &str| ChatReply {
            content: content.to_owned(),
            finish: Some(finish.to_owned()),
            ..ChatReply::default()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            before_reading(&reply("", "content_filter")),
            Some(Cause::ContentFilter)
        );
        let field = ChatReply {
            refusal: some("no"),
            ..reply("", "stop")
        };
        assert_eq!(before_reading(&field), Some(Cause::RefusalField));
        let stop = ChatReply {
            stop: some("refusal"),
            ..reply("x", "stop")
        };
        assert_eq!(before_reading(&stop), Some(Cause::StopReason));
        assert_eq!(
            before_reading(&reply("I can't help with that.", "stop")),
            None
        );
        let other = Cause::NoAnswer;
        assert_eq!(
            without_answer(&reply("I can't help with that.", "length"), other),
            Cause::RefusalText
        );
        assert_eq!(
            without_answer(&reply(" \n", "stop"), other),
            Cause::EmptyReply
        );
        assert_eq!(without_answer(&reply("", "length"), other), Cause::CutShort);
        let thought = ChatReply {
            reasoning: some("hm"),
            ..reply("", "stop")
        };
        assert_eq!(without_answer(&thought, Cause::OffList), Cause::NoAnswer);
        assert_eq!(
            without_answer(&reply("They are alike.", "stop"), Cause::OffList),
            Cause::OffList
        );
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC{0,300}") {
            let _ = declines(&text);
        }
    }
}
