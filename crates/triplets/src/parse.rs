//! Reads text one row per line, in parallel and in bounded memory: what every text format shares.

use crate::formats::error::{FormatError, LeftOut, RowError};
use emotome_stimuli::run::Run;
use rayon::prelude::*;
use std::io::Read;
use std::path::Path;

/// The text held in memory at a time, and the longest line.
const BLOCK: usize = 8 << 20;
/// The text one task parses; fixed, so that results do not depend on the number of threads.
const PIECE: usize = 256 << 10;
/// The most columns an integer row is read to.
pub(crate) const MAX_COLUMNS: usize = 8;

/// What the lines of a file gave, in file order.
#[derive(Debug)]
pub(crate) struct Lines<T> {
    pub(crate) values: Vec<T>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) blank: u64,
    pub(crate) comments: u64,
}

impl<T> Lines<T> {
    pub(crate) const fn new() -> Self {
        Self {
            values: Vec::new(),
            left_out: Vec::new(),
            blank: 0,
            comments: 0,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        (self.values.len() + self.left_out.len()) as u64
    }

    /// Keeps the value or, where the policy or the reason allows, leaves the row out.
    pub(crate) fn push(
        &mut self,
        line: u64,
        row: Result<T, RowError>,
        leave_out: bool,
    ) -> Result<(), (u64, RowError)> {
        match row {
            Ok(value) => self.values.push(value),
            Err(reason) if leave_out || reason.is_no_choice() => {
                self.left_out.push(LeftOut { line, reason });
            }
            Err(reason) => return Err((line, reason)),
        }
        Ok(())
    }
}

/// A text file being read, and what to do with it.
pub(crate) struct Text<'a, R> {
    pub(crate) path: &'a Path,
    pub(crate) reader: R,
    /// The size of the file, where known: rows are reserved from it.
    pub(crate) size: Option<u64>,
    /// Whether bad rows are left out rather than refused.
    pub(crate) leave_out: bool,
}

impl<R: Read> Text<'_, R> {
    /// Parses every line that is neither blank nor a comment (`#`).
    ///
    /// Takes 16 MiB of text and 16 bytes per choice; O(size) time, shared between threads.
    pub(crate) fn parse<T: Send>(
        mut self,
        run: Run<'_>,
        parse: impl Fn(&[u8]) -> Result<T, RowError> + Sync,
    ) -> Result<Lines<T>, FormatError> {
        let mut all = Lines::new();
        let most = self.size.map_or(BLOCK, |size| BLOCK.min(size as usize));
        let mut block = Vec::with_capacity(most);
        let (mut line, mut bytes, mut start) = (1, 0_u64, true);
        let leave_out = self.leave_out;
        run.progress.begin("reading", self.size);
        loop {
            let wanted = (BLOCK - block.len()) as u64;
            let read = self.reader.by_ref().take(wanted).read_to_end(&mut block);
            let read = read.map_err(|source| FormatError::Io {
                path: self.path.into(),
                source,
            })?;
            let ended = (read as u64) < wanted;
            if std::mem::take(&mut start) && block.starts_with(b"\xef\xbb\xbf") {
                block.drain(..3);
            }
            let end = match block.iter().rposition(|&byte| byte == b'\n') {
                _ if ended => block.len(),
                Some(last) => last + 1,
                None => {
                    return Err(FormatError::LongLine {
                        path: self.path.into(),
                        line,
                        limit: BLOCK,
                    });
                }
            };
            let pieces: Vec<_> = pieces(&block[..end])
                .into_par_iter()
                .map(|piece| parse_piece(piece, leave_out, &parse))
                .collect();
            for (piece, lines) in pieces {
                let mut piece = piece.map_err(|(offset, source)| FormatError::Row {
                    path: self.path.into(),
                    line: line + offset,
                    source,
                })?;
                piece.left_out.iter_mut().for_each(|row| row.line += line);
                all.values.append(&mut piece.values);
                all.left_out.append(&mut piece.left_out);
                all.blank += piece.blank;
                all.comments += piece.comments;
                line += lines;
            }
            if bytes == 0 && !ended {
                let expected = self
                    .size
                    .map_or(0.0, |size| size as f64 / end as f64 * 1.02);
                all.values
                    .reserve((all.values.len() as f64 * (expected - 1.0).max(0.0)) as usize);
            }
            bytes += end as u64;
            run.progress.advance(end as u64);
            if ended {
                run.progress.end();
                return Ok(all);
            }
            if run.interrupt.requested() {
                return Err(FormatError::Interrupted);
            }
            block.drain(..end);
        }
    }
}

/// The rows of a piece, numbered from 0, and its number of lines.
fn parse_piece<T>(
    piece: &[u8],
    leave_out: bool,
    parse: &impl Fn(&[u8]) -> Result<T, RowError>,
) -> (Result<Lines<T>, (u64, RowError)>, u64) {
    let mut lines = Lines::new();
    let mut number = 0;
    for line in piece
        .strip_suffix(b"\n")
        .unwrap_or(piece)
        .split(|&byte| byte == b'\n')
    {
        match line.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => lines.blank += 1,
            Some(b'#') => lines.comments += 1,
            Some(_) => {
                if let Err(error) = lines.push(number, parse(line), leave_out) {
                    return (Err(error), number);
                }
            }
        }
        number += 1;
    }
    (Ok(lines), number)
}

/// Cuts text at the first line end after every [`PIECE`] bytes.
fn pieces(mut text: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE + 1);
    while text.len() > PIECE {
        let cut = text[PIECE..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(text.len(), |at| PIECE + at + 1);
        let (piece, rest) = text.split_at(cut);
        pieces.push(piece);
        text = rest;
    }
    if !text.is_empty() {
        pieces.push(text);
    }
    pieces
}

/// The whole numbers of a line separated by blanks, tabs, commas or semicolons.
///
/// `1.0` and `7.3e+01` count as whole numbers, because `numpy.savetxt` writes them so by default;
/// `True` and `False` count as 1 and 0 in the last column. Columns past [`MAX_COLUMNS`] are
/// counted and not kept.
pub(crate) fn integers(line: &[u8]) -> Result<([i64; MAX_COLUMNS], usize), RowError> {
    let (mut values, mut count, mut at) = ([0; MAX_COLUMNS], 0, 0);
    while at < line.len() {
        if is_separator(line[at]) {
            at += 1;
            continue;
        }
        let start = at;
        let mut value = 0_i64;
        while at < line.len() && line[at].is_ascii_digit() && at - start < 18 {
            value = value * 10 + i64::from(line[at] - b'0');
            at += 1;
        }
        if at < line.len() && !is_separator(line[at]) {
            at += line[at..]
                .iter()
                .position(|&byte| is_separator(byte))
                .unwrap_or(line.len() - at);
            let last = line[at..].iter().all(|&byte| is_separator(byte));
            value = integer(&line[start..at], count >= 3 && last)?;
        }
        if let Some(place) = values.get_mut(count) {
            *place = value;
        }
        count += 1;
    }
    Ok((values, count))
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b',' | b';' | b'\r')
}

/// The value of a token that is not made of a few digits alone.
#[cold]
fn integer(token: &[u8], boolean: bool) -> Result<i64, RowError> {
    if token.contains(&0) {
        return Err(RowError::ZeroByte);
    }
    let wrong = || RowError::NotAnInteger {
        token: quote(token),
    };
    let text = std::str::from_utf8(token).map_err(|_| wrong())?;
    if boolean && (text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")) {
        return Ok(i64::from(text.eq_ignore_ascii_case("true")));
    }
    if let Ok(value) = text.parse::<i64>() {
        return Ok(value);
    }
    whole(text.parse::<f64>().map_err(|_| wrong())?).ok_or_else(wrong)
}

/// A number without a fraction that `f64` holds exactly.
pub(crate) fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0).then_some(value as i64)
}

/// At most 40 characters of a token, for an error message.
pub(crate) fn quote(token: &[u8]) -> String {
    let text = String::from_utf8_lossy(&token[..token.len().min(160)]);
    let mut short: String = text.chars().take(40).collect();
    if token.len() > 160 || text.chars().count() > 40 {
        short.push('…');
    }
    short
}

/// Writes the digits of a number; `write!` would take most of the time of an export.
pub(crate) fn push_integer(out: &mut Vec<u8>, mut value: u32) {
    let (mut digits, mut at) = ([0_u8; 10], 10);
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::run::{Interrupt, Silent};

    fn parse(text: &[u8], leave_out: bool) -> Result<Lines<i64>, FormatError> {
        let text = Text {
            path: Path::new("file"),
            reader: text,
            size: Some(text.len() as u64),
            leave_out,
        };
        let run = Run {
            progress: &Silent,
            interrupt: &Interrupt::default(),
        };
        text.parse(run, |line| integers(line).map(|(values, _)| values[0]))
    }

    #[test]
    fn lines_keep_their_order_and_number_over_pieces_and_blocks() {
        let count = 2_000_000;
        let mut text = Vec::new();
        for value in 0..count {
            push_integer(&mut text, value);
            text.extend_from_slice(if value % 5 == 0 { b"\r\n\n" } else { b"\n" });
        }
        assert!(text.len() > BLOCK);
        let lines = parse(&text, false).unwrap();
        assert_eq!(lines.values, (0..i64::from(count)).collect::<Vec<_>>());
        assert_eq!(lines.blank, u64::from(count) / 5);

        let bad = text.len() - 3;
        text[bad] = b'x';
        let last = u64::from(count + count / 5);
        let error = parse(&text, false).unwrap_err();
        assert!(
            matches!(error, FormatError::Row { line, .. } if line == last),
            "{error}"
        );
        let lines = parse(&text, true).unwrap();
        assert_eq!((lines.left_out.len(), lines.left_out[0].line), (1, last));
    }

    #[test]
    fn a_line_that_never_ends_is_refused_before_it_fills_the_memory() {
        let error = parse(&vec![b'1'; 3 * BLOCK], false).unwrap_err();
        assert!(
            matches!(error, FormatError::LongLine { line: 1, .. }),
            "{error}"
        );
    }

    #[test]
    fn numbers_are_read_as_numpy_writes_them() {
        let read = |line: &str| integers(line.as_bytes()).map(|(values, n)| values[..n].to_vec());
        assert_eq!(read("7.320000000000000000e+02 5 -1").unwrap(), [732, 5, -1]);
        assert_eq!(read("1,2;\t3 True\r").unwrap(), [1, 2, 3, 1]);
        for wrong in [
            "1.5",
            "True 2 3 4",
            "nan",
            "inf",
            "1e300",
            "0x10",
            "١",
            "99999999999999999999",
        ] {
            assert!(
                matches!(read(wrong), Err(RowError::NotAnInteger { .. })),
                "{wrong} was accepted"
            );
        }
        assert_eq!(read("1\0 2"), Err(RowError::ZeroByte));
    }
}
