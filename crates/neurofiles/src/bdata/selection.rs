//! The language in which columns are selected: `"hcp180_r_lh.L_*" & VoxelData - ROI_A = 1`.
//!
//! ```text
//! selection := set [ '@' set ]                       left of '@' a ranking
//! set       := term { ('|' | '+' | '&' | '-') term }  from left to right, all alike
//! term      := atom [ '=' ('0' | '1') ] | key 'top' count
//! atom      := key | '(' selection ')'
//! key       := characters and quoted parts ("…" or '…'); '*' stands for any characters
//! ```
//!
//! A key stands for the columns whose value is 1 in any key it matches; `= 0` for all others, as in bdpy. `key top
//! n` takes the n columns with the largest values (ties: the first column; columns without a value never), of those
//! right of `@` if there are such.
//!
//! What differs from bdpy 0.26 on purpose: a parenthesis ends where it closes (bdpy also ends those around it, so
//! `a - (b - (c - d) - e)` comes out otherwise); `top` works; two keys without an operator, a number other than 0
//! and 1, and a key that matches nothing are errors.

use std::fmt;

use super::Metadata;

/// A selection that does not parse, or that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("selection {text:?}, character {at}: {what}{near}", near = Near(near))]
#[non_exhaustive]
pub struct SelectionError {
    /// The selection.
    pub text: String,
    /// Where in it, in characters from 1.
    pub at: usize,
    /// What was found and expected.
    pub what: String,
    /// Keys that are spelt alike.
    pub near: Vec<String>,
}

struct Near<'a>(&'a [String]);

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|name| format!("{name:?}")).collect();
        match names.as_slice() {
            [] => Ok(()),
            _ => write!(f, "; did you mean {}?", names.join(" or ")),
        }
    }
}

/// A selection that has been read; [`Selection::columns`] applies it.
///
/// ```
/// use emotome_neurofiles::bdata::Selection;
/// assert!("ROI_A + (ROI_B - 'ROI-C') = 0".parse::<Selection>().is_ok());
/// let error = "ROI_A | | ROI_B".parse::<Selection>().unwrap_err();
/// assert_eq!(error.to_string(), r#"selection "ROI_A | | ROI_B", character 9: found "|", expected a key or "(""#);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    text: String,
    root: Expression,
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    /// Pattern of keys, and where it stands.
    Key(String, usize),
    /// The columns with 1 (true), or with anything else.
    Equals(Box<Expression>, bool),
    Sets(Box<Expression>, Vec<(Operator, Expression)>),
    /// Pattern, place, count.
    Top(String, usize, usize),
    /// A ranking among columns.
    Among(Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Minus,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Sign(char),
    Word { text: String, quoted: bool },
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sign(sign) => write!(f, "{:?}", sign.to_string()),
            Self::Word { text, .. } => write!(f, "{text:?}"),
        }
    }
}

const SIGNS: &str = "()=|&+-@";
const DEEPEST: usize = 64;

impl std::str::FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parser = Parser {
            text,
            tokens: tokens(text)?,
            at: 0,
        };
        let root = parser.selection(0)?;
        match parser.peek() {
            None => Ok(Self {
                text: text.to_owned(),
                root,
            }),
            Some(_) => Err(parser.unexpected("an operator or the end")),
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selection {
    /// The columns of one key, whatever characters it holds; `*` stands for any.
    pub fn key(name: &str) -> Self {
        Self {
            text: name.to_owned(),
            root: Expression::Key(name.to_owned(), 1),
        }
    }

    /// The selected columns, ascending; O(keys × length of names + columns × terms).
    ///
    /// # Errors
    ///
    /// [`SelectionError`] if a key matches nothing, with the keys spelt alike.
    pub fn columns(&self, metadata: &Metadata) -> Result<Vec<usize>, SelectionError> {
        let chosen = self.evaluate(&self.root, metadata)?;
        let columns = chosen.iter().enumerate();
        Ok(columns.filter_map(|(at, &yes)| yes.then_some(at)).collect())
    }

    fn evaluate(
        &self,
        node: &Expression,
        metadata: &Metadata,
    ) -> Result<Vec<bool>, SelectionError> {
        match node {
            Expression::Key(pattern, at) => {
                let mut chosen = vec![false; metadata.columns()];
                for key in self.matching(pattern, *at, metadata)? {
                    for (column, chosen) in chosen.iter_mut().enumerate() {
                        *chosen |= metadata.value(key, column) == 1.0;
                    }
                }
                Ok(chosen)
            }
            Expression::Equals(inner, one) => {
                let mut chosen = self.evaluate(inner, metadata)?;
                chosen
                    .iter_mut()
                    .for_each(|chosen| *chosen = *chosen == *one);
                Ok(chosen)
            }
            Expression::Sets(first, rest) => {
                let mut chosen = self.evaluate(first, metadata)?;
                for (operator, right) in rest {
                    let right = self.evaluate(right, metadata)?;
                    for (left, right) in chosen.iter_mut().zip(right) {
                        *left = match operator {
                            Operator::Or => *left || right,
                            Operator::And => *left && right,
                            Operator::Minus => *left && !right,
                        };
                    }
                }
                Ok(chosen)
            }
            Expression::Top(pattern, at, count) => {
                self.top(pattern, *at, *count, metadata, |_| true)
            }
            Expression::Among(ranking, among) => {
                let among = self.evaluate(among, metadata)?;
                match &**ranking {
                    Expression::Top(pattern, at, count) => {
                        self.top(pattern, *at, *count, metadata, |column| among[column])
                    }
                    other => self.evaluate(other, metadata),
                }
            }
        }
    }

    fn top(
        &self,
        pattern: &str,
        at: usize,
        count: usize,
        metadata: &Metadata,
        among: impl Fn(usize) -> bool,
    ) -> Result<Vec<bool>, SelectionError> {
        let keys = self.matching(pattern, at, metadata)?;
        let &[key] = keys.as_slice() else {
            let what = format!("{pattern:?} matches {} keys; rank by one", keys.len());
            return Err(self.error(at, what, Vec::new()));
        };
        let columns = (0..metadata.columns()).filter(|&column| among(column));
        let valued = columns.map(|column| (metadata.value(key, column), column));
        let mut ranked: Vec<(f64, usize)> = valued.filter(|(value, _)| !value.is_nan()).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut chosen = vec![false; metadata.columns()];
        for (_, column) in ranked.into_iter().take(count) {
            chosen[column] = true;
        }
        Ok(chosen)
    }

    fn matching(
        &self,
        pattern: &str,
        at: usize,
        metadata: &Metadata,
    ) -> Result<Vec<usize>, SelectionError> {
        let keys = metadata.keys();
        let found: Vec<usize> = (0..keys.len())
            .filter(|&key| matches(pattern, &keys[key]))
            .collect();
        if found.is_empty() {
            let what = format!("no key matches {pattern:?} among {}", keys.len());
            return Err(self.error(at, what, alike(pattern, keys)));
        }
        Ok(found)
    }

    fn error(&self, at: usize, what: String, near: Vec<String>) -> SelectionError {
        SelectionError {
            text: self.text.clone(),
            at,
            what,
            near,
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
}

impl Parser<'_> {
    fn selection(&mut self, depth: usize) -> Result<Expression, SelectionError> {
        let start = self.at;
        let left = self.set(depth)?;
        if self.peek() != Some(&Token::Sign('@')) {
            return Ok(left);
        }
        if !matches!(left, Expression::Top(..)) {
            self.at = start;
            return Err(self.unexpected("a ranking such as `F top 100` left of \"@\""));
        }
        self.at += 1;
        let among = self.set(depth)?;
        Ok(Expression::Among(Box::new(left), Box::new(among)))
    }

    fn set(&mut self, depth: usize) -> Result<Expression, SelectionError> {
        let first = self.term(depth)?;
        let mut rest = Vec::new();
        while let Some(Token::Sign(sign)) = self.peek() {
            let operator = match sign {
                '|' | '+' => Operator::Or,
                '&' => Operator::And,
                '-' => Operator::Minus,
                _ => break,
            };
            self.at += 1;
            rest.push((operator, self.term(depth)?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Expression::Sets(Box::new(first), rest)
        })
    }

    fn term(&mut self, depth: usize) -> Result<Expression, SelectionError> {
        let atom = self.atom(depth)?;
        match self.peek() {
            Some(Token::Sign('=')) => {
                self.at += 1;
                let one = match self.peek() {
                    Some(Token::Word { text, .. }) if text == "1" => true,
                    Some(Token::Word { text, .. }) if text == "0" => false,
                    _ => return Err(self.unexpected("1 or 0: a key is 1 in the columns it names")),
                };
                self.at += 1;
                Ok(Expression::Equals(Box::new(atom), one))
            }
            Some(Token::Word {
                text,
                quoted: false,
            }) if text == "top" => {
                let Expression::Key(pattern, place) = atom else {
                    return Err(self.unexpected("a key, not a set, before \"top\""));
                };
                self.at += 1;
                let count = match self.peek() {
                    Some(Token::Word { text, .. }) => text.parse().ok(),
                    _ => None,
                };
                let count = count.ok_or_else(|| self.unexpected("how many columns to take"))?;
                self.at += 1;
                Ok(Expression::Top(pattern, place, count))
            }
            _ => Ok(atom),
        }
    }

    fn atom(&mut self, depth: usize) -> Result<Expression, SelectionError> {
        match self.tokens.get(self.at).cloned() {
            Some((_, Token::Sign('('))) if depth == DEEPEST => {
                Err(self.unexpected(&format!("at most {DEEPEST} parentheses inside one another")))
            }
            Some((_, Token::Sign('('))) => {
                self.at += 1;
                let inner = self.selection(depth + 1)?;
                if self.peek() != Some(&Token::Sign(')')) {
                    return Err(self.unexpected("an operator or \")\""));
                }
                self.at += 1;
                Ok(inner)
            }
            Some((place, Token::Word { text, .. })) => {
                self.at += 1;
                Ok(Expression::Key(text, place))
            }
            _ => Err(self.unexpected("a key or \"(\"")),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn unexpected(&self, expected: &str) -> SelectionError {
        let (at, found) = match self.tokens.get(self.at) {
            Some((at, token)) => (*at, token.to_string()),
            None => (self.text.chars().count() + 1, "the end".into()),
        };
        SelectionError {
            text: self.text.to_owned(),
            at,
            what: format!("found {found}, expected {expected}"),
            near: Vec::new(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, SelectionError> {
    let mut tokens = Vec::new();
    let mut characters = (1..).zip(text.chars()).peekable();
    while let Some(&(at, character)) = characters.peek() {
        if character.is_whitespace() {
            characters.next();
        } else if SIGNS.contains(character) {
            tokens.push((at, Token::Sign(character)));
            characters.next();
        } else {
            let (mut word, mut quoted) = (String::new(), false);
            while let Some(&(place, character)) = characters.peek() {
                if character.is_whitespace() || SIGNS.contains(character) {
                    break;
                }
                characters.next();
                if character != '"' && character != '\'' {
                    word.push(character);
                    continue;
                }
                quoted = true;
                loop {
                    match characters.next() {
                        Some((_, end)) if end == character => break,
                        Some((_, inner)) => word.push(inner),
                        None => {
                            return Err(SelectionError {
                                text: text.to_owned(),
                                at: place,
                                what: format!("the quote {character} is not closed"),
                                near: Vec::new(),
                            });
                        }
                    }
                }
            }
            tokens.push((at, Token::Word { text: word, quoted }));
        }
    }
    Ok(tokens)
}

/// Whether a name is what a pattern describes, `*` standing for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last star does not fit.
    let mut star = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            (p, n) = (at + 1, taken + 1);
            star = Some((at, taken + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// The three names nearest in edits, of those at most a third away.
fn alike(sought: &str, names: &[String]) -> Vec<String> {
    const LONGEST: usize = 200;
    if sought.len() > LONGEST {
        return Vec::new();
    }
    let near = names.iter().filter(|name| name.len() <= LONGEST);
    let near = near.map(|name| (edits(&sought.to_lowercase(), &name.to_lowercase()), name));
    let mut near: Vec<_> = near
        .filter(|(edits, _)| 3 * edits <= sought.len())
        .collect();
    near.sort();
    near.into_iter()
        .take(3)
        .map(|(_, name)| name.clone())
        .collect()
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
