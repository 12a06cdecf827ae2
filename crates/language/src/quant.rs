//! Quantised weights: how blocks of bytes stand for single-precision numbers.
//!
//! A row is a whole number of blocks, each with its own scale; 4.5 to 6.6 bits per weight keep a
//! model's answers nearly unchanged. Values are computed in the order of the reference
//! implementation (llama.cpp's `ggml-quants.c`, and `gguf.quants` for Python), so they agree with
//! it bit for bit.

mod blocks;
mod half;

use std::fmt;

pub use half::{bf16_to_f32, f16_to_f32};

/// How the elements of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(non_camel_case_types, reason = "the names users know")]
pub enum Quant {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    BF16,
    /// 4 bits, *d q*.
    Q4_0,
    /// 4 bits, *d q + m*.
    Q4_1,
    /// 5 bits, *d q*.
    Q5_0,
    /// 5 bits, *d q + m*.
    Q5_1,
    /// 8 bits, *d q*.
    Q8_0,
    /// 2 bits, *d s q − e m* with a 4-bit scale *s* and minimum *m* for every 16 elements.
    Q2_K,
    /// 3 bits, *d s q* with a 6-bit scale for every 16 elements.
    Q3_K,
    /// 4 bits, *d s q − e m* with a 6-bit scale and minimum for every 32 elements.
    Q4_K,
    /// 5 bits, *d s q − e m* with a 6-bit scale and minimum for every 32 elements.
    Q5_K,
    /// 6 bits, *d s q* with an 8-bit scale for every 16 elements.
    Q6_K,
    /// 4 bits that index 16 unevenly spaced levels, *d v(q)*.
    IQ4_NL,
    /// The same levels, *d s v(q)* with a 6-bit scale for every 32 elements.
    IQ4_XS,
}

impl Quant {
    /// Every kind that is read here.
    pub const ALL: [Self; 15] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
        Self::IQ4_NL,
        Self::IQ4_XS,
    ];

    /// The kind of a number in a GGUF file, or else what is known of that number.
    pub(crate) fn from_id(id: u32) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|quant| quant.facts().0 == id)
            .ok_or_else(|| {
                let name = match id {
                    9 => "Q8_1",
                    15 => "Q8_K",
                    16 => "IQ2_XXS",
                    17 => "IQ2_XS",
                    18 => "IQ3_XXS",
                    19 => "IQ1_S",
                    21 => "IQ3_S",
                    22 => "IQ2_S",
                    24 => "I8",
                    25 => "I16",
                    26 => "I32",
                    27 => "I64",
                    28 => "F64",
                    29 => "IQ1_M",
                    34 => "TQ1_0",
                    35 => "TQ2_0",
                    39 => "MXFP4",
                    40 => "NVFP4",
                    41 => "Q1_0",
                    _ => return format!("number {id}"),
                };
                format!("{name} (number {id})")
            })
    }

    /// The names of all kinds, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(|quant| quant.to_string()).join(", ")
    }

    /// Number in a file, elements of a block, bytes of a block.
    const fn facts(self) -> (u32, usize, usize) {
        match self {
            Self::F32 => (0, 1, 4),
            Self::F16 => (1, 1, 2),
            Self::Q4_0 => (2, 32, 18),
            Self::Q4_1 => (3, 32, 20),
            Self::Q5_0 => (6, 32, 22),
            Self::Q5_1 => (7, 32, 24),
            Self::Q8_0 => (8, 32, 34),
            Self::Q2_K => (10, 256, 84),
            Self::Q3_K => (11, 256, 110),
            Self::Q4_K => (12, 256, 144),
            Self::Q5_K => (13, 256, 176),
            Self::Q6_K => (14, 256, 210),
            Self::IQ4_NL => (20, 32, 18),
            Self::IQ4_XS => (23, 256, 136),
            Self::BF16 => (30, 1, 2),
        }
    }

    /// Elements of a block.
    #[must_use]
    pub const fn block_len(self) -> usize {
        self.facts().1
    }

    /// Bytes of a block.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        self.facts().2
    }

    /// Bytes of a row of `len` elements, a multiple of [`block_len`](Self::block_len).
    #[must_use]
    pub const fn row_bytes(self, len: usize) -> usize {
        len / self.block_len() * self.block_bytes()
    }

    /// Writes the elements of whole blocks; *O*(elements) time, no memory.
    ///
    /// ```
    /// use emotome_language::quant::Quant;
    ///
    /// // Scale 0.5, then 32 elements of 3, 3, ...
    /// let mut block = vec![0x00, 0x38];
    /// block.extend([3; 32]);
    /// let mut out = [0.0; 32];
    /// Quant::Q8_0.dequantize(&block, &mut out);
    /// assert_eq!(out, [1.5; 32]);
    /// ```
    ///
    /// # Panics
    /// If `blocks` and `out` are not the same whole number of blocks.
    pub fn dequantize(self, blocks: &[u8], out: &mut [f32]) {
        assert!(
            out.len().is_multiple_of(self.block_len()) && blocks.len() == self.row_bytes(out.len()),
            "{} bytes are not {} elements of {self}",
            blocks.len(),
            out.len()
        );
        match self {
            Self::F32 => each(blocks, out, |b, [x]| *x = f32::from_le_bytes(*b)),
            Self::F16 => each(blocks, out, |b, [x]| {
                *x = f16_to_f32(u16::from_le_bytes(*b));
            }),
            Self::BF16 => each(blocks, out, |b, [x]| {
                *x = bf16_to_f32(u16::from_le_bytes(*b));
            }),
            Self::Q4_0 => each(blocks, out, blocks::q4_0),
            Self::Q4_1 => each(blocks, out, blocks::q4_1),
            Self::Q5_0 => each(blocks, out, blocks::q5_0),
            Self::Q5_1 => each(blocks, out, blocks::q5_1),
            Self::Q8_0 => each(blocks, out, blocks::q8_0),
            Self::Q2_K => each(blocks, out, blocks::q2_k),
            Self::Q3_K => each(blocks, out, blocks::q3_k),
            Self::Q4_K => each(blocks, out, blocks::q4_k),
            Self::Q5_K => each(blocks, out, blocks::q5_k),
            Self::Q6_K => each(blocks, out, blocks::q6_k),
            Self::IQ4_NL => each(blocks, out, blocks::iq4_nl),
            Self::IQ4_XS => each(blocks, out, blocks::iq4_xs),
        }
    }
}

impl fmt::Display for Quant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn each<const B: usize, const N: usize>(
    blocks: &[u8],
    out: &mut [f32],
    block: impl Fn(&[u8; B], &mut [f32; N]),
) {
    let (blocks, out) = (blocks.as_chunks().0, out.as_chunks_mut().0);
    blocks.iter().zip(out).for_each(|(b, x)| block(b, x));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_number_has_one_kind_and_the_rest_are_refused_by_name() {
        for quant in Quant::ALL {
            assert_eq!(Quant::from_id(quant.facts().0), Ok(quant));
        }
        assert_eq!(Quant::from_id(39), Err("MXFP4 (number 39)".into()));
        assert_eq!(Quant::from_id(4), Err("number 4".into()));
    }

    #[test]
    #[should_panic(expected = "33 bytes are not 32 elements of Q8_0")]
    fn half_a_block_is_refused() {
        Quant::Q8_0.dequantize(&[0; 33], &mut [0.0; 32]);
    }

    proptest! {
        #[test]
        fn a_row_is_its_blocks_one_after_the_other(
            (kind, bytes) in (0..Quant::ALL.len())
                .prop_flat_map(|kind| (Just(kind), prop::collection::vec(any::<u8>(), 3 * Quant::ALL[kind].block_bytes())))
        ) {
            let quant = Quant::ALL[kind];
            let mut row = vec![0.0; 3 * quant.block_len()];
            quant.dequantize(&bytes, &mut row);
            for (block, part) in bytes.chunks(quant.block_bytes()).zip(row.chunks(quant.block_len())) {
                let mut alone = vec![0.0; quant.block_len()];
                quant.dequantize(block, &mut alone);
                let same = alone.iter().zip(part).all(|(a, b)| a.to_bits() == b.to_bits());
                prop_assert!(same);
            }
        }
    }
}
