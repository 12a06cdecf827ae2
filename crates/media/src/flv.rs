//! A stream of H.264 samples as FLV, the plainest wrapping with times (Adobe Flash Video File Format 10.1, annex E).
//!
//! Samples keep the form they have in MP4; times are in milliseconds.

use std::io::{self, Write};

/// Video tags, and the codec number of H.264 in them.
const VIDEO: u8 = 9;
const H264: u8 = 7;

/// The beginning of a tag.
pub(crate) struct Tag {
    header: [u8; 16],
    data: u32,
}

/// The beginning of a file, with the decoder configuration (avcC).
pub(crate) fn begin(out: &mut dyn Write, record: &[u8]) -> io::Result<()> {
    // Version 1, video only, nine bytes of header, no tag before.
    out.write_all(b"FLV\x01\x01\0\0\0\x09\0\0\0\0")?;
    let tag = tag(0, [1 << 4 | H264, 0, 0, 0, 0], record.len());
    tag.ok_or(io::ErrorKind::InvalidData)?.write(out, record)
}

/// A tag of a coded picture of so many bytes, decoded at the first time and shown at the second, which is not
/// before; none if it is too large or shown too late for the format.
pub(crate) fn picture((decoded, shown): (u32, u32), key: bool, bytes: usize) -> Option<Tag> {
    let later = shown
        .checked_sub(decoded)
        .filter(|&later| later < 1 << 23)?;
    let [_, a, b, c] = later.to_be_bytes();
    let kind = if key { 1 } else { 2 };
    tag(decoded, [kind << 4 | H264, 1, a, b, c], bytes)
}

fn tag(time: u32, [kind, packet, a, b, c]: [u8; 5], bytes: usize) -> Option<Tag> {
    let data = u32::try_from(bytes + 5)
        .ok()
        .filter(|&data| data < 1 << 24)?;
    let [_, l, m, n] = data.to_be_bytes();
    let [t, u, v, w] = time.to_be_bytes();
    let header = [VIDEO, l, m, n, u, v, w, t, 0, 0, 0, kind, packet, a, b, c];
    Some(Tag { header, data })
}

impl Tag {
    pub(crate) fn write(&self, out: &mut dyn Write, payload: &[u8]) -> io::Result<()> {
        out.write_all(&self.header)?;
        out.write_all(payload)?;
        out.write_all(&(self.data + 11).to_be_bytes())
    }
}
