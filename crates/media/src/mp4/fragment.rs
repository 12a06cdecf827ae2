//! Movie fragments: samples that are listed beside their bytes (ISO/IEC 14496-12, 8.8).

use super::{Fault, Sample, Track, boxes, u32_at, u64_at, within};

/// Adds the samples of a movie fragment.
pub(super) fn add(
    start: u64,
    body: &[u8],
    defaults: &[(u32, [u32; 3])],
    tracks: &mut [Track],
    max_frames: usize,
) -> Result<(), Fault> {
    let mut end = start;
    for found in boxes(body) {
        let (name, traf) = found?;
        if &name != b"traf" {
            continue;
        }
        let mut parts = Vec::new();
        for inner in boxes(traf) {
            parts.push(inner?);
        }
        let part = |wanted: &[u8; 4]| parts.iter().find(|(name, _)| name == wanted);
        let Some((_, header)) = part(b"tfhd") else {
            return Err("a fragment has no header".into());
        };
        let (flags, id) = (u32_at(header, 0)? & 0xff_ffff, u32_at(header, 4)?);
        let own = defaults.iter().find(|(track, _)| *track == id);
        let [mut duration, mut size, mut kind] = own.map_or([0; 3], |(_, values)| *values);
        let mut at = 8;
        let mut base = if flags & 0x02_0000 != 0 { start } else { end };
        if flags & 1 != 0 {
            base = u64_at(header, at)?;
            at += 8;
        }
        at += if flags & 2 != 0 { 4 } else { 0 };
        for (flag, value) in [(8, &mut duration), (0x10, &mut size), (0x20, &mut kind)] {
            if flags & flag != 0 {
                *value = u32_at(header, at)?;
                at += 4;
            }
        }
        let known = tracks.iter().position(|track| track.id == id);
        let others: usize = tracks.iter().map(|track| track.samples.len()).sum();
        let mut track = known.and_then(|place| tracks.get_mut(place));
        let mut now = match part(b"tfdt") {
            Some((_, body)) if body.first() == Some(&1) => u64_at(body, 4)?.cast_signed(),
            Some((_, body)) => i64::from(u32_at(body, 4)?),
            None => track.as_ref().map_or(0, |track| track.fragment_end),
        };
        let mut offset = base;
        for (_, run) in parts.iter().filter(|(name, _)| name == b"trun") {
            let (flags, count) = (u32_at(run, 0)? & 0xff_ffff, u32_at(run, 4)? as usize);
            let mut at = 8;
            if flags & 1 != 0 {
                let shift = i64::from(u32_at(run, at)?.cast_signed());
                offset = base.saturating_add_signed(shift);
                at += 4;
            }
            let mut first = None;
            if flags & 4 != 0 {
                first = Some(u32_at(run, at)?);
                at += 4;
            }
            if track.is_none() && flags & 0x200 == 0 {
                // Sound: its samples are passed over, since the data of a later track may follow them.
                offset = offset.saturating_add(u64::from(size) * count as u64);
                continue;
            }
            for sample in 0..count {
                let mut field = |flag: u32, other: u32| {
                    if flags & flag == 0 {
                        return Ok(other);
                    }
                    at += 4;
                    u32_at(run, at - 4)
                };
                let ticks = field(0x100, duration)?;
                let bytes = field(0x200, size)?;
                let kind = field(0x400, first.filter(|_| sample == 0).unwrap_or(kind))?;
                let shift = i64::from(field(0x800, 0)?.cast_signed());
                if let Some(track) = &mut track {
                    within(others + sample + 1, max_frames)?;
                    track.samples.push(Sample {
                        offset,
                        bytes,
                        time: now.saturating_add(shift),
                        ticks,
                        // Bit 16: this sample needs others.
                        key: kind & 0x1_0000 == 0,
                    });
                }
                now = now.saturating_add(i64::from(ticks));
                offset = offset.saturating_add(u64::from(bytes));
            }
        }
        if let Some(track) = track {
            track.fragment_end = now;
        }
        end = offset;
    }
    Ok(())
}
