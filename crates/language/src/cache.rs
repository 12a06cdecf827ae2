//! Prefixes whose keys and values are known.

use crate::page::{PAGE, Page, PagePool};
use crate::tokenizer::TokenId;
use std::sync::Arc;

/// Pages of prefixes as a trie, a page a node, under a cap.
///
/// A node's page belongs to the tokens from the root to the node, so what is found here is what
/// would be computed again, bit for bit. Nodes that were met once are evicted first, then those met
/// again (so that a prompt's last words do not drive out what many prompts begin with); within
/// each kind the least recently used first, and never a node before its continuations.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    pool: Arc<PagePool>,
    /// Most pages alive, here and in use.
    cap: usize,
    nodes: Vec<Option<Node>>,
    vacant: Vec<usize>,
    roots: Vec<usize>,
    clock: u64,
}

#[derive(Debug)]
struct Node {
    /// At most [`PAGE`]; only a node with as many has children.
    tokens: Vec<TokenId>,
    page: Arc<Page>,
    parent: Option<usize>,
    children: Vec<usize>,
    met_again: bool,
    used: u64,
}

/// Pages that hold the first `tokens` positions of a text; the last may hold others behind.
#[derive(Debug, Default)]
pub(crate) struct Prefix {
    pub(crate) pages: Vec<Arc<Page>>,
    pub(crate) tokens: usize,
}

impl PrefixCache {
    pub(crate) fn new(pool: Arc<PagePool>, cap: usize) -> Self {
        Self {
            pool,
            cap,
            nodes: Vec::new(),
            vacant: Vec::new(),
            roots: Vec::new(),
            clock: 0,
        }
    }

    /// The longest known prefix of a text, and marks it as used.
    pub(crate) fn find(&mut self, text: &[TokenId]) -> Prefix {
        self.clock += 1;
        let mut prefix = Prefix::default();
        let mut parent = None;
        while let Some((node, common)) = self.closest(parent, &text[prefix.tokens..]) {
            let used = self.clock;
            let Some(node_at) = self.nodes[node].as_mut() else {
                break;
            };
            node_at.met_again = true;
            node_at.used = used;
            prefix.pages.push(Arc::clone(&node_at.page));
            prefix.tokens += common;
            if common < PAGE {
                break;
            }
            parent = Some(node);
        }
        prefix
    }

    /// Keeps the pages of a text, all its positions computed.
    pub(crate) fn insert(&mut self, text: &[TokenId], pages: &[Arc<Page>]) {
        self.clock += 1;
        let mut parent = None;
        for (tokens, page) in text.chunks(PAGE).zip(pages) {
            let node = match self.closest(parent, tokens) {
                Some((node, common)) if self.covers(node, common, tokens) => node,
                _ => self.push(parent, tokens, page),
            };
            if let Some(held) = self.nodes[node].as_mut() {
                held.used = self.clock;
                if held.tokens.len() < tokens.len() {
                    held.tokens = tokens.to_vec();
                    held.page = Arc::clone(page);
                }
            }
            parent = Some(node);
        }
    }

    /// Evicts until `pages` more may be taken; whether they may.
    pub(crate) fn make_room(&mut self, pages: usize) -> bool {
        while self.pool.live() + pages > self.cap {
            if !self.evict() {
                return false;
            }
        }
        true
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.vacant.clear();
        self.roots.clear();
    }

    /// Whether one of the two token lists begins with the other.
    fn covers(&self, node: usize, common: usize, tokens: &[TokenId]) -> bool {
        let held = self.nodes[node]
            .as_ref()
            .map_or(0, |node| node.tokens.len());
        common == held.min(tokens.len())
    }

    fn children(&self, parent: Option<usize>) -> &[usize] {
        match parent {
            None => &self.roots,
            Some(parent) => self.nodes[parent]
                .as_ref()
                .map_or(&[], |node| &node.children),
        }
    }

    /// The child that begins most like `tokens`, and in how many tokens; none if in no token.
    fn closest(&self, parent: Option<usize>, tokens: &[TokenId]) -> Option<(usize, usize)> {
        let common = |node: usize| {
            let held = self.nodes[node]
                .as_ref()
                .map_or(&[][..], |node| &node.tokens);
            held.iter().zip(tokens).take_while(|(a, b)| a == b).count()
        };
        self.children(parent)
            .iter()
            .map(|&node| (node, common(node)))
            .max_by_key(|&(_, common)| common)
            .filter(|&(_, common)| common > 0)
    }

    fn push(&mut self, parent: Option<usize>, tokens: &[TokenId], page: &Arc<Page>) -> usize {
        let node = Some(Node {
            tokens: tokens.to_vec(),
            page: Arc::clone(page),
            parent,
            children: Vec::new(),
            met_again: false,
            used: self.clock,
        });
        let at = match self.vacant.pop() {
            Some(at) => {
                self.nodes[at] = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.siblings(parent).push(at);
        at
    }

    fn siblings(&mut self, parent: Option<usize>) -> &mut Vec<usize> {
        match parent.and_then(|parent| self.nodes[parent].as_mut()) {
            Some(parent) => &mut parent.children,
            None => &mut self.roots,
        }
    }

    /// Drops a node without continuations whose page nobody uses; whether there was one.
    fn evict(&mut self) -> bool {
        let oldest = self
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(at, node)| node.as_ref().map(|node| (at, node)))
            .filter(|(_, node)| node.children.is_empty() && Arc::strong_count(&node.page) == 1)
            .min_by_key(|(_, node)| (node.met_again, node.used))
            .map(|(at, node)| (at, node.parent));
        let Some((at, parent)) = oldest else {
            return false;
        };
        self.nodes[at] = None;
        self.vacant.push(at);
        self.siblings(parent).retain(|&node| node != at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageShape;

    fn cache(cap: usize) -> PrefixCache {
        let shape = PageShape {
            layers: 1,
            heads: 1,
            width: 16,
        };
        PrefixCache::new(PagePool::new(shape), cap)
    }

    fn keep(cache: &mut PrefixCache, text: &[TokenId]) {
        assert!(cache.make_room(text.len().div_ceil(PAGE)));
        let page = || Arc::new(cache.pool.page().expect("a small page"));
        let pages: Vec<_> = text.chunks(PAGE).map(|_| page()).collect();
        cache.insert(text, &pages);
    }

    fn text(len: u32, last: u32) -> Vec<TokenId> {
        (0..len - 1).chain([last]).map(TokenId).collect()
    }

    #[test]
    fn a_prefix_is_found_to_the_token() {
        let mut cache = cache(100);
        keep(&mut cache, &text(40, 900));
        keep(&mut cache, &text(40, 901));
        for (len, expected) in [(5, 4_usize), (17, 16), (39, 38), (40, 39)] {
            let found = cache.find(&text(len, 7000));
            assert_eq!(
                (found.tokens, found.pages.len()),
                (expected, expected.div_ceil(PAGE))
            );
        }
        assert_eq!(cache.find(&text(40, 901)).tokens, 40);
        assert_eq!(cache.find(&[5, 6].map(TokenId)).tokens, 0);
        // Two whole pages in common, and a last page each.
        assert_eq!(cache.pool.live(), 4);
    }

    #[test]
    fn a_longer_text_takes_the_place_of_its_own_start() {
        let mut cache = cache(100);
        keep(&mut cache, &text(20, 19));
        keep(&mut cache, &text(25, 24));
        keep(&mut cache, &text(22, 21));
        assert_eq!(cache.find(&text(30, 29)).tokens, 25);
        assert_eq!(cache.pool.live(), 2);
    }

    #[test]
    fn the_cap_holds_and_what_was_met_again_stays_longest() {
        let mut cache = cache(5);
        keep(&mut cache, &text(16, 15));
        for last in 0..20 {
            // All begin with the first page.
            assert_eq!(
                cache.find(&text(18, 1000 + last)).tokens,
                17.min(16 + u32::from(last > 0) as usize)
            );
            keep(&mut cache, &text(18, 1000 + last));
            assert!(cache.pool.live() <= 5);
        }
        assert_eq!(cache.find(&text(18, 1019)).tokens, 18);
        assert_eq!(cache.find(&text(18, 1000)).tokens, 17);
    }

    #[test]
    fn pages_in_use_are_not_evicted() {
        let mut cache = cache(3);
        keep(&mut cache, &text(32, 31));
        let held = cache.find(&text(32, 31));
        assert!(cache.make_room(1));
        assert!(!cache.make_room(2));
        assert_eq!(cache.find(&text(32, 31)).tokens, 32);
        drop(held);
        assert!(cache.make_room(2));
    }
}
