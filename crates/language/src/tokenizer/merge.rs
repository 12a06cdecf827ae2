//! Byte-pair merging: neighbours that make a token become one, the best pair first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::TokenId;

/// A stretch of text on its way to becoming a token.
#[derive(Debug, Clone)]
pub(super) struct Symbol {
    /// Its bytes in the text; none once it was merged into its left neighbour.
    pub(super) range: Range<usize>,
    /// The token it is, if it is one.
    pub(super) token: Option<TokenId>,
    before: usize,
    after: usize,
}

/// A pair of neighbours; pairs of lower rank go first, among equals the leftmost.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    rank: u32,
    left: usize,
    right: usize,
    /// Where its two parts end, which tells whether it is still what it was.
    ends: [usize; 2],
    token: TokenId,
}

/// Symbols of one stretch of text; its memory serves the next.
#[derive(Debug, Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Reverse<Pair>>,
}

impl Merger {
    /// Begins another text.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
    }

    /// Appends a symbol to the text.
    pub(super) fn push(&mut self, range: Range<usize>, token: Option<TokenId>) {
        let own = self.symbols.len();
        self.symbols.push(Symbol {
            range,
            token,
            before: own.wrapping_sub(1),
            after: own + 1,
        });
    }

    /// Merges until no two neighbours make a token; *O*(*n* log *n*).
    ///
    /// `make` tells the rank of two neighbours and the token they make.
    pub(super) fn merge(&mut self, make: impl Fn(&Symbol, &Symbol) -> Option<(u32, TokenId)>) {
        let symbols = &mut self.symbols;
        let pair = |symbols: &[Symbol], left: usize, right: usize| {
            let (a, b) = (symbols.get(left)?, symbols.get(right)?);
            let (rank, token) = make(a, b)?;
            let ends = [a.range.end, b.range.end];
            Some(Reverse(Pair {
                rank,
                left,
                right,
                ends,
                token,
            }))
        };
        self.pairs.clear();
        let all = (1..symbols.len()).filter_map(|right| pair(symbols, right - 1, right));
        self.pairs.extend(all);
        while let Some(Reverse(best)) = self.pairs.pop() {
            let (left, right) = (best.left, best.right);
            let parts = [&symbols[left].range, &symbols[right].range];
            if parts.map(|range| range.end) != best.ends || parts.iter().any(|r| r.is_empty()) {
                continue;
            }
            let after = symbols[right].after;
            symbols[right].range.start = best.ends[1];
            symbols[left].range.end = best.ends[1];
            symbols[left].token = Some(best.token);
            symbols[left].after = after;
            if let Some(symbol) = symbols.get_mut(after) {
                symbol.before = left;
            }
            let before = symbols[left].before;
            self.pairs.extend(pair(symbols, before, left));
            self.pairs.extend(pair(symbols, left, after));
        }
    }

    /// What is left, from the first to the last.
    pub(super) fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols
            .iter()
            .filter(|symbol| !symbol.range.is_empty())
    }
}
