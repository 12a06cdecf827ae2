//! Tables with named columns: comma-, tab- or semicolon-separated, with ids or stimulus keys.

use super::error::{Expected, FormatError, RowError};
use super::extras::{ExtrasBuilder, Interner, RowExtras};
use super::reader::{Ids, Reader, place};
use super::writer::Writer;
use super::{Imported, PresentedOrder, Stimuli, nmi};
use crate::parse::{self, Lines};
use crate::trial::{Choice, Position, Split, Triplet};
use csv::ByteRecord;
use emotome_stimuli::{StimulusId, StimulusSet};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};

/// How a table names the odd one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OddBy {
    /// The column has its place, counted as the convention says (by default from 1).
    Place(String),
    /// The column repeats its id or key.
    Item(String),
}

/// What stands in the item columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemTokens {
    /// Row numbers of stimuli, counted as the convention says (by default from 0).
    Ids,
    /// Stimulus keys.
    Keys,
}

/// The names of a table's columns.
///
/// | field | default | read when absent from the file |
/// |---|---|---|
/// | `items` | `a`, `b`, `c` | refused |
/// | `odd` | the place, in `choice` | refused |
/// | `tokens` | ids | |
/// | the others | their own name | skipped if `None`, refused if named |
///
/// An empty choice, or one of `NA`, `NaN`, `null` and `none`, is a trial without a choice; so is a
/// row whose `status` is not `ok`. Such rows are left out and listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumns {
    /// The three items in presented order.
    pub items: [String; 3],
    /// The odd one.
    pub odd: OddBy,
    /// What stands in the item columns.
    pub tokens: ItemTokens,
    /// The trial's number in its design.
    pub trial: Option<String>,
    /// The model or group that chose.
    pub agent: Option<String>,
    /// The person who chose.
    pub rater: Option<String>,
    /// The response time in milliseconds.
    pub response_ms: Option<String>,
    /// How often the triplet was shown in this order before.
    pub replicate: Option<String>,
    /// What the trial may be used for.
    pub split: Option<String>,
    /// What became of the trial.
    pub status: Option<String>,
}

impl Default for TableColumns {
    fn default() -> Self {
        Self {
            items: ["a", "b", "c"].map(str::to_owned),
            odd: OddBy::Place("choice".into()),
            tokens: ItemTokens::Ids,
            trial: None,
            agent: None,
            rater: None,
            response_ms: None,
            replicate: None,
            split: None,
            status: None,
        }
    }
}

/// Where the columns stand in a file.
struct Places {
    items: [usize; 3],
    odd: usize,
    optional: [Option<usize>; 7],
}

impl TableColumns {
    /// The optional columns, in the order in which they are written.
    fn optional(&self) -> [(&str, Option<&str>); 7] {
        [
            ("trial", self.trial.as_deref()),
            ("agent", self.agent.as_deref()),
            ("rater", self.rater.as_deref()),
            ("response_ms", self.response_ms.as_deref()),
            ("replicate", self.replicate.as_deref()),
            ("split", self.split.as_deref()),
            ("status", self.status.as_deref()),
        ]
    }

    fn odd_name(&self) -> &str {
        match &self.odd {
            OddBy::Place(name) | OddBy::Item(name) => name,
        }
    }

    fn locate(&self, reader: &Reader<'_>, header: &[String]) -> Result<Places, FormatError> {
        let find = |name: &str, required: bool| {
            let mut at = header
                .iter()
                .enumerate()
                .filter(|(_, found)| *found == name)
                .map(|(at, _)| at);
            match (at.next(), at.next()) {
                (_, Some(_)) => Err(FormatError::RepeatedColumn {
                    path: reader.path.into(),
                    column: name.into(),
                }),
                (None, _) if required => Err(FormatError::MissingColumn {
                    path: reader.path.into(),
                    column: name.into(),
                    found: header.to_vec(),
                }),
                (at, None) => Ok(at),
            }
        };
        let required = |name: &str| find(name, true).map(Option::unwrap_or_default);
        let [a, b, c] = &self.items;
        let mut optional = [None; 7];
        for (place, (default, named)) in optional.iter_mut().zip(self.optional()) {
            *place = find(named.unwrap_or(default), named.is_some())?;
        }
        Ok(Places {
            items: [required(a)?, required(b)?, required(c)?],
            odd: required(self.odd_name())?,
            optional,
        })
    }
}

/// Turns item fields into stimuli.
enum Items<'a> {
    Ids(Ids),
    Keys(HashMap<&'a str, StimulusId>),
    Learned(Interner),
}

impl Items<'_> {
    fn id(&mut self, field: &[u8]) -> Result<StimulusId, RowError> {
        if let Self::Ids(ids) = self {
            return ids.id(integer(field)?);
        }
        let key = text(field)?;
        match self {
            Self::Keys(keys) => keys.get(key).copied().ok_or_else(|| RowError::UnknownKey {
                key: parse::quote(field),
                n: keys.len(),
            }),
            Self::Learned(interner) => Ok(StimulusId(interner.code(key))),
            Self::Ids(_) => Err(RowError::NotAnInteger {
                token: parse::quote(field),
            }),
        }
    }
}

fn text(field: &[u8]) -> Result<&str, RowError> {
    std::str::from_utf8(field.trim_ascii()).map_err(|_| RowError::NotUtf8)
}

fn integer(field: &[u8]) -> Result<i64, RowError> {
    match parse::integers(field)? {
        (values, 1) => Ok(values[0]),
        _ => Err(RowError::NotAnInteger {
            token: parse::quote(field),
        }),
    }
}

fn is_missing(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    field.is_empty()
        || ["na", "nan", "null", "none"]
            .iter()
            .any(|word| field.eq_ignore_ascii_case(word.as_bytes()))
}

pub(super) fn read(reader: &Reader<'_>, columns: &TableColumns) -> Result<Imported, FormatError> {
    let file = File::open(reader.path).map_err(|error| reader.io(error))?;
    let size = file.metadata().map_err(|error| reader.io(error))?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let start = file.fill_buf().map_err(|error| reader.io(error))?;
    let first_line = start
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    if first_line.contains(&0) {
        return Err(reader.row((1, RowError::ZeroByte)));
    }
    let delimiter = [b'\t', b',', b';']
        .into_iter()
        .find(|byte| first_line.contains(byte))
        .unwrap_or(b' ');
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(file);
    let header = csv
        .byte_headers()
        .map_err(|error| reader.io(error.into()))?;
    let header: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_owned())
        .collect();
    if header.iter().all(String::is_empty) {
        return Err(FormatError::Empty {
            path: reader.path.into(),
        });
    }
    let places = columns.locate(reader, &header)?;
    let ids = Ids::of(reader)?;
    let mut items = match (columns.tokens, reader.options.stimuli) {
        (ItemTokens::Ids, _) => Items::Ids(ids),
        (ItemTokens::Keys, Stimuli::Set(set)) => Items::Keys(
            set.keys()
                .iter()
                .enumerate()
                .map(|(row, key)| (key.as_str(), StimulusId(row as u32)))
                .collect(),
        ),
        (ItemTokens::Keys, Stimuli::Infer) => Items::Learned(Interner::default()),
        (ItemTokens::Keys, Stimuli::Count(_)) => {
            return Err(FormatError::Unsupported {
                path: reader.path.into(),
                format: reader.format,
                what: "read by key without the stimuli of a study; name stimuli.tsv, or have them inferred",
            });
        }
    };
    let (mut lines, mut extras, mut row) =
        (Lines::new(), ExtrasBuilder::default(), ByteRecord::new());
    reader.run.progress.begin("reading", Some(size));
    let mut at = 0;
    while csv
        .read_byte_record(&mut row)
        .map_err(|error| reader.io(error.into()))?
    {
        let (line, byte) = row
            .position()
            .map_or((0, 0), |position| (position.line(), position.byte()));
        if row.len() == 1 && row[0].trim_ascii().is_empty() && header.len() > 1 {
            lines.blank += 1;
            continue;
        }
        let kept = parse_row(&row, header.len(), columns, &places, reader, &mut items);
        let kept = kept.map(|(choice, row_extras)| {
            extras.push(row_extras);
            choice
        });
        lines
            .push(line, kept, reader.options.leave_out_bad_rows)
            .map_err(|error| reader.row(error))?;
        if byte - at > 1 << 20 {
            reader.run.progress.advance(byte - at);
            at = byte;
            if reader.run.interrupt.requested() {
                return Err(FormatError::Interrupted);
            }
        }
    }
    reader.run.progress.end();
    let learned = match items {
        Items::Learned(interner) => Some(sort_keys(&mut lines.values, interner.names).map_err(
            |source| FormatError::Key {
                path: reader.path.into(),
                source,
            },
        )?),
        _ => None,
    };
    let mut imported = reader.finish(lines, reader.convention, PresentedOrder::Known)?;
    imported.table.extras = reader.extras(extras)?;
    let used: Vec<usize> = places
        .items
        .into_iter()
        .chain([places.odd])
        .chain(places.optional.into_iter().flatten())
        .collect();
    imported.ignored_columns = header
        .into_iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
        .map(|(_, name)| name)
        .collect();
    if let Some(set) = learned {
        let choices = std::mem::replace(&mut imported.table.choices, crate::ChoiceSet::empty(0))
            .into_choices();
        imported.table.choices = crate::ChoiceSet::new(set.len(), choices)
            .map_err(|error| reader.binary(error.to_string()))?;
        imported.stimuli = Some(set);
    }
    Ok(imported)
}

fn parse_row<'a>(
    row: &'a ByteRecord,
    width: usize,
    columns: &TableColumns,
    places: &Places,
    reader: &Reader<'_>,
    items: &mut Items<'_>,
) -> Result<(Choice, RowExtras<'a>), RowError> {
    if row.len() != width {
        return Err(RowError::Columns {
            found: row.len(),
            expected: Expected::AsFirstRow(width),
        });
    }
    let [trial, agent, rater, response_ms, replicate, split, status] =
        places.optional.map(|at| at.map(|at| &row[at]));
    let [a, b, c] = places.items.map(|at| items.id(&row[at]));
    let shown = [a?, b?, c?];
    let triplet = Triplet::new(shown).map_err(|_| RowError::Repeated {
        items: shown.map(|id| i64::from(id.0) + reader.convention.base.offset()),
    })?;
    if let Some(status) = status.filter(|status| !status.trim_ascii().eq_ignore_ascii_case(b"ok")) {
        return Err(RowError::NoChoice {
            status: parse::quote(status),
        });
    }
    let odd = &row[places.odd];
    if is_missing(odd) {
        return Err(RowError::NoChoice {
            status: if odd.is_empty() {
                "empty".into()
            } else {
                parse::quote(odd)
            },
        });
    }
    let odd = match columns.odd {
        OddBy::Place(_) => place(integer(odd)?, nmi::choice_base(reader.convention.odd))?,
        OddBy::Item(_) => {
            let id = items.id(odd)?;
            Position::ALL
                .into_iter()
                .find(|&place| triplet.at(place) == id)
                .ok_or_else(|| RowError::Choice {
                    found: parse::quote(odd),
                    expected: "one of the three items of the row",
                })?
        }
    };
    let field = |column: usize, found: &[u8], expected| RowError::Field {
        column: columns.optional()[column]
            .1
            .unwrap_or(columns.optional()[column].0)
            .into(),
        found: parse::quote(found),
        expected,
    };
    let whole = |column, found: Option<&'a [u8]>, expected| {
        let found = found.filter(|found| !is_missing(found));
        found
            .map(|found| {
                integer(found)
                    .map_err(|_| field(column, found, expected))
                    .map(|value| (value, found))
            })
            .transpose()
    };
    let number = whole(0, trial, "a whole number")?
        .map(|(value, found)| {
            u64::try_from(value).map_err(|_| field(0, found, "a whole number from 0"))
        })
        .transpose()?;
    let replicate = whole(4, replicate, "a whole number")?
        .map(|(value, found)| {
            u16::try_from(value).map_err(|_| field(4, found, "a whole number from 0 to 65535"))
        })
        .transpose()?;
    let response_ms = response_ms
        .map(|found| match text(found)?.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ if is_missing(found) => Ok(f32::NAN),
            _ => Err(field(3, found, "milliseconds")),
        })
        .transpose()?;
    let split = split
        .filter(|found| !is_missing(found))
        .map(|found| {
            Split::from_name(text(found)?)
                .ok_or_else(|| field(5, found, "train, validation, test, ceiling or fullset"))
        })
        .transpose()?;
    let extras = RowExtras {
        number,
        agent: agent.map(text).transpose()?,
        rater: rater.map(text).transpose()?,
        response_ms,
        replicate,
        split,
    };
    Ok((Choice { triplet, odd }, extras))
}

/// Numbers learned keys alphabetically, so that the order of rows does not matter.
fn sort_keys(
    choices: &mut [Choice],
    names: Vec<String>,
) -> Result<StimulusSet, emotome_stimuli::stimulus::KeyError> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| names[a].cmp(&names[b]));
    let mut rank = vec![0; names.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(at, &name)| rank[name] = at as u32);
    let set = StimulusSet::from_labels(order.iter().map(|&at| names[at].as_str()))?;
    for choice in choices {
        let items = choice
            .triplet
            .items()
            .map(|id| StimulusId(rank[id.index()]));
        choice.triplet = Triplet::new(items).unwrap_or(choice.triplet);
    }
    Ok(set)
}

pub(super) fn write(writer: &Writer<'_>, columns: &TableColumns) -> Result<(), FormatError> {
    let delimiter = if super::has_extension(writer.path, "csv") {
        b','
    } else {
        b'\t'
    };
    let extras = &writer.table.extras;
    let keys = match (columns.tokens, writer.options.stimuli) {
        (ItemTokens::Ids, _) => None,
        (ItemTokens::Keys, Some(set)) if set.len() >= writer.table.choices.n_stimuli() => Some(set),
        (ItemTokens::Keys, _) => {
            return Err(FormatError::Unsupported {
                path: writer.path.into(),
                format: writer.format,
                what: "written by key without the stimuli of the study",
            });
        }
    };
    let has = [
        extras.number.is_some(),
        extras.agent.is_some(),
        extras.rater.is_some(),
        extras.response_ms.is_some(),
        extras.replicate.is_some(),
        extras.split.is_some(),
        false,
    ];
    let optional = columns
        .optional()
        .into_iter()
        .zip(has)
        .filter(|(_, has)| *has)
        .map(|((own, named), _)| named.unwrap_or(own));
    let names = columns
        .items
        .iter()
        .map(String::as_str)
        .chain([columns.odd_name()])
        .chain(optional);
    let mut header = Vec::new();
    for name in names {
        push_field(&mut header, name, delimiter);
        header.push(delimiter);
    }
    header.pop();
    header.push(b'\n');
    let header = String::from_utf8_lossy(&header).into_owned();
    let (offset, base) = (
        writer.offset(),
        nmi::choice_base(writer.convention.odd).offset() as u32,
    );
    writer.lines(&header, |line, row, choice| {
        let item = |line: &mut Vec<u8>, id: StimulusId| match keys {
            Some(set) => push_field(line, set.key(id).as_str(), delimiter),
            None => parse::push_integer(line, id.0 + offset),
        };
        for id in choice.triplet.items() {
            item(line, id);
            line.push(delimiter);
        }
        match columns.odd {
            OddBy::Place(_) => parse::push_integer(line, choice.odd.index() as u32 + base),
            OddBy::Item(_) => item(line, choice.triplet.at(choice.odd)),
        }
        // Writing to memory cannot fail.
        if let Some(number) = &extras.number {
            let _ = write!(line, "{}{}", delimiter as char, number[row]);
        }
        for labels in [&extras.agent, &extras.rater].into_iter().flatten() {
            line.push(delimiter);
            push_field(line, labels.at(row), delimiter);
        }
        if let Some(response_ms) = &extras.response_ms {
            line.push(delimiter);
            if !response_ms[row].is_nan() {
                let _ = write!(line, "{}", response_ms[row]);
            }
        }
        if let Some(replicate) = &extras.replicate {
            let _ = write!(line, "{}{}", delimiter as char, replicate[row]);
        }
        if let Some(split) = &extras.split {
            let _ = write!(line, "{}{}", delimiter as char, split[row]);
        }
        line.push(b'\n');
    })
}

fn push_field(line: &mut Vec<u8>, field: &str, delimiter: u8) {
    if field
        .bytes()
        .any(|byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r'))
    {
        line.push(b'"');
        line.extend_from_slice(field.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    } else {
        line.extend_from_slice(field.as_bytes());
    }
}
