//! What a variable of MATLAB holds.

/// The class of numbers in MATLAB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in MATLAB")]
pub enum Class {
    Double,
    Single,
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Logical,
}

/// A full array of numbers or truth values.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Its class.
    pub class: Class,
    /// Its dimensions, at least two.
    pub dims: Vec<usize>,
    /// Real parts, the first dimension fastest.
    pub re: Vec<f64>,
    /// Imaginary parts of a complex array.
    pub im: Option<Vec<f64>>,
}

/// A char array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its dimensions, at least two.
    pub dims: Vec<usize>,
    /// UTF-16, the first dimension fastest.
    pub units: Vec<u16>,
}

impl Text {
    /// Its rows; spaces at the end are kept.
    pub fn rows(&self) -> Vec<String> {
        let rows = self.dims.first().copied().unwrap_or(0);
        if rows == 0 || self.units.is_empty() {
            return Vec::new();
        }
        let row = |row| {
            let units: Vec<u16> = self.units.iter().skip(row).step_by(rows).copied().collect();
            String::from_utf16_lossy(&units)
        };
        (0..rows).map(row).collect()
    }
}

/// A sparse matrix, column after column.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Where each column begins among the values, and the number of values.
    pub starts: Vec<usize>,
    /// The row of each value.
    pub indices: Vec<usize>,
    /// Real parts.
    pub re: Vec<f64>,
    /// Imaginary parts of a complex matrix.
    pub im: Option<Vec<f64>>,
    /// Whether it holds truth values.
    pub logical: bool,
}

/// A value of MATLAB.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Numbers or truth values.
    Numbers(Numbers),
    /// Characters.
    Text(Text),
    /// A sparse matrix.
    Sparse(Sparse),
    /// A cell array.
    Cell {
        /// Its dimensions.
        dims: Vec<usize>,
        /// Its cells, the first dimension fastest.
        cells: Vec<Value>,
    },
    /// A struct or struct array.
    Struct {
        /// Its dimensions.
        dims: Vec<usize>,
        /// Each field with the values of all elements, the first dimension fastest.
        fields: Vec<(String, Vec<Value>)>,
        /// The class of an object that was saved as its fields.
        class: Option<String>,
    },
    /// What is not read: a handle of a function, an opaque object.
    Opaque {
        /// Its class.
        class: String,
    },
}

impl Value {
    pub(super) fn empty() -> Self {
        Self::Numbers(Numbers {
            class: Class::Double,
            dims: vec![0, 0],
            re: Vec::new(),
            im: None,
        })
    }

    /// Dimensions.
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Numbers(Numbers { dims, .. })
            | Self::Text(Text { dims, .. })
            | Self::Cell { dims, .. }
            | Self::Struct { dims, .. } => dims.clone(),
            Self::Sparse(sparse) => vec![sparse.rows, sparse.columns],
            Self::Opaque { .. } => vec![1, 1],
        }
    }

    /// Real numbers; none of a complex array or of what holds no numbers.
    pub fn numbers(&self) -> Option<&Numbers> {
        match self {
            Self::Numbers(numbers) if numbers.im.is_none() => Some(numbers),
            _ => None,
        }
    }

    /// A text of one row, or an empty one.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) if text.units.is_empty() => Some(String::new()),
            Self::Text(text) if text.dims.first() == Some(&1) => text.rows().pop(),
            _ => None,
        }
    }

    /// The cells of a cell array.
    pub fn cells(&self) -> Option<&[Value]> {
        match self {
            Self::Cell { cells, .. } => Some(cells),
            _ => None,
        }
    }

    /// Texts: the cells of a cell array of texts, or the rows of a char array without the spaces that pad them.
    pub fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Cell { cells, .. } => cells
                .iter()
                .map(|cell| match cell {
                    // [] stands for '' in many files.
                    Self::Numbers(numbers) if numbers.re.is_empty() => Some(String::new()),
                    other => other.text(),
                })
                .collect(),
            Self::Text(text) => {
                let rows = text.rows().into_iter();
                Some(rows.map(|row| row.trim_end().to_owned()).collect())
            }
            _ => None,
        }
    }

    /// A field of a struct: its values over all elements.
    pub fn field(&self, name: &str) -> Option<&[Value]> {
        match self {
            Self::Struct { fields, .. } => {
                let mut found = fields.iter().filter(|(known, _)| known == name);
                found.next().map(|(_, values)| values.as_slice())
            }
            _ => None,
        }
    }

    /// A field of a 1 × 1 struct.
    pub fn scalar_field(&self, name: &str) -> Option<&Value> {
        match self.field(name) {
            Some([one]) => Some(one),
            _ => None,
        }
    }
}
