//! Bitmaps for large heat maps: a palette PNG inside a data URI.

use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write as _;

/// Colours of a bitmap.
pub(crate) type Palette = [[u8; 3]; CLEAR as usize];

/// Palette index of a pixel that lets what is behind it show.
pub(crate) const CLEAR: u8 = 255;

/// A data URI of the PNG with `pixels[y * width + x]` indexing `palette`, or [`CLEAR`].
///
/// PNG (ISO/IEC 15948) colour type 3, filter 0; deterministic. O(pixels).
pub(crate) fn data_uri(width: usize, palette: &Palette, pixels: &[u8]) -> String {
    debug_assert!(width > 0 && pixels.len().is_multiple_of(width));
    let mut file = head(width, pixels.len() / width, 3);
    let mut colours = palette.as_flattened().to_vec();
    colours.extend_from_slice(&[0; 3]);
    chunk(&mut file, *b"PLTE", &colours);
    let mut opacity = [255; 256];
    opacity[usize::from(CLEAR)] = 0;
    chunk(&mut file, *b"tRNS", &opacity);
    chunk(&mut file, *b"IDAT", &compressed(width, pixels));
    chunk(&mut file, *b"IEND", &[]);
    format!("data:image/png;base64,{}", base64(&file))
}

/// A data URI of the PNG with `pixels[y * width + x]` as red, green, blue and opacity.
///
/// PNG colour type 6, filter 0; deterministic. O(pixels).
pub(crate) fn rgba_uri(width: usize, pixels: &[[u8; 4]]) -> String {
    debug_assert!(width > 0 && pixels.len().is_multiple_of(width));
    let mut file = head(width, pixels.len() / width, 6);
    let data = compressed(4 * width, pixels.as_flattened());
    chunk(&mut file, *b"IDAT", &data);
    chunk(&mut file, *b"IEND", &[]);
    format!("data:image/png;base64,{}", base64(&file))
}

/// Signature and header of a PNG of eight bits a channel.
fn head(width: usize, height: usize, colour_type: u8) -> Vec<u8> {
    let mut header = Vec::with_capacity(13);
    for side in [width, height] {
        header.extend_from_slice(&(side as u32).to_be_bytes());
    }
    header.extend_from_slice(&[8, colour_type, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    file
}

fn compressed(width: usize, pixels: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    for row in pixels.chunks(width) {
        // Writing to a Vec cannot fail.
        let _ = encoder
            .write_all(&[0])
            .and_then(|()| encoder.write_all(row));
    }
    encoder.finish().unwrap_or_default()
}

pub(crate) fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(data);
    file.extend_from_slice(&kind);
    file.extend_from_slice(data);
    file.extend_from_slice(&crc.sum().to_be_bytes());
}

/// Base 64 with padding (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .enumerate()
            .fold(0_u32, |w, (i, &b)| w | u32::from(b) << (16 - 8 * i));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= group.len() {
                letter as char
            } else {
                '='
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_gives_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_png_has_its_signature_sizes_and_a_valid_checksum() {
        let mut file = Vec::new();
        chunk(&mut file, *b"IEND", &[]);
        // The only possible IEND chunk, from the PNG specification.
        assert_eq!(
            file,
            [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]
        );
        let uri = data_uri(2, &[[7; 3]; 255], &[0, 1, 1, 0, 0, CLEAR]);
        assert!(uri.starts_with("data:image/png;base64,iVBORw0KGgo"));
    }

    #[test]
    fn pixels_survive_compression() {
        use std::io::Read as _;
        let pixels: Vec<u8> = (0..60).map(|i| (i * 7 % 5) as u8).collect();
        let mut rows = Vec::new();
        flate2::read::ZlibDecoder::new(&compressed(6, &pixels)[..])
            .read_to_end(&mut rows)
            .unwrap();
        let back: Vec<u8> = rows.chunks(7).flat_map(|row| row[1..].to_vec()).collect();
        assert_eq!((rows.len(), back), (70, pixels));
    }
}
