//! Checksums that identify a file by its content.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Bytes hashed at a time.
const BLOCK: usize = 1 << 18;

/// Why a checksum is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The file cannot be read.
    #[error("{path}: cannot be read for its checksum: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is no checksum.
    #[error("{found:?} is no {kind}; expected {digits} hexadecimal digits")]
    Malformed {
        /// The text.
        found: String,
        /// `sha256` or `md5`.
        kind: &'static str,
        /// Digits expected.
        digits: usize,
    },
}

macro_rules! digest {
    ($name:ident, $bytes:literal, $kind:literal, $hasher:ty, $function:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The checksum of bytes in memory.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self(<$hasher>::digest(bytes).into())
            }
        }

        #[doc = concat!("The ", $kind, " of a file, read once in blocks of constant size.")]
        ///
        /// # Errors
        /// [`DigestError::Io`] if it cannot be read.
        pub fn $function(path: impl AsRef<Path>) -> Result<$name, DigestError> {
            let mut hasher = <$hasher>::new();
            blocks(path.as_ref(), |block| hasher.update(block))?;
            Ok($name(hasher.finalize().into()))
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                let malformed = || DigestError::Malformed {
                    found: text.to_owned(),
                    kind: $kind,
                    digits: 2 * $bytes,
                };
                let mut own = [0; $bytes];
                if text.len() != 2 * $bytes || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(malformed());
                }
                for (byte, digits) in own.iter_mut().zip((0..).step_by(2)) {
                    *byte = u8::from_str_radix(&text[digits..digits + 2], 16)
                        .map_err(|_| malformed())?;
                }
                Ok(Self(own))
            }
        }

        impl TryFrom<String> for $name {
            type Error = DigestError;

            fn try_from(text: String) -> Result<Self, DigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }
    };
}

digest!(
    Sha256Sum,
    32,
    "sha256",
    Sha256,
    sha256_of_file,
    "A SHA-256 checksum; text is lower-case hexadecimal."
);
digest!(
    Md5Sum,
    16,
    "md5",
    Md5,
    md5_of_file,
    "An MD5 checksum, as archives publish them: it detects damage, not deceit."
);

fn blocks(path: &Path, mut each: impl FnMut(&[u8])) -> Result<(), DigestError> {
    let io = |source| DigestError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) => each(&block[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        // FIPS 180-2, appendix B.1, and RFC 1321, appendix A.5.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        assert_eq!(Sha256Sum::of(b"abc").to_string(), sha256);
        assert_eq!(Md5Sum::of(b"abc").to_string(), md5);
        let file = tempfile::NamedTempFile::new().unwrap();
        let long = [7; 3 * BLOCK / 2];
        std::fs::write(file.path(), long).unwrap();
        assert_eq!(sha256_of_file(file.path()).unwrap(), Sha256Sum::of(&long));
        assert_eq!(md5_of_file(file.path()).unwrap(), Md5Sum::of(&long));
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        for text in [
            "",
            "9001",
            "900150983cd24fb0d6963f7d28e17f7g",
            "900150983cd24fb0d6963f7d28e17fé",
        ] {
            let message = text.parse::<Md5Sum>().unwrap_err().to_string();
            assert_eq!(
                message,
                format!("{text:?} is no md5; expected 32 hexadecimal digits")
            );
        }
        assert_eq!(
            "900150983CD24FB0D6963F7D28E17F72"
                .parse::<Md5Sum>()
                .unwrap(),
            Md5Sum::of(b"abc")
        );
    }
}
