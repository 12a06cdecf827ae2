//! What a file says about each choice besides the choice itself.

use crate::trial::Split;
use std::collections::HashMap;

/// A column of labels, each kept once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// The distinct labels, in order of first appearance.
    pub names: Vec<String>,
    /// Which label each choice has.
    pub codes: Vec<u32>,
}

impl Labels {
    /// The label of a choice.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn at(&self, row: usize) -> &str {
        &self.names[self.codes[row] as usize]
    }
}

/// What a file says about each choice besides the choice; every column is as long as the choices.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extras {
    /// The trial's number in its design.
    pub number: Option<Vec<u64>>,
    /// The model or group that chose.
    pub agent: Option<Labels>,
    /// The person who chose.
    pub rater: Option<Labels>,
    /// The response time in milliseconds; NaN where missing.
    pub response_ms: Option<Vec<f32>>,
    /// How often the triplet was shown in this order before.
    pub replicate: Option<Vec<u16>>,
    /// What the trial may be used for.
    pub split: Option<Vec<Split>>,
}

/// The extras of one row; a file without a column has `None` there in every row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowExtras<'a> {
    pub(super) number: Option<u64>,
    pub(super) agent: Option<&'a str>,
    pub(super) rater: Option<&'a str>,
    pub(super) response_ms: Option<f32>,
    pub(super) replicate: Option<u16>,
    pub(super) split: Option<Split>,
}

/// Collects extras row by row.
#[derive(Debug, Default)]
pub(super) struct ExtrasBuilder {
    rows: usize,
    number: Vec<u64>,
    response_ms: Vec<f32>,
    replicate: Vec<u16>,
    split: Vec<Split>,
    agent: LabelColumn,
    rater: LabelColumn,
}

impl ExtrasBuilder {
    pub(super) fn push(&mut self, row: RowExtras<'_>) {
        self.number.extend(row.number);
        self.replicate.extend(row.replicate);
        self.split.extend(row.split);
        self.agent.push(row.agent, self.rows);
        self.rater.push(row.rater, self.rows);
        if let Some(value) = row
            .response_ms
            .or((!self.response_ms.is_empty()).then_some(f32::NAN))
        {
            self.response_ms.resize(self.rows, f32::NAN);
            self.response_ms.push(value);
        }
        self.rows += 1;
    }

    /// The columns that have a value; a row without a label has the empty one.
    ///
    /// Otherwise the column that lacks values in some rows, and in how many.
    pub(super) fn finish(self) -> Result<Extras, (&'static str, usize)> {
        let rows = self.rows;
        let whole = |name, filled: usize| {
            if filled == 0 || filled == rows {
                Ok(filled > 0)
            } else {
                Err((name, rows - filled))
            }
        };
        Ok(Extras {
            number: whole("trial number", self.number.len())?.then_some(self.number),
            replicate: whole("replicate", self.replicate.len())?.then_some(self.replicate),
            split: whole("split", self.split.len())?.then_some(self.split),
            response_ms: Some(self.response_ms)
                .filter(|column| column.iter().any(|value| !value.is_nan())),
            agent: self.agent.finish(),
            rater: self.rater.finish(),
        })
    }
}

/// A column of labels being collected.
#[derive(Debug, Default)]
struct LabelColumn {
    interner: Interner,
    codes: Vec<u32>,
}

impl LabelColumn {
    fn push(&mut self, label: Option<&str>, rows: usize) {
        if label.is_some() && self.codes.len() < rows {
            let empty = self.interner.code("");
            self.codes.resize(rows, empty);
        }
        if label.is_some() || !self.codes.is_empty() {
            self.codes
                .push(self.interner.code(label.unwrap_or_default()));
        }
    }

    fn finish(self) -> Option<Labels> {
        (!self.codes.is_empty()).then_some(Labels {
            names: self.interner.names,
            codes: self.codes,
        })
    }
}

/// Numbers labels by first appearance.
#[derive(Debug, Default)]
pub(super) struct Interner {
    pub(super) names: Vec<String>,
    codes: HashMap<Box<str>, u32>,
    last: u32,
}

impl Interner {
    pub(super) fn code(&mut self, label: &str) -> u32 {
        // Rows of one agent or rater mostly stand together.
        if self
            .names
            .get(self.last as usize)
            .is_none_or(|last| last != label)
        {
            self.last = self.codes.get(label).copied().unwrap_or_else(|| {
                let code = self.names.len() as u32;
                self.names.push(label.to_owned());
                self.codes.insert(label.into(), code);
                code
            });
        }
        self.last
    }
}
