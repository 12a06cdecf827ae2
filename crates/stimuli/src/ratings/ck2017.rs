//! The published ratings of Cowen & Keltner (2017), recognised by their columns.

use std::path::Path;

use super::{Kind, RatingsError, RatingsTable, Scale};

/// The 34 emotion categories of Cowen & Keltner (2017), in file order.
pub const CK2017_CATEGORIES: [&str; 34] = [
    "Admiration",
    "Adoration",
    "Aesthetic Appreciation",
    "Amusement",
    "Anger",
    "Anxiety",
    "Awe",
    "Awkwardness",
    "Boredom",
    "Calmness",
    "Confusion",
    "Contempt",
    "Craving",
    "Disappointment",
    "Disgust",
    "Empathic Pain",
    "Entrancement",
    "Envy",
    "Excitement",
    "Fear",
    "Guilt",
    "Horror",
    "Interest",
    "Joy",
    "Nostalgia",
    "Pride",
    "Relief",
    "Romance",
    "Sadness",
    "Satisfaction",
    "Sexual Desire",
    "Surprise",
    "Sympathy",
    "Triumph",
];

/// The 14 affective dimensions of Cowen & Keltner (2017), in file order.
pub const CK2017_DIMENSIONS: [&str; 14] = [
    "approach",
    "arousal",
    "attention",
    "certainty",
    "commitment",
    "control",
    "dominance",
    "effort",
    "fairness",
    "identity",
    "obstruction",
    "safety",
    "upswing",
    "valence",
];

impl RatingsTable {
    /// Reads the published ratings of 2,185 videos on 34 categories and 14 dimensions
    /// (Cowen & Keltner 2017, PNAS 114, E7900, <https://doi.org/10.1073/pnas.1702247114>).
    ///
    /// Categories are the share of raters who chose the name, 9 to 17 raters per video and most often 12;
    /// dimensions are means of 9 raters on a scale from 1 to 9. The numbers of raters follow from the
    /// values, which are multiples of 1/n.
    ///
    /// # Errors
    /// [`RatingsError::NotCk2017`] if a column is missing, renamed or moved, else as [`Self::read`].
    pub fn read_ck2017(path: impl AsRef<Path>) -> Result<Self, RatingsError> {
        let path = path.as_ref();
        let mut table = Self::read(path)?;
        let expected = CK2017_CATEGORIES.iter().chain(&CK2017_DIMENSIONS);
        let width = CK2017_CATEGORIES.len() + CK2017_DIMENSIONS.len();
        let found = table.scales.iter().map(|(name, _)| name.as_str());
        let padded = found
            .chain(std::iter::repeat(""))
            .zip(expected.copied().chain([""]));
        if let Some((column, (found, expected))) = (1..).zip(padded).find(|(_, (a, b))| a != b) {
            return Err(RatingsError::NotCk2017 {
                path: path.to_owned(),
                column,
                found: found.to_owned(),
                expected: if column > width {
                    "no further column"
                } else {
                    expected
                }
                .to_owned(),
            });
        }
        for (column, (_, scale)) in table.scales.iter_mut().enumerate() {
            *scale = if column < CK2017_CATEGORIES.len() {
                Scale {
                    kind: Kind::Category,
                    units: Some("share of raters who chose the category".into()),
                    min: Some(0.0),
                    max: Some(1.0),
                    n_raters: Some(12),
                    description: Some("9 to 17 raters per video, most often 12".into()),
                }
            } else {
                Scale {
                    kind: Kind::Dimension,
                    units: Some("mean rating".into()),
                    min: Some(1.0),
                    max: Some(9.0),
                    n_raters: Some(9),
                    description: None,
                }
            };
        }
        table.description =
            Some("Ratings of 2,185 short videos on 34 emotion categories and 14 dimensions".into());
        table.source = Some(
            "Cowen & Keltner (2017), PNAS 114, E7900, https://doi.org/10.1073/pnas.1702247114"
                .into(),
        );
        table.licence = Some("research use; cite, do not relicense".into());
        Ok(table)
    }

    /// Reads a user's table, and fills in the scales if its columns are those of [`Self::read_ck2017`] and it
    /// has no sidecar; also returns the name of the published table it was taken for.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_known(
        path: impl AsRef<Path>,
    ) -> Result<(Self, Option<&'static str>), RatingsError> {
        let path = path.as_ref();
        if path.with_extension("json").exists() {
            return Ok((Self::read(path)?, None));
        }
        match Self::read_ck2017(path) {
            Ok(table) => Ok((table, Some("Cowen & Keltner (2017)"))),
            Err(RatingsError::NotCk2017 { .. }) => Ok((Self::read(path)?, None)),
            Err(error) => Err(error),
        }
    }
}
