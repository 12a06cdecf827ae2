//! Which trials of a batch show an item: a counting sort of the batch by item.

/// One appearance of an item in a trial.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Appearance {
    /// The two other items of the trial.
    pub(super) partners: [u32; 2],
    /// Where the slopes towards these two stand, one after the other; see [`super::Slopes`].
    pub(super) slopes: u32,
}

/// The appearances of every item in a batch of trials, item after item, in the order of the batch.
#[derive(Debug, Clone)]
pub(crate) struct Appearances {
    /// `starts[i]..starts[i + 1]` are the appearances of item i.
    starts: Vec<u32>,
    appearances: Vec<Appearance>,
}

impl Appearances {
    /// Sorts the appearances of a batch by item, in O(batch + n).
    ///
    /// # Panics
    /// If an item is not below `n_items`, or a batch has more than 2^28 trials.
    pub(crate) fn of_batch(trials: &[[u32; 3]], n_items: usize) -> Self {
        assert!(trials.len() <= 1 << 28);
        // One place ahead: the counts become the starts of the items, and these, once every
        // appearance has taken its place, the starts of the items after them.
        let mut starts = vec![0; n_items + 2];
        for &item in trials.as_flattened() {
            starts[item as usize + 2] += 1;
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut appearances = vec![Appearance::default(); 3 * trials.len()];
        for (t, &[a, b, c]) in trials.iter().enumerate() {
            // The slopes of a trial stand as ab, ac, bc, ab.
            for (item, partners, first) in [(a, [b, c], 0), (c, [a, b], 1), (b, [c, a], 2)] {
                let next = &mut starts[item as usize + 1];
                appearances[*next as usize] = Appearance {
                    partners,
                    slopes: (4 * t + first) as u32,
                };
                *next += 1;
            }
        }
        starts.truncate(n_items + 1);
        Self {
            starts,
            appearances,
        }
    }

    pub(super) fn n_items(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of trials sorted.
    pub(super) fn trials(&self) -> usize {
        self.appearances.len() / 3
    }

    #[inline(always)]
    pub(super) fn of(&self, item: usize) -> &[Appearance] {
        &self.appearances[self.starts[item] as usize..self.starts[item + 1] as usize]
    }
}
