//! The answer in a reply of free text, and nothing that only looks like one.
//!
//! The form asked for is "Video 2 is noticeably different". A statement counts as an answer if it
//! is `NOUN LABEL is|was`, then up to five adverbs or articles, then `different` or `odd`, in one
//! sentence, whatever markup stands between. It does not count
//!
//! - as a question ("Is …", "Video 2 is different?") or after `if`, `whether`, `unless`, `suppose`, `not`;
//! - with a word of doubt or denial between ("not", "hardly", "slightly", "equally");
//! - as a comparison with one other stimulus ("different from Video 1"), which leaves open who is odd;
//! - inside a thinking block (`<think>…</think>`).
//!
//! All statements of a reply are collected. None is no answer, two different ones are ambiguous: no
//! rule picks the first, and nothing but the reply itself is looked at.

use crate::prompt::{Labels, Template};
use emotome_triplets::Position;
use std::borrow::Cow;

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Nothing in the asked form.
    Nothing,
    /// One answer, however often.
    One(Position),
    /// Two or three different answers.
    Several,
}

/// What stimuli are called in a reply.
#[derive(Debug, Clone)]
pub struct Form {
    labels: Labels,
    /// In lower case.
    nouns: Vec<String>,
    ordinals: bool,
}

const ORDINALS: [&str; 3] = ["first", "second", "third"];
const VERBS: [&str; 2] = ["is", "was"];
const KEYS: [&str; 2] = ["different", "odd"];
const MODIFIERS: [&str; 13] = [
    "the", "a", "an", "one", "that", "most", "more", "very", "quite", "rather", "so", "much", "far",
];
const DOUBTFUL: [&str; 10] = [
    "hardly",
    "barely",
    "scarcely",
    "unlikely",
    "equally",
    "slightly",
    "mildly",
    "possibly",
    "probably",
    "potentially",
];
const CONDITIONS: [&str; 7] = [
    "if", "whether", "unless", "suppose", "assuming", "not", "neither",
];
const COMPARISONS: [&str; 4] = ["from", "than", "to", "compared"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Comma,
    /// The end of a sentence or clause.
    End,
    Question,
}

impl Form {
    /// What a template calls its stimuli.
    #[must_use]
    pub fn of(template: &Template) -> Self {
        let nouns = template.nouns.iter().chain([&template.noun]);
        Self {
            labels: template.labels.clone(),
            nouns: nouns.map(|noun| noun.to_lowercase()).collect(),
            ordinals: template.ordinals,
        }
    }

    /// What a reply to the full question says.
    ///
    /// ```
    /// use emotome_judges::answer::reading::{Form, Reading};
    /// use emotome_judges::prompt::presets;
    /// use emotome_triplets::Position;
    /// let form = Form::of(&presets::get("describe-captions")?);
    /// let reply = "Unlike **Video 1**, Video 2 is sad. *Video 3 is noticeably different.*";
    /// assert_eq!(form.read(reply), Reading::One(Position::Third));
    /// assert_eq!(form.read("Video 1, I think."), Reading::Nothing);
    /// # Ok::<(), emotome_judges::prompt::TemplateError>(())
    /// ```
    #[must_use]
    pub fn read(&self, reply: &str) -> Reading {
        let text = visible(reply);
        let tokens = tokens(&text);
        let mut named = [false; 3];
        for at in 0..tokens.len() {
            if let Some(place) = self.statement(&tokens, at) {
                named[place.index()] = true;
            }
        }
        let mut places = Position::ALL
            .into_iter()
            .filter(|place| named[place.index()]);
        match (places.next(), places.next()) {
            (None, _) => Reading::Nothing,
            (Some(place), None) => Reading::One(place),
            _ => Reading::Several,
        }
    }

    /// What a reply to "say the label alone" says: a bare label, also with the noun or "Answer"
    /// before it, or a statement in the full form.
    #[must_use]
    pub fn read_short(&self, reply: &str) -> Reading {
        let text = visible(reply);
        let bare: Vec<Token<'_>> = tokens(&text)
            .into_iter()
            .filter(|t| matches!(t, Token::Word(_)))
            .collect();
        let bare = match bare.as_slice() {
            [Token::Word(word), rest @ ..]
                if !rest.is_empty() && word.eq_ignore_ascii_case("answer") =>
            {
                rest
            }
            all => all,
        };
        let alone = match bare {
            [Token::Word(word)] => self.labels.place(word),
            _ => None,
        };
        let place = alone.or_else(|| {
            let (place, after) = self.mention(bare, 0)?;
            (after == bare.len()).then_some(place)
        });
        place.map_or_else(|| self.read(reply), Reading::One)
    }

    /// The place that a constrained reply names: exactly a label, or the object `{"answer": label}`.
    #[must_use]
    pub fn exact(&self, reply: &str) -> Option<Position> {
        let text = visible(reply);
        let text = text.trim();
        let of = |label: &str| {
            Position::from_index(self.labels.all().iter().position(|known| known == label)?)
        };
        of(text).or_else(|| {
            let value: serde_json::Value = serde_json::from_str(text).ok()?;
            of(value.as_str().or_else(|| value.get("answer")?.as_str())?)
        })
    }

    /// The place named by the statement that begins at a token.
    fn statement(&self, tokens: &[Token<'_>], at: usize) -> Option<Position> {
        let (place, mut next) = self.mention(tokens, at)?;
        let before = tokens[..at].iter().rev();
        let before = before.map_while(|token| match token {
            Token::Word(word) => Some(word.to_lowercase()),
            _ => None,
        });
        if before
            .into_iter()
            .find(|word| word != "the")
            .is_some_and(|word| CONDITIONS.contains(&word.as_str()))
        {
            return None;
        }
        let word = |at: usize| match tokens.get(at) {
            Some(Token::Word(word)) => Some(word.to_lowercase()),
            _ => None,
        };
        if !VERBS.contains(&word(next)?.as_str()) {
            return None;
        }
        next += 1;
        for _ in 0..=5 {
            let found = word(next)?;
            next += 1;
            if KEYS.contains(&found.as_str()) {
                return (!self.is_comparison(tokens, next) && !is_question(tokens, next))
                    .then_some(place);
            }
            let adverb = found.ends_with("ly") && !DOUBTFUL.contains(&found.as_str());
            if !adverb && !MODIFIERS.contains(&found.as_str()) {
                return None;
            }
        }
        None
    }

    /// A stimulus called by noun and label, or by ordinal and noun, and the token after it.
    fn mention(&self, tokens: &[Token<'_>], at: usize) -> Option<(Position, usize)> {
        let Token::Word(first) = tokens.get(at)? else {
            return None;
        };
        let second = match tokens.get(at + 1) {
            Some(Token::Word(second)) => Some(*second),
            _ => None,
        };
        if self.is_noun(first) {
            return Some((self.labels.place(second?)?, at + 2));
        }
        // "video2": the label follows without a blank.
        let joined = self.nouns.iter().find_map(|noun| {
            let rest = first.get(noun.len()..)?;
            let is_noun = first[..noun.len()].eq_ignore_ascii_case(noun);
            self.labels.place(rest).filter(|_| is_noun)
        });
        if let Some(place) = joined {
            return Some((place, at + 1));
        }
        let ordinal = ORDINALS
            .iter()
            .position(|ordinal| first.eq_ignore_ascii_case(ordinal));
        let place = Position::from_index(ordinal.filter(|_| self.ordinals)?)?;
        self.is_noun(second?).then_some((place, at + 2))
    }

    fn is_noun(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        self.nouns.contains(&word)
    }

    /// Whether "different" is followed by a comparison with exactly one other stimulus.
    fn is_comparison(&self, tokens: &[Token<'_>], after: usize) -> bool {
        let sentence = tokens[after..]
            .iter()
            .take_while(|token| !matches!(token, Token::End | Token::Question));
        let end = after + sentence.count();
        let is = |at: usize, words: &[&str]| matches!(tokens[at], Token::Word(word) if words.contains(&word.to_lowercase().as_str()));
        let Some(compared) = (after..end.min(after + 6)).find(|&at| is(at, &COMPARISONS)) else {
            return false;
        };
        let near = (compared + 1)..end.min(compared + 4);
        let Some((_, next)) = near
            .into_iter()
            .find_map(|at| self.mention(&tokens[..end], at))
        else {
            return false;
        };
        // "from Video 1 and Video 2", "from Video 1, 2": both others, and so an answer after all.
        let joined = (next..end.min(next + 4)).any(|at| {
            let label =
                matches!(tokens[at], Token::Word(word) if self.labels.place(word).is_some());
            label || self.mention(&tokens[..end], at).is_some()
        });
        let listed =
            next < end && (tokens[next] == Token::Comma || is(next, &["and", "or", "nor"]));
        !(joined && listed)
    }
}

fn is_question(tokens: &[Token<'_>], after: usize) -> bool {
    let end = tokens[after..]
        .iter()
        .find(|token| matches!(token, Token::End | Token::Question));
    end == Some(&Token::Question)
}

/// A reply without its thinking: `<think>…</think>` and `<thinking>…</thinking>`. A block that is
/// not closed reaches to the end, one that is not opened from the beginning.
#[must_use]
pub fn visible(reply: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(reply);
    for name in ["think", "thinking"] {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        if !text.contains(&open) && !text.contains(&close) {
            continue;
        }
        let mut rest: &str = &text;
        let mut out = String::with_capacity(rest.len());
        loop {
            match (rest.find(&open), rest.find(&close)) {
                (Some(start), Some(end)) if end < start => {
                    out.clear();
                    rest = &rest[end + close.len()..];
                }
                (Some(start), end) => {
                    out += &rest[..start];
                    rest = end.map_or("", |end| &rest[end + close.len()..]);
                }
                (None, Some(end)) => {
                    out.clear();
                    rest = &rest[end + close.len()..];
                }
                (None, None) => {
                    out += rest;
                    break;
                }
            }
        }
        text = Cow::Owned(out);
    }
    text
}

/// Whether a reply consists of thinking that never ended.
#[must_use]
pub fn only_thinks(reply: &str) -> bool {
    !reply.trim().is_empty() && visible(reply).trim().is_empty()
}

/// Words and the marks that end sentences and clauses; markup falls away.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '’'))
            .unwrap_or(rest.len());
        if word > 0 {
            let bare = rest[..word].trim_matches(['\'', '’']);
            if !bare.is_empty() {
                tokens.push(Token::Word(bare));
            }
            rest = &rest[word..];
            continue;
        }
        let mut length = c.len_utf8();
        match c {
            '?' | '？' => tokens.push(Token::Question),
            ',' => tokens.push(Token::Comma),
            '.' | '!' | ';' | ':' | '(' | ')' | '—' | '–' | '…' | '。' => {
                tokens.push(Token::End);
            }
            '\n' if rest[1..]
                .trim_start_matches([' ', '\t', '\r'])
                .starts_with('\n') =>
            {
                tokens.push(Token::End);
            }
            '<' => length = tag(rest).unwrap_or(1),
            _ => {}
        }
        rest = &rest[length..];
    }
    tokens
}

/// The length of an HTML tag, such as `</b>`, at the start of a text.
fn tag(text: &str) -> Option<usize> {
    let inside = text[1..].trim_start_matches('/');
    let begins = inside.starts_with(|c: char| c.is_ascii_alphabetic());
    let end = text.bytes().take(24).position(|byte| byte == b'>')?;
    (begins && !text[1..end].contains('<')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::presets;
    use proptest::prelude::*;

    fn form(preset: &str) -> Form {
        Form::of(&presets::get(preset).unwrap())
    }

    fn read(reply: &str) -> Reading {
        form("describe-captions").read(reply)
    }

    const FIRST: Reading = Reading::One(Position::First);
    const SECOND: Reading = Reading::One(Position::Second);
    const THIRD: Reading = Reading::One(Position::Third);

    #[test]
    fn the_asked_form_is_read_in_any_dress() {
        for reply in [
            "Video 2 is noticeably different.",
            "**Video 2** is *noticeably different*",
            "video2 is noticeably different",
            "Video+2 is noticeably different",
            "VIDEO #2 is noticeably different!",
            "\"Video 2 is noticeably different\"",
            "Video_2 is noticeably different",
            "Video-2 was clearly the odd one out",
            "Clip 2 is the odd one out.",
            "<b>Video 2</b> is distinctly different.",
            "# Answer\nVideo 2 is\nnoticeably different because it is sad.",
            "I conclude that Video 2 is noticeably different from Video 1 and Video 3.",
            "Video 2 is different from the other two.",
            "Video 2 is noticeably different from videos 1 and 3.",
            "Video 2 is noticeably different. Video 2 is noticeably different.",
            "<think>Video 1 is noticeably different</think>Video 2 is noticeably different",
            "Video 1 is noticeably different.</think>\nVideo 2 is noticeably different",
        ] {
            assert_eq!(read(reply), SECOND, "{reply}");
        }
    }

    #[test]
    fn what_only_looks_like_an_answer_is_none() {
        for reply in [
            "",
            "2",
            "Video 2",
            "Video 2 is not noticeably different.",
            "Video 2 isn't noticeably different.",
            "Video 2 is hardly different.",
            "Video 2 is slightly different.",
            "Video 2 is calm but different.",
            "Is Video 2 noticeably different?",
            "Video 2 is noticeably different?",
            "Tell me whether Video 2 is noticeably different.",
            "If the Video 2 is different, then what.",
            "Video 2 is different from Video 1.",
            "Video 2 is noticeably different in tone from Video 1 because of the dog.",
            "Video ID is noticeably different",
            "Video 4 is noticeably different.",
            "Video 22 is noticeably different.",
            "Video 2. It is noticeably different.",
            "My video 2nd is noticeably different",
            "Avideo 2 is noticeably different",
            "The second video is noticeably different.",
            "<think>Video 2 is noticeably different",
            "<thinking>Video 2 is noticeably different</thinking>I cannot say.",
        ] {
            assert_eq!(read(reply), Reading::Nothing, "{reply}");
        }
    }

    /// A published collector looked for the first word of each description among the first 100
    /// characters of the reply, in list order: a bias towards the first made by the parser itself.
    #[test]
    fn mentioning_a_stimulus_early_does_not_choose_it() {
        assert_eq!(
            read("Unlike the apple, the drill is noticeably different."),
            Reading::Nothing
        );
        assert_eq!(
            read("Unlike Video 1, Video 3 is noticeably different."),
            THIRD
        );
        assert_eq!(
            read("Video 1 and Video 2 are alike. Video 3 is noticeably different from them."),
            THIRD
        );
        assert_eq!(
            read("Video 1: joy. Video 2: joy. Video 3: fear."),
            Reading::Nothing
        );
    }

    #[test]
    fn two_different_answers_are_ambiguous() {
        let both =
            "Video 1 is noticeably different. On second thought, Video 3 is noticeably different.";
        assert_eq!(read(both), Reading::Several);
    }

    #[test]
    fn letters_count_in_their_own_case() {
        let letters = form("describe-captions-abc");
        assert_eq!(letters.read("Video A is noticeably different"), FIRST);
        assert_eq!(
            letters.read("video a is noticeably different"),
            Reading::Nothing
        );
        assert_eq!(
            letters.read("Video 1 is noticeably different"),
            Reading::Nothing
        );
        assert_eq!(letters.read_short("a"), Reading::Nothing);
        assert_eq!(letters.read_short("**B**."), SECOND);
    }

    #[test]
    fn ordinals_count_where_the_template_says_so() {
        let text = presets::text("describe-captions").unwrap() + "ordinals = true\n";
        let form = Form::of(&Template::parse("t", &text).unwrap());
        assert_eq!(form.read("The third video is the odd one out."), THIRD);
        assert_eq!(
            form.read("Video 3 is noticeably different, so the third video is different."),
            THIRD
        );
    }

    #[test]
    fn short_answers_are_bare() {
        let form = form("describe-captions");
        for reply in [
            "2",
            " 2.\n",
            "Video 2",
            "video2",
            "Answer: 2",
            "\"2\"",
            "**Video 2**",
            "Video 2 is noticeably different.",
        ] {
            assert_eq!(form.read_short(reply), SECOND, "{reply}");
        }
        for reply in [
            "", "4", "1 2", "1 or 2", "2 videos", "Not 2", "Video", "Answer",
        ] {
            assert_eq!(form.read_short(reply), Reading::Nothing, "{reply}");
        }
    }

    #[test]
    fn constrained_answers_are_exact() {
        let form = form("describe-captions");
        for reply in [
            "2",
            " 2\n",
            "\"2\"",
            "{\"answer\": \"2\"}",
            "<think>1</think>2",
        ] {
            assert_eq!(form.exact(reply), Some(Position::Second), "{reply}");
        }
        for reply in ["", "Video 2", "2.", "4", "{\"answer\": 2}", "[\"2\"]"] {
            assert_eq!(form.exact(reply), None, "{reply}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,200}", html in "(<|>|/|b|think|Video|1|2| |is|odd|different|\\?|\\.|\n|é){0,60}") {
            let form = form("describe-captions");
            for text in [&text, &html] {
                let _ = form.read(text);
                let _ = form.read_short(text);
                let _ = form.exact(text);
                let _ = only_thinks(text);
            }
        }

        /// Whatever a model writes about the three, only a statement in the asked form counts.
        #[test]
        fn the_statement_is_found_in_any_description(before in "([a-z ]{1,20}[.,]? ){0,6}", after in "( [a-z ]{1,20}[.,]?){0,6}", place in 0_usize..3) {
            let reply = format!("{before}.\n\nVideo {} is noticeably different. {after}", place + 1);
            prop_assert_eq!(read(&reply), Reading::One(Position::from_index(place).unwrap()));
        }

        /// Renaming the stimuli renames the answer.
        #[test]
        fn no_label_is_preferred(words in "((Video|Clip|is|odd|different|not|from|and|the|[123])[ .,]{1,2}){0,30}") {
            let turned: String = words.chars().map(|c| match c { '1' => '2', '2' => '3', '3' => '1', c => c }).collect();
            let expected = match read(&words) {
                Reading::One(place) => Reading::One(Position::from_index((place.index() + 1) % 3).unwrap()),
                other => other,
            };
            prop_assert_eq!(read(&turned), expected);
        }
    }
}
