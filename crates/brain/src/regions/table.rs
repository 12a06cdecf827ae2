//! Tables of regions: which parcels a region is made of.

use std::{collections::HashMap, fmt};

use super::{area::Hemisphere, name::ParcelName};

/// Hemispheres that a row of a table means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// One.
    One(Hemisphere),
    /// Both, and parcels that state none.
    Both,
}

impl Side {
    fn read(text: &str) -> Option<Self> {
        Some(match text.trim().to_lowercase().as_str() {
            "l" | "left" | "lh" => Self::One(Hemisphere::Left),
            "r" | "right" | "rh" => Self::One(Hemisphere::Right),
            "" | "both" | "b" | "lr" => Self::Both,
            _ => return None,
        })
    }

    /// Whether a parcel of this hemisphere is meant.
    pub fn includes(self, hemisphere: Option<Hemisphere>) -> bool {
        match self {
            Self::Both => true,
            Self::One(side) => hemisphere == Some(side),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(side) => write!(f, "{}", side.letter()),
            Self::Both => f.write_str("both"),
        }
    }
}

/// One row: a parcel of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionRow {
    /// The line in the file, from 1.
    pub line: usize,
    /// The region.
    pub group: String,
    /// The parcel as written.
    pub parcel: String,
    /// The parcel's name without the dress of files; it states no hemisphere.
    pub stem: String,
    /// Hemispheres.
    pub side: Side,
    /// What there is to know about the row.
    pub note: String,
}

/// Which parcels regions are made of.
///
/// A file has the columns `group`, `parcel`, `hemisphere` (`L`, `R` or `both`; `both` where the column or the cell is
/// missing) and `note` (may be missing), separated by tabs or commas; lines that start with `#` are remarks.
///
/// ```
/// use emotome_brain::regions::RegionTable;
/// let table = RegionTable::read("mine.csv", "group,parcel,hemisphere\nface,FFC,R\nface,PIT,\n").unwrap();
/// assert_eq!(table.groups(), ["face"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionTable {
    /// What messages call it.
    pub name: String,
    /// Remarks of the file, without `#`.
    pub remarks: Vec<String>,
    /// The rows in the order of the file.
    pub rows: Vec<RegionRow>,
}

/// Why a table of regions cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A column is missing.
    #[error(
        "{table}: no column {column:?} among {found:?}; a table of regions has the columns group, parcel, hemisphere and note"
    )]
    Column {
        /// The table.
        table: String,
        /// What was looked for.
        column: &'static str,
        /// What is there.
        found: Vec<String>,
    },
    /// A row has too few or too many cells.
    #[error("{table}, line {line}: {found} cells where the header has {expected}")]
    Cells {
        /// The table.
        table: String,
        /// The line.
        line: usize,
        /// Cells in it.
        found: usize,
        /// Columns.
        expected: usize,
    },
    /// A cell that must be filled is empty.
    #[error("{table}, line {line}: the column {column:?} is empty")]
    Empty {
        /// The table.
        table: String,
        /// The line.
        line: usize,
        /// The column.
        column: &'static str,
    },
    /// Not a hemisphere.
    #[error("{table}, line {line}: hemisphere {found:?} is none of L, R and both")]
    Side {
        /// The table.
        table: String,
        /// The line.
        line: usize,
        /// What was written.
        found: String,
    },
    /// The name of a parcel contradicts itself or the column of hemispheres.
    #[error("{table}, line {line}: parcel {parcel:?} and hemisphere {side} contradict each other")]
    Contradiction {
        /// The table.
        table: String,
        /// The line.
        line: usize,
        /// The parcel.
        parcel: String,
        /// The hemisphere of the row.
        side: Side,
    },
    /// A row stands twice.
    #[error(
        "{table}, line {line}: {parcel} is already in {group} (line {first}); remove one of the two"
    )]
    Repeated {
        /// The table.
        table: String,
        /// The line.
        line: usize,
        /// Where it stood first.
        first: usize,
        /// The region.
        group: String,
        /// The parcel.
        parcel: String,
    },
    /// No row at all.
    #[error("{table}: no region in it")]
    Nothing {
        /// The table.
        table: String,
    },
}

impl RegionTable {
    /// Reads a table; `name` stands in messages.
    ///
    /// # Errors
    /// [`TableError`] with the line.
    pub fn read(name: &str, text: &str) -> Result<Self, TableError> {
        let table = || name.to_owned();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut remarks = Vec::new();
        let mut header: Option<(char, Vec<String>)> = None;
        let mut rows: Vec<RegionRow> = Vec::new();
        let mut seen: HashMap<(String, String, Side), usize> = HashMap::new();
        for (index, content) in text.lines().enumerate() {
            let line = index + 1;
            if let Some(remark) = content.strip_prefix('#') {
                remarks.push(remark.trim().to_owned());
                continue;
            }
            if content.trim().is_empty() {
                continue;
            }
            let Some((separator, columns)) = &header else {
                let separator = if content.contains('\t') { '\t' } else { ',' };
                let columns = split(content, separator);
                header = Some((
                    separator,
                    columns.iter().map(|c| c.to_lowercase()).collect(),
                ));
                continue;
            };
            let cells = split(content, *separator);
            if cells.len() != columns.len() {
                return Err(TableError::Cells {
                    table: table(),
                    line,
                    found: cells.len(),
                    expected: columns.len(),
                });
            }
            let cell = |column: &str| {
                let place = columns.iter().position(|c| c == column)?;
                Some(cells[place].as_str())
            };
            let filled = |column: &'static str| match cell(column) {
                None => Err(TableError::Column {
                    table: table(),
                    column,
                    found: columns.clone(),
                }),
                Some("") => Err(TableError::Empty {
                    table: table(),
                    line,
                    column,
                }),
                Some(text) => Ok(text.to_owned()),
            };
            let (group, parcel) = (filled("group")?, filled("parcel")?);
            let written = cell("hemisphere").unwrap_or("");
            let column = Side::read(written).ok_or_else(|| TableError::Side {
                table: table(),
                line,
                found: written.to_owned(),
            })?;
            let contradiction = || TableError::Contradiction {
                table: table(),
                line,
                parcel: parcel.clone(),
                side: column,
            };
            let parsed = ParcelName::read(&parcel).ok_or_else(contradiction)?;
            let side = match (parsed.hemisphere, column) {
                (None, side) => side,
                (Some(named), Side::Both) => Side::One(named),
                (Some(named), Side::One(side)) if named == side => column,
                _ => return Err(contradiction()),
            };
            if let Some(&first) = seen.get(&(group.clone(), parsed.stem.clone(), side)) {
                return Err(TableError::Repeated {
                    table: table(),
                    line,
                    first,
                    group,
                    parcel,
                });
            }
            seen.insert((group.clone(), parsed.stem.clone(), side), line);
            rows.push(RegionRow {
                line,
                group,
                parcel,
                stem: parsed.stem,
                side,
                note: cell("note").unwrap_or("").to_owned(),
            });
        }
        if rows.is_empty() {
            return Err(TableError::Nothing { table: table() });
        }
        Ok(Self {
            name: table(),
            remarks,
            rows,
        })
    }

    /// Names of the regions in the order of the file.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !groups.contains(&row.group.as_str()) {
                groups.push(&row.group);
            }
        }
        groups
    }

    /// The rows of a region.
    pub fn of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a RegionRow> + 'a {
        self.rows.iter().filter(move |row| row.group == group)
    }
}

/// Cells of a line without surrounding blanks; cells between commas may be quoted, `""` inside for one quote.
fn split(line: &str, separator: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.trim_end_matches('\r').chars().peekable();
    while let Some(letter) = letters.next() {
        let cell = cells.last_mut();
        match letter {
            '"' if separator == ',' && quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.into_iter().for_each(|c| c.push('"'));
            }
            '"' if separator == ',' => quoted = !quoted,
            _ if letter == separator && !quoted => cells.push(String::new()),
            _ => cell.into_iter().for_each(|c| c.push(letter)),
        }
    }
    for cell in &mut cells {
        *cell = cell.trim().to_owned();
    }
    cells
}

/// The tables that come with the program.
///
/// | name | regions |
/// |---|---|
/// | `horikawa2020` | 13 cortical groups and 10 structures, Insula and ACC put right, no Brodmann area 34 as accumbens |
/// | `horikawa2020_as_shipped` | the same as released, for comparison with published tables |
/// | `glasser22` | the 22 sections of the HCP-MMP 1.0; every area in exactly one |
/// | `emotion2025` | 16 cortical regions and 10 structures; MST, TF and VLPFC are stand-ins |
/// | `yeo7`, `yeo17` | networks |
/// | `yeo17_horikawa2020` | the 17 networks under the names of the 2020 release |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// `horikawa2020`.
    Horikawa2020,
    /// `horikawa2020_as_shipped`.
    Horikawa2020AsShipped,
    /// `glasser22`.
    Glasser22,
    /// `emotion2025`.
    Emotion2025,
    /// `yeo7`.
    Yeo7,
    /// `yeo17`.
    Yeo17,
    /// `yeo17_horikawa2020`.
    Yeo17Horikawa2020,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Horikawa2020,
        Self::Horikawa2020AsShipped,
        Self::Glasser22,
        Self::Emotion2025,
        Self::Yeo7,
        Self::Yeo17,
        Self::Yeo17Horikawa2020,
    ];

    /// Its name, which is that of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Horikawa2020 => "horikawa2020",
            Self::Horikawa2020AsShipped => "horikawa2020_as_shipped",
            Self::Glasser22 => "glasser22",
            Self::Emotion2025 => "emotion2025",
            Self::Yeo7 => "yeo7",
            Self::Yeo17 => "yeo17",
            Self::Yeo17Horikawa2020 => "yeo17_horikawa2020",
        }
    }

    /// The preset of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its file, to be saved and edited.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Horikawa2020 => include_str!("../../presets/horikawa2020.tsv"),
            Self::Horikawa2020AsShipped => {
                include_str!("../../presets/horikawa2020_as_shipped.tsv")
            }
            Self::Glasser22 => include_str!("../../presets/glasser22.tsv"),
            Self::Emotion2025 => include_str!("../../presets/emotion2025.tsv"),
            Self::Yeo7 => include_str!("../../presets/yeo7.tsv"),
            Self::Yeo17 => include_str!("../../presets/yeo17.tsv"),
            Self::Yeo17Horikawa2020 => include_str!("../../presets/yeo17_horikawa2020.tsv"),
        }
    }

    /// The table.
    ///
    /// # Errors
    /// None for the files as they come with the program.
    pub fn table(self) -> Result<RegionTable, TableError> {
        RegionTable::read(self.name(), self.text())
    }
}
