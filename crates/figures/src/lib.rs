//! Figures for papers and for the screen, and the self-contained HTML report.
//!
//! A figure is a struct of plain data. It implements [`Figure`]: a picture ([`canvas::Svg`]), a
//! description in words, and the numbers behind it as a table. Nothing here fits or estimates.

pub mod accuracy;
pub mod agreement;
pub mod canvas;
pub mod chord;
pub mod colour;
pub mod communities;
pub mod cortex;
pub mod curve;
pub mod dimensions;
pub mod estimates;
pub mod exemplars;
pub mod export;
pub mod figure;
pub mod font;
mod frame;
pub mod heatmap;
pub mod histogram;
pub mod histogram2d;
pub mod inflated;
pub mod map;
pub mod order;
mod outline;
pub mod paint;
pub mod petals;
mod png;
pub mod positions;
pub mod ratings;
pub mod region_bars;
pub mod render;
pub mod report;
pub mod reproducibility;
pub mod retained;
pub mod scale;
pub mod scatter;
pub mod scores;
pub mod shares;
pub mod slices;
pub mod style;
pub mod table;
pub mod thresholds;
pub mod upset;
pub mod words;

pub use export::{Asset, Format, export};
pub use figure::Figure;
pub use render::Theme;
pub use report::Report;
