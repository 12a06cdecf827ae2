//! What a check found: where, what, what was expected, and how to mend it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Results may not mean what they seem to.
    Warning,
    /// The study cannot be used like this.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing found in a study folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name for this kind of finding, e.g. `duplicate-key`.
    pub code: &'static str,
    /// The file, relative to the study folder.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: Option<u64>,
    /// What was found.
    pub what: String,
    /// What should be there.
    pub expected: String,
    /// How to get there.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}", self.severity, self.code, self.what)?;
        write!(f, "  --> {}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(
            f,
            "\n   = expected: {}\n   = fix: {}",
            self.expected, self.fix
        )
    }
}

/// The findings of one check, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a finding in a file.
    pub(crate) fn add(
        &mut self,
        (severity, code): (Severity, &'static str),
        (file, line): (&Path, Option<u64>),
        what: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.0.push(Finding {
            severity,
            code,
            file: file.to_owned(),
            line,
            what: what.into(),
            expected: expected.into(),
            fix: fix.into(),
        });
    }

    /// All findings.
    #[must_use]
    pub fn as_slice(&self) -> &[Finding] {
        &self.0
    }

    /// The number of findings of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.0
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The first error.
    #[must_use]
    pub fn first_error(&self) -> Option<&Finding> {
        self.0
            .iter()
            .find(|finding| finding.severity == Severity::Error)
    }

    /// The findings and their totals as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "findings": self.0,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "notes": self.count(Severity::Note),
        })
    }

    /// The findings as a linter prints them, at most `limit` of each code, and a line of totals.
    #[must_use]
    pub fn render(&self, limit: usize) -> String {
        let mut text = String::new();
        let mut codes: Vec<(&str, usize)> = Vec::new();
        for finding in &self.0 {
            let seen = match codes.iter_mut().find(|(code, _)| *code == finding.code) {
                Some((_, seen)) => seen,
                None => &mut codes.push_mut((finding.code, 0)).1,
            };
            *seen += 1;
            if *seen <= limit {
                text += &format!("{finding}\n\n");
            }
        }
        for (code, seen) in codes.iter().filter(|(_, seen)| *seen > limit) {
            text += &format!("… and {} more [{code}]\n", seen - limit);
        }
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        text + &format!(
            "{}, {}, {}\n",
            plural(self.count(Severity::Error), "error"),
            plural(self.count(Severity::Warning), "warning"),
            plural(self.count(Severity::Note), "note"),
        )
    }
}
