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
