//! From a picture to the bytes of PDF and PNG files.
//!
//! Both carry or use the font of the program and nothing of the machine, and hold no date: equal pictures
//! give equal bytes. In PDF files text stays text, so it can be searched and edited.

use crate::{canvas::Svg, font, png};
use krilla::{Document, geom, metadata::Metadata, page::PageSettings};
use krilla_svg::{SurfaceExt as _, SvgSettings};
use resvg::{tiny_skia, usvg};
use std::sync::{Arc, LazyLock};

/// On what ground a picture stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark letters on white, for print.
    #[default]
    Light,
    /// Bright letters on a dark ground, for screens and slides.
    Dark,
}

/// Width of one column of a journal, in millimetres.
pub const COLUMN_MM: f64 = 89.0;
/// Width of two columns, in millimetres.
pub const PAGE_MM: f64 = 183.0;

/// How large a picture is on paper, and how finely a bitmap shows it.
///
/// | field | default | range |
/// |---|---|---|
/// | `width_mm` | as drawn: 25.4/96 mm a pixel, 89 or 183 mm for most figures | 10 to 2000 |
/// | `dpi` | 300 | 36 to 2400 |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Print {
    /// Width in millimetres; letters grow and shrink with it. As drawn they have 7 to 9 points.
    pub width_mm: Option<f64>,
    /// Pixels per inch of a bitmap.
    pub dpi: f64,
}

impl Default for Print {
    fn default() -> Self {
        Self {
            width_mm: None,
            dpi: 300.0,
        }
    }
}

/// Most pixels of a bitmap: 256 MiB of memory.
pub const MOST_PIXELS: u64 = 1 << 26;

/// Why a picture could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A width outside what paper has.
    #[error(
        "the picture was to be {width_mm} mm wide, which is not from 10 to 2000: give e.g. 89 for one column or 183 for two"
    )]
    Width {
        /// The width that was asked for.
        width_mm: f64,
    },
    /// A resolution outside the usual.
    #[error(
        "the picture was to have {dpi} dots per inch, which is not from 36 to 2400: give e.g. 300"
    )]
    Resolution {
        /// The resolution that was asked for.
        dpi: f64,
    },
    /// More pixels than memory should be spent on.
    #[error(
        "the bitmap would have {width} × {height} pixels, more than {MOST_PIXELS}: ask for fewer dots per inch or a PDF"
    )]
    TooLarge {
        /// Its width in pixels.
        width: u64,
        /// Its height in pixels.
        height: u64,
    },
    /// The SVG writer and the SVG reader disagree.
    #[error("the picture {title:?} could not be read back: {reason}; please report this")]
    Unreadable {
        /// Heading of the figure.
        title: String,
        /// What the reader found.
        reason: String,
    },
    /// The encoder of PDF or PNG gave up.
    #[error("the picture {title:?} could not be encoded as {format}: {reason}; please report this")]
    Encoding {
        /// Heading of the figure.
        title: String,
        /// `PDF` or `PNG`.
        format: &'static str,
        /// What the encoder said.
        reason: String,
    },
}

/// The font of the program and no other.
static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    for file in font::FILES {
        fonts.load_font_data(file.to_vec());
    }
    fonts.set_sans_serif_family(font::FAMILY);
    Arc::new(fonts)
});

impl Print {
    /// Millimetres of a picture's width.
    fn width(&self, svg: &Svg) -> Result<f64, RenderError> {
        let width_mm = self.width_mm.unwrap_or(svg.width() * 25.4 / 96.0);
        match width_mm {
            w if (10.0..=2000.0).contains(&w) => Ok(w),
            width_mm => Err(RenderError::Width { width_mm }),
        }
    }
}

fn tree(
    svg: &Svg,
    title: &str,
    alt: &str,
    theme: Theme,
    style: Option<&str>,
) -> Result<usvg::Tree, RenderError> {
    let options = usvg::Options {
        style_sheet: style.map(str::to_owned),
        font_family: font::FAMILY.into(),
        fontdb: FONTS.clone(),
        image_href_resolver: usvg::ImageHrefResolver {
            // Pictures lie inside the file; nothing is read from disks.
            resolve_string: Box::new(|_, _| None),
            ..usvg::ImageHrefResolver::default()
        },
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(&svg.file(title, alt, theme), &options).map_err(|e| {
        RenderError::Unreadable {
            title: title.to_owned(),
            reason: e.to_string(),
        }
    })
}

/// A PDF file of one page as large as the picture, its fonts embedded.
///
/// # Errors
/// [`RenderError::Width`]; [`RenderError::Unreadable`] and [`RenderError::Encoding`] are defects.
pub fn pdf(
    svg: &Svg,
    title: &str,
    alt: &str,
    theme: Theme,
    print: Print,
) -> Result<Vec<u8>, RenderError> {
    // Letters are drawn one by one, so a wide halo would cover the edge of the letter before.
    const THIN_HALO: &str = "svg.figure text.halo{stroke-width:1.4px}";
    let width = print.width(svg)? * 72.0 / 25.4;
    let tree = tree(svg, title, alt, theme, Some(THIN_HALO))?;
    let failed = |reason: String| RenderError::Encoding {
        title: title.to_owned(),
        format: "PDF",
        reason,
    };
    let height = width * svg.height() / svg.width();
    let size = geom::Size::from_wh(width as f32, height as f32)
        .ok_or_else(|| failed(format!("a page of {width} × {height} points")))?;
    let mut document = Document::new();
    document.set_metadata(
        Metadata::new()
            .title(title.to_owned())
            .description(alt.to_owned())
            .language("en".into()),
    );
    let mut page = document.start_page_with(PageSettings::new(size));
    let mut surface = page.surface();
    surface
        .draw_svg(&tree, size, SvgSettings::default())
        .ok_or_else(|| failed("the picture has no size".into()))?;
    surface.finish();
    page.finish();
    document.finish().map_err(|e| failed(format!("{e:?}")))
}

/// A PNG file that knows its resolution.
///
/// O(pixels) time, four bytes of memory a pixel.
///
/// # Errors
/// [`RenderError::Width`], [`RenderError::Resolution`] and [`RenderError::TooLarge`];
/// [`RenderError::Unreadable`] and [`RenderError::Encoding`] are defects.
pub fn png(
    svg: &Svg,
    title: &str,
    alt: &str,
    theme: Theme,
    print: Print,
) -> Result<Vec<u8>, RenderError> {
    let dpi = print.dpi;
    if !(36.0..=2400.0).contains(&dpi) {
        return Err(RenderError::Resolution { dpi });
    }
    let scale = print.width(svg)? / 25.4 * dpi / svg.width();
    let [width, height] =
        [svg.width(), svg.height()].map(|side| (side * scale).round().max(1.0) as u64);
    if width.saturating_mul(height) > MOST_PIXELS {
        return Err(RenderError::TooLarge { width, height });
    }
    let failed = |reason: String| RenderError::Encoding {
        title: title.to_owned(),
        format: "PNG",
        reason,
    };
    let tree = tree(svg, title, alt, theme, None)?;
    let mut pixels = tiny_skia::Pixmap::new(width as u32, height as u32)
        .ok_or_else(|| failed(format!("{width} × {height} pixels")))?;
    let transform = tiny_skia::Transform::from_scale(
        width as f32 / tree.size().width(),
        height as f32 / tree.size().height(),
    );
    resvg::render(&tree, transform, &mut pixels.as_mut());
    let mut file = pixels.encode_png().map_err(|e| failed(e.to_string()))?;
    // Pixels per metre (pHYs) stand between the header, which ends at byte 33, and the pixels.
    let metre = ((dpi / 0.0254).round() as u32).to_be_bytes();
    let mut resolution = Vec::new();
    png::chunk(
        &mut resolution,
        *b"pHYs",
        &[&metre[..], &metre, &[1]].concat(),
    );
    file.splice(33..33, resolution);
    Ok(file)
}
