//! The units of coded pictures, as MP4 wraps them (ISO/IEC 14496-15) and as H.264 codes them.

use rust_h264::nal::{NalUnit, NalUnitType};

/// The parameter sets of `avcC` with their headers (ISO/IEC 14496-15, 5.3.3.1).
pub(crate) fn parameter_sets(avcc: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let short = || "its decoder configuration (avcC) is cut short".to_owned();
    let mut rest = avcc.get(5..).ok_or_else(short)?;
    let mut sets = Vec::new();
    for mask in [0x1f, 0xff] {
        let (count, mut left) = rest.split_first().ok_or_else(short)?;
        for _ in 0..count & mask {
            let (length, after) = left.split_first_chunk::<2>().ok_or_else(short)?;
            let length = usize::from(u16::from_be_bytes(*length));
            sets.push(after.get(..length).ok_or_else(short)?.to_vec());
            left = &after[length..];
        }
        rest = left;
    }
    Ok(sets)
}

/// The units of a sample, each after its length.
pub(crate) fn units(mut coded: &[u8], length_bytes: usize) -> Result<Vec<&[u8]>, String> {
    let mut units = Vec::new();
    while !coded.is_empty() {
        let (length, after) = coded
            .split_at_checked(length_bytes)
            .ok_or("it ends within a length")?;
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (unit, after) = after
            .split_at_checked(length)
            .ok_or_else(|| format!("a unit claims {length} bytes, {} are left", after.len()))?;
        if !unit.is_empty() {
            units.push(unit);
        }
        coded = after;
    }
    Ok(units)
}

/// The type of a unit that is not empty.
pub(crate) fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

/// Whether other pictures may refer to the one in these units.
pub(crate) fn is_reference(units: &[&[u8]]) -> bool {
    let referred = |unit: &&[u8]| matches!(kind(unit), 1 | 5) && unit[0] & 0x60 != 0;
    // Units of other kinds may change how all that follows is decoded.
    units
        .iter()
        .any(|unit| referred(unit) || matches!(kind(unit), 7 | 8))
}

/// A unit as the decoder takes it: without the bytes that keep start codes out of it (7.4.1).
pub(crate) fn nal(unit: &[u8]) -> NalUnit<'_> {
    let (header, payload) = unit.split_first().unwrap_or((&0, &[]));
    NalUnit {
        nal_ref_idc: header >> 5 & 3,
        nal_unit_type: NalUnitType::from(header & 0x1f),
        rbsp: without_guards(payload),
    }
}

fn without_guards(payload: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let guarded = |i: usize| payload[i..].starts_with(&[0, 0, 3]);
    let Some(first) = (0..payload.len()).find(|&i| guarded(i)) else {
        return payload.into();
    };
    let mut plain = payload[..first].to_vec();
    let (mut zeros, mut at) = (0, first);
    while let Some(&byte) = payload.get(at) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
        } else {
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            plain.push(byte);
        }
        at += 1;
    }
    plain.into()
}

/// Samples of 16 bits, little-endian, rounded to 8.
pub(crate) fn to_8_bits(plane: &[u8], bits: u8) -> Vec<u8> {
    let drop = bits - 8;
    let half = 1_u32 << drop >> 1;
    let (samples, _) = plane.as_chunks::<2>();
    let round = |&sample: &[u8; 2]| {
        let rounded = (u32::from(u16::from_le_bytes(sample)) + half) >> drop;
        rounded.min(255) as u8
    };
    samples.iter().map(round).collect()
}

/// Shape of a pixel, width to height, that sequence parameters state (7.3.2.1.1, E.1.1), whatever it is.
pub(crate) fn pixel_aspect(unit: &[u8]) -> Option<(u32, u32)> {
    const ALL: u32 = 255;
    // Table E-1.
    const KNOWN: [(u32, u32); 16] = [
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    let plain = without_guards(unit.get(1..)?);
    let mut bits = Bits {
        bytes: &plain,
        at: 0,
    };
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.number()?;
    if matches!(
        profile,
        44 | 83 | 86 | 100 | 110 | 118 | 122 | 128 | 134 | 135 | 138 | 139 | 244
    ) {
        let chroma = bits.number()?;
        bits.take(u32::from(chroma == 3))?;
        bits.number()?;
        bits.number()?;
        bits.take(1)?;
        if bits.take(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.take(1)? == 1 {
                    bits.pass_scaling(if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.number()?;
    match bits.number()? {
        0 => drop(bits.number()?),
        1 => {
            bits.take(1)?;
            bits.number()?;
            bits.number()?;
            for _ in 0..bits.number()? {
                bits.number()?;
            }
        }
        _ => {}
    }
    bits.number()?;
    bits.take(1)?;
    bits.number()?;
    bits.number()?;
    if bits.take(1)? == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    if bits.take(1)? == 1 {
        for _ in 0..4 {
            bits.number()?;
        }
    }
    if bits.take(1)? == 0 || bits.take(1)? == 0 {
        return None;
    }
    match bits.take(8)? {
        ALL => Some((bits.take(16)?, bits.take(16)?)),
        known => KNOWN.get((known as usize).checked_sub(1)?).copied(),
    }
}

/// The bits of a unit, each read once; none beyond its end.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// A number of so many bits, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            number = number << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(number)
    }

    /// An Exp-Golomb code (9.1).
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }

    /// Passes over a scaling list (7.3.2.1.1.1).
    fn pass_scaling(&mut self, entries: u32) -> Option<()> {
        let (mut last, mut next) = (8, 8);
        for _ in 0..entries {
            if next != 0 {
                let code = i64::from(self.number()?);
                let delta = if code % 2 == 1 {
                    (code + 1) / 2
                } else {
                    -code / 2
                };
                next = (last + delta).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
        Some(())
    }
}
