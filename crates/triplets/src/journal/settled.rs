//! Which trials are settled: one bit a trial, in segments that are saved with the rows.

use std::collections::BTreeMap;

/// Trials in a segment. Its 2 KiB of bits fit a database page.
pub(super) const SEGMENT: u64 = 16_384;

const WORDS: usize = (SEGMENT / 64) as usize;

/// What the journal holds of [`SEGMENT`] consecutive trials of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The settled trials, or `None` if all are.
    bits: Option<Box<[u64; WORDS]>>,
    pub(super) choices: u64,
    pub(super) attempts: u64,
    /// The wrapping sum of the digests of all rows.
    pub(super) digest: u64,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            bits: Some(Box::new([0; WORDS])),
            choices: 0,
            attempts: 0,
            digest: 0,
        }
    }
}

impl Segment {
    /// The segment with the given saved bits, unless they have the wrong length.
    pub(super) fn load(
        bits: Option<&[u8]>,
        choices: u64,
        attempts: u64,
        digest: u64,
    ) -> Option<Self> {
        let bits = match bits {
            None => None,
            Some(bytes) if bytes.len() == WORDS * 8 => {
                let mut words = Box::new([0; WORDS]);
                for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                    *word = u64::from_le_bytes(chunk.try_into().ok()?);
                }
                Some(words)
            }
            Some(_) => return None,
        };
        Some(Self {
            bits,
            choices,
            attempts,
            digest,
        })
    }

    /// The bits to save.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        let words = self.bits.as_deref()?;
        Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// Settles the trial at an offset.
    pub(super) fn settle(&mut self, offset: u64) {
        if let Some(words) = &mut self.bits {
            words[(offset / 64) as usize] |= 1 << (offset % 64);
        }
    }

    /// Opens the trial at an offset again.
    pub(super) fn reopen(&mut self, offset: u64) {
        let words = self.bits.get_or_insert_with(|| Box::new([u64::MAX; WORDS]));
        words[(offset / 64) as usize] &= !(1 << (offset % 64));
    }

    /// Drops the bits once all are set.
    pub(super) fn compact(&mut self) {
        if self.settled() == SEGMENT {
            self.bits = None;
        }
    }

    pub(super) fn contains(&self, offset: u64) -> bool {
        let bits = self.bits.as_deref();
        bits.is_none_or(|words| words[(offset / 64) as usize] >> (offset % 64) & 1 == 1)
    }

    fn settled(&self) -> u64 {
        let bits = self.bits.as_deref();
        bits.map_or(SEGMENT, |words| {
            words.iter().map(|w| u64::from(w.count_ones())).sum()
        })
    }
}

/// The settled trials of one agent: those with a choice, and those given up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    pub(super) segments: BTreeMap<u64, Segment>,
}

impl Settled {
    /// Whether a trial is settled. O(log segments).
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let segment = self.segments.get(&(number / SEGMENT));
        segment.is_some_and(|segment| segment.contains(number % SEGMENT))
    }

    /// Counts a settled trial as open again.
    pub(super) fn reopen(&mut self, number: u64) {
        if let Some(segment) = self.segments.get_mut(&(number / SEGMENT)) {
            segment.reopen(number % SEGMENT);
        }
    }

    /// The number of settled trials.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.segments.values().map(Segment::settled).sum()
    }

    /// Whether no trial is settled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first trial from `from` on that is not settled. O(segments).
    #[must_use]
    pub fn next_open(&self, from: u64) -> u64 {
        let mut number = from;
        while let Some(segment) = self.segments.get(&(number / SEGMENT)) {
            let end = (number / SEGMENT + 1) * SEGMENT;
            if segment.bits.is_some()
                && let Some(open) = (number..end).find(|n| !segment.contains(n % SEGMENT))
            {
                return open;
            }
            number = end;
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn settled_trials_are_a_set(numbers in prop::collection::btree_set(0..3 * SEGMENT, 0..300)) {
            let mut settled = Settled::default();
            for n in &numbers {
                settled.segments.entry(n / SEGMENT).or_default().settle(n % SEGMENT);
            }
            for segment in settled.segments.values_mut() {
                let saved = segment.bytes();
                *segment = Segment::load(saved.as_deref(), 0, 0, 0).unwrap();
            }
            prop_assert_eq!(settled.len(), numbers.len() as u64);
            let around: BTreeSet<u64> =
                numbers.iter().flat_map(|&n| [n.saturating_sub(1), n, n + 1]).collect();
            for n in around {
                prop_assert_eq!(settled.contains(n), numbers.contains(&n));
                let open = (n..).find(|m| !numbers.contains(m)).unwrap();
                prop_assert_eq!(settled.next_open(n), open);
            }
        }
    }

    #[test]
    fn a_full_segment_needs_no_bits() {
        let mut segment = Segment::default();
        (0..SEGMENT).for_each(|offset| segment.settle(offset));
        segment.compact();
        assert_eq!(segment.bytes(), None);
        let settled = Settled {
            segments: BTreeMap::from([(0, segment)]),
        };
        assert_eq!((settled.len(), settled.next_open(3)), (SEGMENT, SEGMENT));
        let mut reopened = settled.clone();
        reopened.reopen(9_000);
        assert_eq!(
            (reopened.len(), reopened.next_open(3)),
            (SEGMENT - 1, 9_000)
        );
        assert!(
            Segment::load(Some(&[0; 7]), 0, 0, 0).is_none(),
            "torn bits were accepted"
        );
    }
}
