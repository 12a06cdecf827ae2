//! Keeps what messages say apart from marks while a template is at work.
//!
//! The template's result is text in which marks are looked for. Wherever a message contains a mark,
//! or could become part of one together with the template's text, one of its characters is replaced
//! by a stand-in from Unicode's private use areas before rendering and put back afterwards. All
//! other text passes unchanged, so templates can trim and search it as they always do.

use std::collections::HashSet;

use crate::tokenizer::Tokenizer;

/// Stand-ins of one rendering.
pub(super) struct Guard {
    /// Characters that are in use already.
    taken: HashSet<char>,
    /// Stand-in and the character it stands for.
    pairs: Vec<(char, char)>,
}

impl Guard {
    /// Stand-ins that occur in none of the texts.
    pub(super) fn new<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let private = |&c: &char| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
        Self {
            taken: texts.flat_map(str::chars).filter(private).collect(),
            pairs: Vec::new(),
        }
    }

    /// The message such that no mark can be found in it, nor across its ends.
    ///
    /// `None` if no private character is left to stand in.
    pub(super) fn hide(&mut self, text: &str, tokenizer: &Tokenizer) -> Option<String> {
        let mut text = text.to_owned();
        // Breaking one mark may leave another that overlaps it.
        loop {
            let found: Vec<usize> = tokenizer
                .find_marks(&text)
                .map(|range| range.start)
                .collect();
            if found.is_empty() {
                break;
            }
            // From the last, as stand-ins may be longer than what they stand for.
            for at in found.into_iter().rev() {
                self.replace(&mut text, at)?;
            }
        }
        // Templates may trim what is said.
        for trimmed in [false, true] {
            let begin = match trimmed {
                true => text.len() - text.trim_start().len(),
                false => 0,
            };
            if tokenizer
                .mark_texts()
                .any(|mark| continues(mark, &text[begin..]))
            {
                self.replace(&mut text, begin)?;
            }
            let said = if trimmed { text.trim_end() } else { &text };
            if tokenizer.mark_texts().any(|mark| begins(mark, said)) {
                let last = said.char_indices().next_back();
                self.replace(&mut text, last.map_or(0, |(at, _)| at))?;
            }
        }
        Some(text)
    }

    /// The character that stood where this one stands.
    pub(super) fn show(&self, shown: char) -> char {
        let pair = self.pairs.iter().find(|&&(stand_in, _)| stand_in == shown);
        pair.map_or(shown, |&(_, own)| own)
    }

    fn replace(&mut self, text: &mut String, at: usize) -> Option<()> {
        let own = text[at..].chars().next()?;
        let stand_in = match self.pairs.iter().find(|&&(_, known)| known == own) {
            Some(&(stand_in, _)) => stand_in,
            None => {
                let mut free = ('\u{e000}'..='\u{f8ff}').chain('\u{f0000}'..='\u{10ffff}');
                let stand_in = free.find(|&c| self.taken.insert(c))?;
                self.pairs.push((stand_in, own));
                stand_in
            }
        };
        text.replace_range(at..at + own.len_utf8(), stand_in.encode_utf8(&mut [0; 4]));
        Some(())
    }
}

/// Whether a mark may have begun before a text and go on in it.
fn continues(mark: &str, text: &str) -> bool {
    let rests = mark.char_indices().skip(1).map(|(at, _)| &mark[at..]);
    !text.is_empty() && { rests }.any(|rest| text.starts_with(rest) || rest.starts_with(text))
}

/// Whether a text ends with the beginning of a mark.
fn begins(mark: &str, text: &str) -> bool {
    let beginnings = mark.char_indices().skip(1).map(|(at, _)| &mark[..at]);
    { beginnings }.any(|beginning| text.ends_with(beginning))
}
