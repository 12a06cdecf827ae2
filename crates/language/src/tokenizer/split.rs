//! How text is cut into words before merging, by the names that GGUF files have for it.
//!
//! Merging never crosses the cuts, so a wrong rule gives wrong tokens for text that looks harmless:
//! digits, contractions, runs of spaces. The rules are those of the models' published tokenizers,
//! as regular expressions; each is applied to what the one before it left, and what lies between
//! two matches is a word too.

use regex::Regex;

use super::TokenizerError;

/// What happens to a run of white space before a word. The published expressions say it with a
/// look-ahead, `\s+(?!\S)`; here the last character is given back after the match, which keeps the
/// time linear in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    /// It stays whole.
    Whole,
    /// Its last character goes to the word.
    Shared,
    /// Its last character goes to the word, unless that is the end of a line.
    SharedButLines,
}

/// GPT-2's words.
const GPT2: (&str, Space) = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+",
    Space::Shared,
);
const DIGIT: (&str, Space) = (r"\p{N}", Space::Whole);
const THREE_DIGITS: (&str, Space) = (r"\p{N}{1,3}", Space::Whole);
const LLAMA3: (&str, Space) = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Space::SharedButLines,
);
const QWEN2: (&str, Space) = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Space::SharedButLines,
);
const QWEN35: (&str, Space) = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+",
    Space::SharedButLines,
);
const SEED_CODER: (&str, Space) = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+",
    Space::SharedButLines,
);
const TEKKEN: (&str, Space) = (
    concat!(
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
        r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
    ),
    Space::SharedButLines,
);
const GPT4O: (&str, Space) = (
    concat!(
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
    ),
    Space::SharedButLines,
);
const DEEPSEEK3_CJK: (&str, Space) = (r"[\x{4e00}-\x{9fa5}\x{3040}-\x{30ff}]+", Space::Whole);
const DEEPSEEK3: (&str, Space) = (
    concat!(
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
        r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+"
    ),
    Space::SharedButLines,
);
const LINES: (&str, Space) = (r"[\r\n]", Space::Whole);
const DEEPSEEK_CJK: (&str, Space) = (r"[\x{800}-\x{9fa5}\x{ac00}-\x{d7ff}]+", Space::Whole);
/// Letters of alphabets with case, as of the Unicode version that the model's authors had.
const DEEPSEEK_WORD: (&str, Space) = (
    concat!(
        r"\s?[",
        r"A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293}",
        r"\x{295}-\x{2af}\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386}\x{388}-\x{38a}",
        r"\x{38c}\x{38e}-\x{3a1}\x{3a3}-\x{3f5}\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}",
        r"\x{10a0}-\x{10c5}\x{13a0}-\x{13f5}\x{13f8}-\x{13fd}\x{1c90}-\x{1cba}\x{1cbd}-\x{1cbf}",
        r"\x{1d00}-\x{1d2b}\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d}",
        r"\x{1f20}-\x{1f45}\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}",
        r"\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4}\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}",
        r"\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb}\x{1fe0}-\x{1fec}\x{1ff2}-\x{1ff4}",
        r"\x{1ff6}-\x{1ffc}\x{2102}\x{2107}\x{210a}-\x{2113}\x{2115}\x{2119}-\x{211d}\x{2124}",
        r"\x{2126}\x{2128}\x{212a}-\x{212d}\x{212f}-\x{2134}\x{2139}\x{213c}-\x{213f}",
        r"\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184}\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}",
        r"\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d}\x{a680}-\x{a69b}\x{a722}-\x{a76f}",
        r"\x{a771}-\x{a787}\x{a78b}-\x{a78e}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17}",
        r"\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3}",
        r"\x{104d8}-\x{104fb}\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}",
        r"\x{1e900}-\x{1e943}",
        r"]+"
    ),
    Space::Whole,
);
const DEEPSEEK_SIGNS: (&str, Space) = (
    r"\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+",
    Space::Whole,
);
const BLOOM: (&str, Space) = (" ?[^(\\s|.,!?…。，、।۔،)]+", Space::Whole);

/// A rule for cutting text.
#[derive(Debug)]
pub(super) struct Rule {
    names: &'static [&'static str],
    stages: &'static [(&'static str, Space)],
    /// Words that are tokens are taken without merging.
    pub(super) whole_words: bool,
    /// Texts begin with a token for that where the file does not say otherwise.
    pub(super) adds_bos: bool,
}

impl Rule {
    const fn new(names: &'static [&'static str], stages: &'static [(&'static str, Space)]) -> Self {
        Self {
            names,
            stages,
            whole_words: false,
            adds_bos: false,
        }
    }

    /// The rule of a name in `tokenizer.ggml.pre`.
    pub(super) fn named(name: &str) -> Result<&'static Self, TokenizerError> {
        RULES
            .iter()
            .find(|rule| rule.names.contains(&name))
            .ok_or_else(|| TokenizerError::Rule {
                found: name.to_owned(),
            })
    }

    pub(super) fn splitter(&self) -> Splitter {
        Splitter {
            stages: self
                .stages
                .iter()
                .map(|&(expression, space)| Stage {
                    words: Regex::new(expression)
                        .unwrap_or_else(|error| unreachable!("constant expression: {error}")),
                    space,
                })
                .collect(),
        }
    }
}

/// The names of all rules, for messages.
pub(super) fn names() -> String {
    let names = RULES.iter().flat_map(|rule| rule.names);
    names.copied().collect::<Vec<_>>().join(", ")
}

static RULES: [Rule; 17] = [
    Rule::new(
        &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "exaone4",
            "trillion",
            "granite-docling",
        ],
        &[GPT2],
    ),
    Rule::new(
        &[
            "smollm",
            "starcoder",
            "refact",
            "command-r",
            "codeshell",
            "exaone",
            "minerva-7b",
            "mellum2",
        ],
        &[DIGIT, GPT2],
    ),
    Rule {
        whole_words: true,
        adds_bos: true,
        ..Rule::new(
            &[
                "llama-bpe",
                "llama3",
                "llama-v3",
                "falcon3",
                "falcon-h1",
                "pixtral",
                "midm-2.0",
                "lfm2",
            ],
            &[LLAMA3],
        )
    },
    Rule {
        whole_words: true,
        ..Rule::new(&["glm4", "glm5"], &[LLAMA3])
    },
    Rule::new(&["chatglm-bpe", "dbrx", "smaug-bpe"], &[LLAMA3]),
    Rule::new(
        &[
            "qwen2",
            "deepseek-r1-qwen",
            "megrez",
            "stablelm2",
            "hunyuan",
            "solar-open",
            "grok-2",
            "kormo",
        ],
        &[QWEN2],
    ),
    Rule::new(&["qwen35"], &[QWEN35]),
    Rule::new(&["seed-coder"], &[SEED_CODER]),
    Rule {
        whole_words: true,
        adds_bos: true,
        ..Rule::new(&["tekken"], &[TEKKEN])
    },
    Rule::new(&["gpt-4o", "llama4", "kanana2"], &[GPT4O]),
    Rule::new(
        &["deepseek-v3", "hunyuan-dense", "joyai-llm"],
        &[THREE_DIGITS, DEEPSEEK3_CJK, DEEPSEEK3],
    ),
    Rule::new(
        &["deepseek-llm"],
        &[
            LINES,
            DEEPSEEK_WORD,
            DEEPSEEK_SIGNS,
            (r"\s+$", Space::Whole),
            DEEPSEEK_CJK,
            (r"\p{N}+", Space::Whole),
        ],
    ),
    Rule::new(
        &["deepseek-coder"],
        &[
            LINES,
            (r"\s?\p{L}+", Space::Whole),
            (r"\s?\p{P}+", Space::Whole),
            DEEPSEEK_CJK,
            DIGIT,
        ],
    ),
    Rule::new(
        &["falcon"],
        &[
            (r"[\p{P}\$\+<=>\^~\|`]+", Space::Whole),
            GPT2,
            ("[0-9][0-9][0-9]", Space::Whole),
        ],
    ),
    Rule::new(
        &["default"],
        &[
            (r"[\p{P}\$\+<=>\^~\|]+", Space::Whole),
            GPT2,
            (r"\p{N}+", Space::Whole),
            ("[0-9][0-9][0-9]", Space::Whole),
        ],
    ),
    Rule::new(&["bloom", "gpt3-finnish", "poro-chat"], &[BLOOM]),
    Rule::new(&["viking"], &[BLOOM, DIGIT]),
];

#[derive(Debug)]
struct Stage {
    words: Regex,
    space: Space,
}

impl Stage {
    /// Where the match at or after `from` lies.
    fn next(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let found = self.words.find_at(text, from)?;
        let (start, mut end) = (found.start(), found.end());
        let run = found.as_str();
        let last = run.chars().next_back()?;
        let shared = match self.space {
            Space::Whole => false,
            Space::Shared => true,
            Space::SharedButLines => !matches!(last, '\r' | '\n'),
        };
        if shared
            && end < text.len()
            && run.len() > last.len_utf8()
            && last.is_whitespace()
            && run.chars().all(char::is_whitespace)
        {
            end -= last.len_utf8();
        }
        Some((start, end))
    }
}

/// A rule ready for use.
#[derive(Debug)]
pub(super) struct Splitter {
    stages: Vec<Stage>,
}

impl Splitter {
    /// Visits every word of a text, from the first to the last; they are the text.
    pub(super) fn split<E>(
        &self,
        text: &str,
        visit: &mut impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        split(&self.stages, text, visit)
    }
}

fn split<E>(
    stages: &[Stage],
    text: &str,
    visit: &mut impl FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let Some((stage, rest)) = stages.split_first() else {
        return visit(text);
    };
    let mut at = 0;
    while let Some((start, end)) = stage.next(text, at) {
        if at < start {
            split(rest, &text[at..start], visit)?;
        }
        split(rest, &text[start..end], visit)?;
        at = end;
    }
    if at < text.len() {
        split(rest, &text[at..], visit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use proptest::prelude::*;

    fn cut(splitter: &Splitter, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let visited = splitter.split(text, &mut |word| {
            words.push(word.to_owned());
            Ok::<_, ()>(())
        });
        visited.unwrap();
        words
    }

    fn words(name: &str, text: &str) -> Vec<String> {
        cut(&Rule::named(name).unwrap().splitter(), text)
    }

    #[test]
    fn a_run_of_spaces_leaves_its_last_to_the_word() {
        assert_eq!(words("gpt-2", "a   b  "), ["a", "  ", " b", "  "]);
        assert_eq!(
            words("gpt-2", "a\n\n\nb \nc"),
            ["a", "\n\n", "\n", "b", " ", "\n", "c"]
        );
        assert_eq!(
            words("qwen2", "a\n\n\nb \n c"),
            ["a", "\n\n\n", "b", " \n", " c"]
        );
        assert_eq!(words("qwen2", "a \t 1"), ["a", " \t", " ", "1"]);
    }

    #[test]
    fn digits_stand_alone_where_the_rule_says_so() {
        assert_eq!(words("smollm", "in 1234"), ["in", " ", "1", "2", "3", "4"]);
        assert_eq!(words("gpt-2", "in 1234"), ["in", " 1234"]);
        assert_eq!(words("llama-bpe", "in 12345"), ["in", " ", "123", "45"]);
    }

    #[test]
    fn contractions_are_words() {
        assert_eq!(words("gpt-2", "it's IT'S"), ["it", "'s", " IT", "'", "S"]);
        assert_eq!(words("qwen2", "it's IT'S"), ["it", "'s", " IT", "'S"]);
        assert_eq!(words("gpt-4o", "it's IT'S"), ["it's", " IT'S"]);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = RULES.iter().flat_map(|rule| rule.names).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    proptest! {
        #[test]
        fn words_are_the_text(text in "[ \t\r\na-cÄ0-2一'!🙂\u{301}ſ]{0,40}|.{0,40}") {
            static SPLITTERS: LazyLock<Vec<Splitter>> =
                LazyLock::new(|| RULES.iter().map(Rule::splitter).collect());
            for splitter in &*SPLITTERS {
                let words = cut(splitter, &text);
                prop_assert!(words.iter().all(|word| !word.is_empty()));
                prop_assert_eq!(words.concat(), text.as_str());
            }
        }
    }
}
