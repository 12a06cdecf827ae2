//! Figures for papers and for the screen, and the self-contained HTML report.
//!
//! A figure is a struct of plain data. It implements [`Figure`]: a picture ([`canvas::Svg`]), a
//! description in words, and the numbers behind it as a table. Nothing here fits or estimates.

pub mod accuracy;
pub mod agreement;
pub mod canvas;
pub mod curve;
pub mod dimensions;
pub mod estimates;
pub mod figure;
mod frame;
pub mod heatmap;
pub mod histogram;
pub mod order;
mod png;
pub mod positions;
pub mod report;
pub mod reproducibility;
pub mod scale;
pub mod scatter;
pub mod style;
pub mod table;

pub use figure::Figure;
pub use report::Report;
