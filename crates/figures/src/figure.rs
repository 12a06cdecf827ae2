//! What every figure can do: be drawn, be described in words, and hand out its numbers.

use crate::{canvas::Svg, render::Theme, table::Table};

/// A figure: plain data that knows how to show itself.
pub trait Figure {
    /// The heading, e.g. `Held-out accuracy`.
    fn title(&self) -> &str;

    /// What the picture shows, in words: the text alternative that screen readers speak.
    fn alt(&self) -> String;

    /// How to read the picture, for somebody who sees such a one for the first time.
    fn how_to_read(&self) -> &str;

    /// The picture.
    fn svg(&self) -> Svg;

    /// The numbers in the picture.
    fn table(&self) -> Table;

    /// The numbers as tab-separated values.
    fn tsv(&self) -> String {
        self.table().tsv()
    }

    /// The picture as an SVG file of its own, in the light colours.
    fn svg_file(&self) -> String {
        self.svg().file(self.title(), &self.alt(), Theme::Light)
    }
}
