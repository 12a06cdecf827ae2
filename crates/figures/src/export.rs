//! A figure as files for papers, slides and scripts.

use crate::{
    figure::Figure,
    render::{self, Print, RenderError, Theme},
};

/// A file that belongs beside a report or a paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its name, e.g. `01-held-out-accuracy.svg`; made of letters, digits, `-` and `.` only.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// What a figure can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Vectors for the screen and for editing.
    Svg,
    /// Vectors for print, with their font.
    Pdf,
    /// Pixels.
    Png,
    /// The numbers in the picture, tab-separated.
    Tsv,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Svg, Self::Pdf, Self::Png, Self::Tsv];

    /// The ending of file names, e.g. `pdf`.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Tsv => "tsv",
        }
    }
}

/// The files of a figure, named `stem`, `-dark` for dark pictures, and the ending of the format.
///
/// Equal figures give equal bytes. Letters that the font lacks (see [`crate::canvas::Svg::lacking`]) are boxes
/// in PDF and PNG files.
///
/// ```
/// use emotome_figures::{Format, Theme, curve::Curves, export, render::Print};
/// let files = export(&Curves::default(), "loss", &Format::ALL, Theme::Dark, Print::default())?;
/// let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
/// assert_eq!(names, ["loss-dark.svg", "loss-dark.pdf", "loss-dark.png", "loss.tsv"]);
/// assert!(files[1].bytes.starts_with(b"%PDF"));
/// # Ok::<(), emotome_figures::render::RenderError>(())
/// ```
///
/// # Errors
/// Those of [`render::pdf`] and [`render::png`].
pub fn export(
    figure: &dyn Figure,
    stem: &str,
    formats: &[Format],
    theme: Theme,
    print: Print,
) -> Result<Vec<Asset>, RenderError> {
    let (svg, title, alt) = (figure.svg(), figure.title(), figure.alt());
    let file = |&format: &Format| {
        let shade = match theme {
            Theme::Dark if format != Format::Tsv => "-dark",
            _ => "",
        };
        Ok(Asset {
            name: format!("{stem}{shade}.{}", format.ending()),
            bytes: match format {
                Format::Svg => svg.file(title, &alt, theme).into_bytes(),
                Format::Pdf => render::pdf(&svg, title, &alt, theme, print)?,
                Format::Png => render::png(&svg, title, &alt, theme, print)?,
                Format::Tsv => figure.tsv().into_bytes(),
            },
        })
    };
    formats.iter().map(file).collect()
}

/// `Held-out accuracy` becomes `held-out-accuracy`: at most eight words of ASCII letters and digits.
#[must_use]
pub fn stem(title: &str) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(8)
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}
