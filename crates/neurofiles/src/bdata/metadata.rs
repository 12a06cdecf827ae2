//! What a BData file says of its columns.

/// Keys × columns: a key is 1 in the columns it names, and holds a number for each where it describes them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    keys: Vec<String>,
    descriptions: Vec<String>,
    rows: Vec<Row>,
    columns: usize,
}

/// The values of a key: mostly 1, 0 and none, for which a byte is enough.
#[derive(Debug, Clone, PartialEq)]
enum Row {
    Codes(Vec<u8>),
    Numbers(Vec<f64>),
}

const CODED: [f64; 3] = [f64::NAN, 0.0, 1.0];

impl Row {
    fn push(&mut self, value: f64) {
        let code = match value {
            _ if value.is_nan() => Some(0),
            0.0 => Some(1),
            1.0 => Some(2),
            _ => None,
        };
        match (&mut *self, code) {
            (Self::Codes(codes), Some(code)) => codes.push(code),
            (Self::Numbers(numbers), _) => numbers.push(value),
            (Self::Codes(codes), None) => {
                let mut numbers: Vec<f64> =
                    codes.iter().map(|&code| CODED[usize::from(code)]).collect();
                numbers.push(value);
                *self = Self::Numbers(numbers);
            }
        }
    }

    fn get(&self, column: usize) -> f64 {
        match self {
            Self::Codes(codes) => CODED[usize::from(codes[column])],
            Self::Numbers(numbers) => numbers[column],
        }
    }
}

impl Metadata {
    /// No key over so many columns.
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            ..Self::default()
        }
    }

    /// Adds a key that is 1 in some columns and has no value elsewhere.
    pub fn select(&mut self, key: &str, description: &str, columns: std::ops::Range<usize>) {
        let value = |column| {
            if columns.contains(&column) {
                1.0
            } else {
                f64::NAN
            }
        };
        self.describe(key, description, value);
    }

    /// Adds a key with the value of every column, NaN for none.
    pub fn describe(&mut self, key: &str, description: &str, value: impl Fn(usize) -> f64) {
        let mut row = Row::Codes(Vec::with_capacity(self.columns));
        (0..self.columns).for_each(|column| row.push(value(column)));
        self.keys.push(key.to_owned());
        self.descriptions.push(description.to_owned());
        self.rows.push(row);
    }

    /// How many columns are described.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The keys, in the order of the file.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// What the file says of each key.
    pub fn descriptions(&self) -> &[String] {
        &self.descriptions
    }

    /// Position of a key.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|known| known == key)
    }

    /// The value of a key, by position, in a column; NaN for none.
    ///
    /// # Panics
    ///
    /// If there is no such key or column.
    pub fn value(&self, key: usize, column: usize) -> f64 {
        self.rows[key].get(column)
    }

    /// The columns in which a key is 1, ascending; none if there is no such key.
    pub fn named(&self, key: &str) -> Option<Vec<usize>> {
        let key = self.position(key)?;
        let columns = 0..self.columns;
        Some(columns.filter(|&c| self.value(key, c) == 1.0).collect())
    }

    pub(super) fn filled(keys: Vec<String>, descriptions: Vec<String>, columns: usize) -> Self {
        Self {
            rows: keys.iter().map(|_| Row::Codes(Vec::new())).collect(),
            keys,
            descriptions,
            columns,
        }
    }

    pub(super) fn push(&mut self, key: usize, value: f64) {
        self.rows[key].push(value);
    }
}
