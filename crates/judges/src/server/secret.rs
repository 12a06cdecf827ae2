//! Keys: where they may come from, and how they stay out of everything that is written.

use crate::printable::one_line;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The fewest characters of a key. Shorter ones occur in ordinary text, so they could not be told
/// from it where a server repeats them.
pub const MIN_KEY: usize = 8;

/// The most characters of a key.
const MAX_KEY: usize = 8_192;

/// A key that is never shown: it has no `Debug`, no `Display`, no `Serialize`, and is overwritten in
/// memory when dropped.
///
/// Keys come from an environment variable or from a file that nobody else may read. A keyring is
/// not asked directly: on Linux that takes a running D-Bus service and a hundred crates. Its own
/// program can hand a key over, e.g. `OPENAI_API_KEY=$(secret-tool lookup service openai) emotome …`.
pub struct Secret(Zeroizing<String>);

/// Why there is no key. The messages name places, never what was found there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment has no such variable.
    #[error(
        "the environment variable {name} is not set; set it to the key, or name a file with the key"
    )]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("the key file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others may read the file.
    #[error(
        "the key file {} may be read or written by others (mode {mode:03o}, at most 600 is safe); run `chmod 600 {}` and \
         consider the key known to whoever uses this machine",
        path.display(), path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// What was found cannot be a key.
    #[error("{place} holds no key: {found}")]
    NoKey {
        /// Where it was sought.
        place: String,
        /// What is wrong with it.
        found: String,
    },
}

impl Secret {
    /// The key in an environment variable.
    ///
    /// # Errors
    /// [`SecretError::NoVariable`], [`SecretError::NoKey`].
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        let missing = |_| SecretError::NoVariable {
            name: name.to_owned(),
        };
        let text = Zeroizing::new(std::env::var(name).map_err(missing)?);
        Self::checked(&text, || format!("the environment variable {name}"))
    }

    /// The key in a file, which on Unix must be closed to everybody but its owner (mode 600 or 400).
    ///
    /// # Errors
    /// [`SecretError::Open`], [`SecretError::Unreadable`], [`SecretError::NoKey`].
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        use std::io::Read;
        let unreadable = |source| SecretError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(SecretError::Open {
                    path: path.to_owned(),
                    mode,
                });
            }
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEY + 2));
        file.take(MAX_KEY as u64 + 2)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        Self::checked(&text, || format!("the file {}", path.display()))
    }

    /// A key given by the caller, e.g. by a test.
    ///
    /// # Errors
    /// [`SecretError::NoKey`].
    pub fn new(key: &str) -> Result<Self, SecretError> {
        Self::checked(key, || "the text given".to_owned())
    }

    fn checked(text: &str, place: impl Fn() -> String) -> Result<Self, SecretError> {
        let key = text.trim();
        let found = match key.len() {
            0 => "it is empty".to_owned(),
            1..MIN_KEY => format!(
                "it has fewer than {MIN_KEY} characters, too few to be found again where a server repeats it; leave \
                 the key out if the server needs none"
            ),
            MAX_KEY.. => format!("it has more than {MAX_KEY} characters"),
            _ if !key.bytes().all(|b| b.is_ascii_graphic()) => {
                "it has spaces, line breaks or characters outside of ASCII within".to_owned()
            }
            _ => return Ok(Self(Zeroizing::new(key.to_owned()))),
        };
        Err(SecretError::NoKey {
            place: place(),
            found,
        })
    }

    /// The key itself, for the one header that carries it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

/// What stands where a key stood.
pub const REDACTED: &str = "[key removed]";

/// Removes keys, in every form in which servers and libraries repeat them: as they are, escaped for
/// URLs, JSON (within JSON, within JSON …) and HTML, in hexadecimal, and in base64 at any offset.
/// Upper and lower case count as the same.
#[derive(Default)]
pub struct Redactor {
    forms: Vec<Form>,
}

/// A form of a key, without backslashes: how many stand in a text depends on how often it was escaped.
#[derive(PartialEq)]
struct Form {
    bytes: Zeroizing<Vec<u8>>,
    /// Whether backslashes before it are part of it.
    escaped: bool,
}

impl Redactor {
    /// A remover of these keys.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms: Vec<Form> = Vec::new();
        for secret in secrets {
            for form in forms_of(secret.expose()) {
                if !forms.contains(&form) && !form.bytes.is_empty() {
                    forms.push(form);
                }
            }
        }
        // Long forms first: one may contain another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.bytes.len()));
        Self { forms }
    }

    /// The text without keys; the same text where there is none. O(bytes · forms).
    #[must_use]
    pub fn clean<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut cleaned = Cow::Borrowed(bytes);
        for form in &self.forms {
            let mut from = 0;
            while let Some(range) = form.find(&cleaned, from) {
                from = range.start + REDACTED.len();
                cleaned.to_mut().splice(range, REDACTED.bytes());
            }
        }
        cleaned
    }

    /// The text without keys and without control characters, which could steer a terminal.
    #[must_use]
    pub fn line(&self, text: &str) -> String {
        let cleaned = self.clean(text.as_bytes());
        one_line(&String::from_utf8_lossy(&cleaned))
    }
}

impl Form {
    fn new(text: &str) -> Self {
        let bytes = text.bytes().filter(|&b| b != b'\\').collect();
        Self {
            bytes: Zeroizing::new(bytes),
            escaped: !text.starts_with(|c: char| c.is_ascii_alphanumeric()),
        }
    }

    /// Where the form stands in a text first, from some place on.
    fn find(&self, text: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
        let first = self.bytes[0].to_ascii_lowercase();
        (from..text.len()).find_map(|start| {
            if text[start].to_ascii_lowercase() != first {
                return None;
            }
            let end = self.end(text, start)?;
            let before = text[from..start].iter().rev();
            let backslashes = before.take_while(|&&b| self.escaped && b == b'\\').count();
            Some(start - backslashes..end)
        })
    }

    /// Where the form ends if it stands in a text at `start`.
    fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut at = start;
        for byte in self.bytes.iter() {
            while *text.get(at)? == b'\\' {
                at += 1;
            }
            if !text[at].eq_ignore_ascii_case(byte) {
                return None;
            }
            at += 1;
        }
        Some(at)
    }
}

/// The forms of a key that can stand in a text.
fn forms_of(key: &str) -> Vec<Form> {
    let bytes = key.as_bytes();
    let join = |each: &dyn Fn(u8) -> String| {
        let text: String = bytes.iter().map(|&b| each(b)).collect();
        Zeroizing::new(text)
    };
    let plain = |b: u8| char::from(b).to_string();
    let mut forms = vec![
        Zeroizing::new(key.to_owned()),
        join(&|b| match b {
            b'-' | b'.' | b'_' | b'~' => plain(b),
            b if b.is_ascii_alphanumeric() => plain(b),
            b => format!("%{b:02x}"),
        }),
        join(&|b| format!("%{b:02x}")),
        join(&|b| match b {
            b if b.is_ascii_alphanumeric() => plain(b),
            b => format!("\\u{b:04x}"),
        }),
        join(&|b| format!("\\u{b:04x}")),
        join(&|b| match b {
            b'&' => "&amp;".to_owned(),
            b'<' => "&lt;".to_owned(),
            b'>' => "&gt;".to_owned(),
            b'"' => "&quot;".to_owned(),
            b'\'' => "&#39;".to_owned(),
            b => plain(b),
        }),
        join(&|b| format!("{b:02x}")),
    ];
    // Within the base64 of a longer text (`Bearer KEY`, `user:KEY`) the key begins at any of three
    // offsets; the digits that it alone determines are those between the first and last shared ones.
    for offset in 0..3_usize {
        let mut padded = Zeroizing::new(vec![0; offset]);
        padded.extend_from_slice(bytes);
        let first = (offset * 8).div_ceil(6);
        let whole = padded.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&*padded),
            URL_SAFE_NO_PAD.encode(&*padded),
        ] {
            forms.push(Zeroizing::new(text[first..whole].to_owned()));
        }
    }
    forms.iter().map(|form| Form::new(form)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = r#"sk-Canary/0+9"\&<é"#;

    fn key() -> String {
        KEY.replace('é', "Zz")
    }

    #[test]
    fn a_key_is_removed_in_every_encoding() {
        let key = key();
        let redactor = Redactor::new([&Secret::new(&key).unwrap()]);
        let encode = |text: &str| {
            [
                base64::engine::general_purpose::STANDARD.encode(text),
                base64::engine::general_purpose::URL_SAFE.encode(text),
            ]
        };
        let mut texts = vec![
            key.clone(),
            key.to_uppercase(),
            format!("Authorization: Bearer {key}"),
            serde_json::to_string(&key).unwrap(),
            serde_json::to_string(&key).unwrap().replace('/', "\\/"),
            serde_json::to_string(&serde_json::to_string(&key).unwrap()).unwrap(),
            key.bytes().map(|b| format!("%{b:02X}")).collect(),
            key.bytes().map(|b| format!("{b:02x}")).collect(),
            key.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;"),
        ];
        for before in ["", "B", "Be", "Bearer ", "user:"] {
            texts.extend(encode(&format!("{before}{key} and more")));
        }
        for text in texts {
            let page = format!("<p>no access: {text}!</p>");
            let cleaned = redactor.clean(page.as_bytes()).into_owned();
            let cleaned = String::from_utf8(cleaned).unwrap();
            assert!(cleaned.contains(REDACTED), "{text}: {cleaned}");
            assert!(!cleaned.to_lowercase().contains("canary"), "{cleaned}");
        }
        assert!(matches!(redactor.clean(b"sk-Canary/0+"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn no_form_is_left_and_other_text_stays(before in "[ -~]{0,20}", key in "[!-~]{8,40}", after in "\\PC{0,20}") {
            let redactor = Redactor::new([&Secret::new(&key).unwrap()]);
            let text = format!("{before}{key}{after}");
            let cleaned = redactor.clean(text.as_bytes()).into_owned();
            prop_assert!(!cleaned.windows(key.len()).any(|w| w.eq_ignore_ascii_case(key.as_bytes())));
            prop_assert_eq!(redactor.line("plain words"), "plain words");
        }
    }

    #[test]
    fn keys_that_cannot_be_keys_are_refused_without_being_shown() {
        for (text, what) in [
            ("", "empty"),
            ("ab1", "fewer than 8"),
            ("two words!", "spaces"),
        ] {
            let error = Secret::new(text).err().unwrap().to_string();
            assert!(
                error.contains(what) && (text.is_empty() || !error.contains(text)),
                "{error}"
            );
        }
        assert!(matches!(
            Secret::from_env("EMOTOME_NO_SUCH_KEY"),
            Err(SecretError::NoVariable { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_must_be_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "sk-canary-0123456789\n").unwrap();
        let mode =
            |bits| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(bits)).unwrap();
        mode(0o640);
        let error = Secret::from_file(&path).err().unwrap();
        assert!(
            error.to_string().contains("mode 640") && !error.to_string().contains("canary"),
            "{error}"
        );
        mode(0o600);
        assert_eq!(
            Secret::from_file(&path).unwrap().expose(),
            "sk-canary-0123456789"
        );
    }
}
