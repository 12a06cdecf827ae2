//! Pages weighed before they are unpacked: the decoder takes the sizes that a page states on trust.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

/// What any page may unpack to; writers fill them to about 1 MiB.
const PLAIN_BYTES: u64 = 16 << 20;
/// What a larger one may unpack to, per packed byte.
const MAX_RATIO: u64 = 64;

/// A column of a row group, page by page.
pub(super) fn open(file: &File, column: &ColumnChunkMetaData, rows: usize) -> Result<ColumnReader> {
    let file = Arc::new(PageFile(file.try_clone()?));
    let pages = SerializedPageReader::new(file, column, rows, None)?;
    Ok(get_column_reader(
        column.column_descr_ptr(),
        Box::new(Weighed(pages)),
    ))
}

/// A file that is read from page headers on.
struct PageFile(File);

impl Length for PageFile {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for PageFile {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut reader = self.0.get_read(start)?;
        let [unpacked, packed] = sizes(reader.fill_buf()?)
            .ok_or_else(|| damaged("no page header where one should be"))?;
        if unpacked > PLAIN_BYTES.max(MAX_RATIO * packed) {
            return Err(damaged(&format!(
                "a page of {packed} bytes claims to unpack to {unpacked}: refused as a decompression bomb"
            )));
        }
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// The unpacked and the packed size in a page header. In compact Thrift it begins with type,
/// unpacked and packed size, each a mark and a zigzag number of seven bits a byte.
fn sizes(mut header: &[u8]) -> Option<[u64; 2]> {
    const NEXT_I32: u8 = 0x15;
    let mut field = || {
        let (&mark, rest) = header.split_first()?;
        let length = 1 + rest.iter().take(5).position(|byte| byte & 0x80 == 0)?;
        let (number, rest) = rest.split_at(length);
        header = rest;
        let digits = number.iter().rev();
        let zigzag = digits.fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
        // Odd numbers are negative, which the decoder refuses.
        (mark == NEXT_I32).then_some(zigzag >> 1)
    };
    field()?;
    Some([field()?, field()?])
}

/// Pages whose counts fit their bytes.
struct Weighed(SerializedPageReader<PageFile>);

impl PageReader for Weighed {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.0.get_next_page()?;
        match &page {
            Some(Page::DictionaryPage {
                buf, num_values, ..
            }) if *num_values as usize > buf.len() => Err(damaged(&format!(
                "a dictionary of {num_values} values in {} bytes",
                buf.len()
            ))),
            Some(page) if counts_itself(page.encoding()) => Err(damaged(
                "text in a delta encoding is not read: write the file with plain or dictionary encoding",
            )),
            _ => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }
}

impl Iterator for Weighed {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Whether memory is taken for a count that stands within the page.
const fn counts_itself(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY
    )
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_of_a_page_are_read_from_its_header() {
        let largest = [0x15, 4, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 2];
        assert_eq!(
            sizes(&[0x15, 0, 0x15, 0xd8, 0x04, 0x15, 14]),
            Some([300, 7])
        );
        assert_eq!(sizes(&largest), Some([i32::MAX as u64, 1]));
        for header in [
            &[][..],
            &[0x15],
            &[0x15, 0, 0x25, 2],
            &[0x15, 0, 0x15, 2, 0x15, 0x80],
            &[0x19, 0, 0x15, 2, 0x15, 2],
        ] {
            assert_eq!(sizes(header), None, "{header:?}");
        }
    }
}
