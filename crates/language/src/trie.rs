//! Token lists as a trie: what they begin with in common stands there once.

/// A branch of the trie: tokens from the end of its parent to `end`, of any prompt below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Branch {
    /// A prompt that begins with everything up to here.
    pub(crate) prompt: usize,
    /// Tokens from the start of the prompt to the end of the branch.
    pub(crate) end: usize,
    /// Branches that continue this one, in the order of their tokens.
    pub(crate) children: Vec<usize>,
    /// The prompts that end here.
    pub(crate) complete: Vec<usize>,
}

/// Branches of all prompts; those at the root are listed apart.
#[derive(Debug)]
pub(crate) struct Trie {
    pub(crate) branches: Vec<Branch>,
    pub(crate) roots: Vec<usize>,
}

impl Trie {
    /// *O*(n log n) comparisons of n prompts; at most 2 n branches.
    pub(crate) fn new<T: Ord>(prompts: &[&[T]]) -> Self {
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&prompt| prompts[prompt]);
        let mut trie = Self {
            branches: Vec::new(),
            roots: Vec::new(),
        };
        // Branches from the root to the prompt before.
        let mut path: Vec<usize> = Vec::new();
        let mut before: &[T] = &[];
        for prompt in order {
            let tokens = prompts[prompt];
            let common = tokens
                .iter()
                .zip(before)
                .take_while(|(a, b)| a == b)
                .count();
            let mut cut = None;
            while let Some(&branch) = path.last()
                && trie.branches[branch].end > common
            {
                cut = path.pop();
            }
            let reached = path.last().map_or(0, |&branch| trie.branches[branch].end);
            if let Some(cut) = cut
                && reached < common
            {
                // The last branch parts in its middle.
                let upper = trie.push(&path, prompt, common);
                let siblings = trie.continuations(&path[..path.len()]);
                siblings.retain(|&branch| branch != cut);
                trie.branches[upper].children.push(cut);
                path.push(upper);
            }
            match path.last() {
                Some(&branch) if trie.branches[branch].end == tokens.len() => {
                    trie.branches[branch].complete.push(prompt);
                }
                _ => {
                    let leaf = trie.push(&path, prompt, tokens.len());
                    trie.branches[leaf].complete.push(prompt);
                    path.push(leaf);
                }
            }
            before = tokens;
        }
        trie
    }

    fn continuations(&mut self, path: &[usize]) -> &mut Vec<usize> {
        match path.last() {
            Some(&branch) => &mut self.branches[branch].children,
            None => &mut self.roots,
        }
    }

    fn push(&mut self, path: &[usize], prompt: usize, end: usize) -> usize {
        let branch = self.branches.len();
        self.branches.push(Branch {
            prompt,
            end,
            children: Vec::new(),
            complete: Vec::new(),
        });
        self.continuations(path).push(branch);
        branch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tokens of all branches below, and the prompts that end there with their tokens.
    fn walk(
        trie: &Trie,
        prompts: &[&[u32]],
        branches: &[usize],
        prefix: &[u32],
        found: &mut Vec<(usize, Vec<u32>)>,
    ) -> usize {
        let mut tokens = 0;
        let mut firsts = Vec::new();
        for &branch in branches {
            let branch = &trie.branches[branch];
            let text = &prompts[branch.prompt][..branch.end];
            assert!(text.len() > prefix.len() && text.starts_with(prefix));
            firsts.push(text[prefix.len()]);
            tokens += text.len() - prefix.len();
            found.extend(
                branch
                    .complete
                    .iter()
                    .map(|&prompt| (prompt, text.to_vec())),
            );
            tokens += walk(trie, prompts, &branch.children, text, found);
        }
        assert!(
            firsts.is_sorted_by(|a, b| a < b),
            "branches share a first token: {firsts:?}"
        );
        tokens
    }

    proptest! {
        #[test]
        fn every_prompt_is_found_and_no_common_start_stands_twice(
            prompts in prop::collection::vec(prop::collection::vec(0_u32..3, 1..9), 0..30)
        ) {
            let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
            let trie = Trie::new(&prompts);
            let mut found = Vec::new();
            let tokens = walk(&trie, &prompts, &trie.roots, &[], &mut found);
            found.sort();
            let expected: Vec<_> = prompts.iter().map(|p| p.to_vec()).enumerate().collect();
            prop_assert_eq!(found, expected);
            let mut starts: Vec<&[u32]> = prompts
                .iter()
                .flat_map(|p| (1..=p.len()).map(|end| &p[..end]))
                .collect();
            starts.sort_unstable();
            starts.dedup();
            prop_assert_eq!(tokens, starts.len());
        }
    }
}
