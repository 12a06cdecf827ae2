//! What a check found: where, what, what was expected, and how to mend it.

use std::collections::HashMap;
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

/// Findings of one kind that are kept; more are counted. A damaged table may have one per line.
const MAX_KEPT: usize = 1_000;

/// The findings of one check, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    /// How many there were of each kind, in the order of the first.
    counts: Vec<(Severity, &'static str, usize)>,
}

impl Findings {
    /// Adds a finding in a file.
    pub fn add(
        &mut self,
        (severity, code): (Severity, &'static str),
        (file, line): (&Path, Option<u64>),
        what: impl Into<String>,
        expected: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let known = self
            .counts
            .iter_mut()
            .find(|kind| (kind.0, kind.1) == (severity, code));
        let count = match known {
            Some((.., count)) => count,
            None => &mut self.counts.push_mut((severity, code, 0)).2,
        };
        *count += 1;
        if *count <= MAX_KEPT {
            self.kept.push(Finding {
                severity,
                code,
                file: file.to_owned(),
                line,
                what: what.into(),
                expected: expected.into(),
                fix: fix.into(),
            });
        }
    }

    /// All findings, but of each code the first thousand only.
    #[must_use]
    pub fn as_slice(&self) -> &[Finding] {
        &self.kept
    }

    /// The number of findings of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let kinds = self.counts.iter().filter(|kind| kind.0 == severity);
        kinds.map(|(.., count)| count).sum()
    }

    /// The first error.
    #[must_use]
    pub fn first_error(&self) -> Option<&Finding> {
        self.kept
            .iter()
            .find(|finding| finding.severity == Severity::Error)
    }

    /// What was loaded, if there is no error; else the number of errors and the first.
    pub(crate) fn sound<T>(&self, loaded: Option<T>) -> Result<T, (usize, Box<Finding>)> {
        match (loaded, self.first_error()) {
            (Some(loaded), None) => Ok(loaded),
            (_, Some(first)) => Err((self.count(Severity::Error), Box::new(first.clone()))),
            (None, None) => unreachable!("what cannot be loaded is an error"),
        }
    }

    /// The findings and their totals as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "findings": self.kept,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "notes": self.count(Severity::Note),
        })
    }

    /// The findings as a linter prints them, at most `limit` of each code, and a line of totals.
    #[must_use]
    pub fn render(&self, limit: usize) -> String {
        let mut text = String::new();
        let mut shown: HashMap<&str, usize> = HashMap::new();
        for finding in &self.kept {
            let shown = shown.entry(finding.code).or_default();
            if *shown < limit {
                *shown += 1;
                text += &format!("{finding}\n\n");
            }
        }
        for (_, code, count) in &self.counts {
            let shown = shown.get_mut(code).map_or(0, std::mem::take);
            if *count > shown {
                text += &format!("… and {} more [{code}]\n", count - shown);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_beyond_a_thousand_of_a_kind_are_counted_and_not_kept() {
        let mut findings = Findings::default();
        for line in 1..=1_500 {
            let place = (Path::new("a.tsv"), Some(line));
            findings.add((Severity::Error, "bad-key"), place, "x", "y", "z");
        }
        findings.add(
            (Severity::Note, "unused-file"),
            (Path::new("b"), None),
            "x",
            "y",
            "z",
        );
        assert_eq!(findings.as_slice().len(), 1_001);
        assert_eq!(findings.count(Severity::Error), 1_500);
        let text = findings.render(3);
        assert!(
            text.contains("… and 1497 more [bad-key]\n1500 errors, 0 warnings, 1 note"),
            "{text}"
        );
    }
}
