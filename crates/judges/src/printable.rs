//! Texts of models and servers made fit for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character steers a terminal or makes a line read otherwise than it is written: control
/// characters, marks that turn the direction of writing, and separators of lines.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text as it is, in which what would steer becomes visible and does nothing. Line feeds and tabs stay.
///
/// ```
/// use emotome_judges::printable::visible;
/// assert_eq!(visible("\u{1b}[2Jgone"), "␛[2Jgone");
/// assert_eq!(visible("plain\ttext\n"), "plain\ttext\n");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let acts = |c: char| steers(c) && c != '\n' && c != '\t';
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match u32::from(c) {
            _ if !acts(c) => out.push(c),
            // The pictures of control characters stand in their order.
            code @ 0..0x20 => out.extend(char::from_u32(0x2400 + code)),
            0x7f => out.push('␡'),
            code => {
                let _ = write!(out, "\\u{{{code:x}}}");
            }
        }
    }
    Cow::Owned(out)
}

/// A text on one line: runs of white space and of what would steer become one space.
///
/// ```
/// assert_eq!(emotome_judges::printable::one_line("a\u{1b}[31m\r\n\u{202e}b\u{9b}c "), "a [31m b c");
/// ```
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) || c.is_whitespace() {
            false => line.push(c),
            true if line.ends_with(' ') || line.is_empty() => {}
            true => line.push(' '),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_that_is_shown_acts_on_a_terminal(text in ".{0,80}") {
            let shown = visible(&text);
            prop_assert!(!shown.chars().any(|c| steers(c) && c != '\n' && c != '\t'));
            prop_assert!(!one_line(&text).chars().any(steers));
        }
    }
}
