//! Scalable vector pictures: a small writer of SVG elements whose output is a pure function of its input.

use crate::{
    colour::{Rgb, hex},
    font::{self, Weight},
    render::Theme,
    style,
};
use std::fmt::Write as _;

/// A finished picture; colours are classes, so that a page can turn it dark.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

impl Svg {
    /// Width in CSS pixels (1/96 inch); 692 is the 183 mm of a two-column page.
    #[must_use]
    pub const fn width(&self) -> f64 {
        self.width
    }

    /// Height in CSS pixels.
    #[must_use]
    pub const fn height(&self) -> f64 {
        self.height
    }

    /// The picture as a file of its own, for a paper or a slide.
    ///
    /// `title` and `alt` become the elements that screen readers speak.
    #[must_use]
    pub fn file(&self, title: &str, alt: &str, theme: Theme) -> String {
        let mut css = String::new();
        style::file_rules(&mut css, theme);
        let head =
            format!("<style>{css}</style><rect class=\"page\" width=\"100%\" height=\"100%\"/>");
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
            self.element(
                "figure",
                title,
                alt,
                " xmlns=\"http://www.w3.org/2000/svg\"",
                &head
            )
        )
    }

    /// The letters in the picture that its font has no shape for; see [`font::lacking`].
    #[must_use]
    pub fn lacking(&self) -> std::collections::BTreeSet<char> {
        let texts = self.body.split("<text").skip(1);
        let shown = texts.filter_map(|t| Some(t.split_once('>')?.1.split_once('<')?.0));
        shown.flat_map(font::lacking).collect()
    }

    /// The picture as an element of an HTML page that holds [`style::page_rules`]; `id` must be unique in it.
    pub(crate) fn inline(&self, id: &str, title: &str, alt: &str) -> String {
        self.element(id, title, alt, "", "")
    }

    fn element(&self, id: &str, title: &str, alt: &str, attributes: &str, head: &str) -> String {
        let (w, h) = (number(self.width), number(self.height));
        let (title, alt) = (escape(title), escape(alt));
        format!(
            "<svg{attributes} class=\"figure\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-alt\"><title id=\"{id}-title\">{title}</title>\
             <desc id=\"{id}-alt\">{alt}</desc>{head}{}</svg>",
            self.body.replace(ID, id)
        )
    }
}

/// Stands in a body for the id of its picture, so that parts can be named; no text can hold it.
pub(crate) const ID: char = '\u{1}';

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A picture being drawn. Coordinates are pixels from the top left; elements with a coordinate
/// that is not finite are left out.
#[derive(Debug)]
pub(crate) struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

impl Canvas {
    pub(crate) const fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
        }
    }

    /// The picture with a height that was not known before everything stood.
    pub(crate) fn finish_at(mut self, height: f64) -> Svg {
        self.height = height;
        self.finish()
    }

    pub(crate) fn finish(self) -> Svg {
        Svg {
            width: self.width,
            height: self.height,
            body: self.body,
        }
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        if finite(&[from, to]) {
            let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
            self.push(format_args!(
                "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
            ));
        }
    }

    /// A rectangle between two opposite corners.
    pub(crate) fn rect(&mut self, class: &str, a: (f64, f64), b: (f64, f64)) {
        if finite(&[a, b]) {
            let [x, y] = [a.0.min(b.0), a.1.min(b.1)].map(number);
            let [w, h] = [(a.0 - b.0).abs(), (a.1 - b.1).abs()].map(number);
            self.push(format_args!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>"
            ));
        }
    }

    /// A rectangle with a text that appears under the pointer.
    pub(crate) fn cell(&mut self, class: &str, a: (f64, f64), b: (f64, f64), hint: &str) {
        if finite(&[a, b]) {
            let [x, y, w, h] = [a.0, a.1, b.0 - a.0, b.1 - a.1].map(number);
            let hint = escape(hint);
            self.push(format_args!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"><title>{hint}</title></rect>"
            ));
        }
    }

    /// A rectangle in a colour of a map, the same on light and dark pages.
    pub(crate) fn painted(&mut self, [r, g, b]: [u8; 3], a: (f64, f64), c: (f64, f64)) {
        if finite(&[a, c]) {
            let [x, y] = [a.0.min(c.0), a.1.min(c.1)].map(number);
            let [w, h] = [(a.0 - c.0).abs(), (a.1 - c.1).abs()].map(number);
            self.push(format_args!(
                "<rect fill=\"#{r:02x}{g:02x}{b:02x}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>"
            ));
        }
    }

    /// A centred text on a painted ground, whose colour does not follow the page.
    pub(crate) fn inked(&mut self, ink: &str, class: &str, at: (f64, f64), text: &str) {
        if finite(&[at]) {
            let ([x, y], text) = ([at.0, at.1].map(number), escape(text));
            self.push(format_args!(
                "<text class=\"{class}\" style=\"fill:{ink}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>"
            ));
        }
    }

    /// A marker of half-width `r`. Its shape follows `series`, so that series differ without colour.
    pub(crate) fn marker(&mut self, class: &str, series: usize, at: (f64, f64), r: f64) {
        if !finite(&[at]) {
            return;
        }
        let (x, y) = at;
        let polygon = |canvas: &mut Self, corners: &[(f64, f64)]| canvas.polygon(class, corners);
        match series % 4 {
            0 => {
                let [cx, cy, r] = [x, y, r].map(number);
                self.push(format_args!(
                    "<circle class=\"{class}\" cx=\"{cx}\" cy=\"{cy}\" r=\"{r}\"/>"
                ));
            }
            1 => polygon(
                self,
                &[
                    (x - r, y - r),
                    (x + r, y - r),
                    (x + r, y + r),
                    (x - r, y + r),
                ],
            ),
            2 => polygon(
                self,
                &[
                    (x, y - 1.3 * r),
                    (x + 1.3 * r, y),
                    (x, y + 1.3 * r),
                    (x - 1.3 * r, y),
                ],
            ),
            _ => polygon(
                self,
                &[(x, y - 1.2 * r), (x + 1.2 * r, y + r), (x - 1.2 * r, y + r)],
            ),
        }
    }

    /// A line through the points; points that are not finite break it.
    pub(crate) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        for run in points.split(|&p| !finite(&[p])).filter(|run| run.len() > 1) {
            let list = coordinates(run);
            self.push(format_args!(
                "<polyline class=\"{class}\" points=\"{list}\"/>"
            ));
        }
    }

    pub(crate) fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        if finite(points) {
            let list = coordinates(points);
            self.push(format_args!(
                "<polygon class=\"{class}\" points=\"{list}\"/>"
            ));
        }
    }

    pub(crate) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        if finite(&[at]) {
            let ([x, y], anchor, text) = ([at.0, at.1].map(number), anchor.name(), escape(text));
            self.push(format_args!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
            ));
        }
    }

    /// Lines of a label beside a mark at height `at.1`, the block centred on it.
    pub(crate) fn label(
        &mut self,
        class: &str,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        lines: &[String],
    ) {
        let pitch = 1.2 * size;
        let top = at.1 + 0.35 * size - pitch * (lines.len().saturating_sub(1)) as f64 / 2.0;
        for (k, line) in lines.iter().enumerate() {
            self.text(class, (at.0, top + pitch * k as f64), anchor, line);
        }
    }

    /// A text turned by `degrees` (negative: reads upwards) about its point.
    pub(crate) fn turned_text(
        &mut self,
        class: &str,
        at: (f64, f64),
        anchor: Anchor,
        degrees: f64,
        text: &str,
    ) {
        if finite(&[at]) {
            let ([x, y], anchor, text) = ([at.0, at.1].map(number), anchor.name(), escape(text));
            let turn = number(degrees);
            self.push(format_args!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" transform=\"rotate({turn} {x} {y})\">{text}</text>"
            ));
        }
    }

    /// A text centred on a path; `number` tells such paths of a picture apart.
    pub(crate) fn text_along(&mut self, class: &str, number: usize, path: &Path, text: &str) {
        if path.finite {
            let (d, text) = (&path.d, escape(text));
            self.push(format_args!(
                "<path id=\"{ID}-along-{number}\" fill=\"none\" d=\"{d}\"/><text class=\"{class}\" text-anchor=\"middle\">\
                 <textPath href=\"#{ID}-along-{number}\" startOffset=\"50%\">{text}</textPath></text>"
            ));
        }
    }

    /// A bitmap stretched over a rectangle without smoothing.
    pub(crate) fn bitmap(&mut self, at: (f64, f64), size: (f64, f64), data_uri: &str) {
        let [x, y, w, h] = [at.0, at.1, size.0, size.1].map(number);
        self.push(format_args!(
            "<image class=\"bitmap\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" href=\"{data_uri}\"/>"
        ));
    }

    /// Any path, of coordinates that [`Path`] wrote.
    pub(crate) fn path(&mut self, class: &str, path: &Path) {
        if path.finite && !path.d.is_empty() {
            let d = &path.d;
            self.push(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
        }
    }

    /// A path filled with a colour that is the same on light and dark pages.
    pub(crate) fn painted_path(&mut self, colour: Rgb, class: &str, path: &Path) {
        if path.finite && !path.d.is_empty() {
            let (d, colour) = (&path.d, hex(colour));
            self.push(format_args!(
                "<path class=\"{class}\" fill=\"{colour}\" d=\"{d}\"/>"
            ));
        }
    }

    /// A text of a size of its own.
    pub(crate) fn sized_text(
        &mut self,
        class: &str,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        text: &str,
    ) {
        if finite(&[at]) {
            let ([x, y, size], anchor) = ([at.0, at.1, size].map(number), anchor.name());
            let text = escape(text);
            self.push(format_args!(
                "<text class=\"{class}\" style=\"font-size:{size}px\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
            ));
        }
    }

    /// A picture that fills a rectangle; what hangs over is cut.
    pub(crate) fn picture(&mut self, at: (f64, f64), size: (f64, f64), data_uri: &str) {
        let [x, y, w, h] = [at.0, at.1, size.0, size.1].map(number);
        self.push(format_args!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"xMidYMid slice\" href=\"{data_uri}\"/>"
        ));
    }

    /// What `draw` draws, with attributes that it inherits.
    pub(crate) fn group(&mut self, attributes: &str, draw: impl FnOnce(&mut Self)) {
        self.push(format_args!("<g {attributes}>"));
        draw(self);
        self.body.push_str("</g>");
    }

    /// Markup that the caller has made safe.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
    }

    /// What `draw` draws, with a text that appears under the pointer.
    pub(crate) fn hinted(&mut self, hint: &str, draw: impl FnOnce(&mut Self)) {
        let hint = escape(hint);
        self.push(format_args!("<g><title>{hint}</title>"));
        draw(self);
        self.body.push_str("</g>");
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(element);
    }
}

fn finite(points: &[(f64, f64)]) -> bool {
    points.iter().all(|(x, y)| x.is_finite() && y.is_finite())
}

fn coordinates(points: &[(f64, f64)]) -> String {
    points
        .iter()
        .map(|&(x, y)| format!("{},{}", number(x), number(y)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A coordinate with at most two decimals.
fn number(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

/// Text made safe inside elements and quoted attributes; characters that XML forbids become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The coordinates of a path, written with one decimal.
#[derive(Debug)]
pub(crate) struct Path {
    d: String,
    finite: bool,
}

impl Path {
    pub(crate) fn from(at: (f64, f64)) -> Self {
        let mut path = Self {
            d: String::new(),
            finite: true,
        };
        path.step('M', &[at.0, at.1]);
        path
    }

    fn step(&mut self, command: char, values: &[f64]) {
        self.finite &= values.iter().all(|v| v.is_finite());
        self.d.push(command);
        for (i, value) in values.iter().enumerate() {
            let text = tenth(*value);
            if i > 0 && !text.starts_with('-') {
                self.d.push(' ');
            }
            self.d += &text;
        }
    }

    pub(crate) fn moved(mut self, at: (f64, f64)) -> Self {
        self.step('M', &[at.0, at.1]);
        self
    }

    pub(crate) fn line(mut self, at: (f64, f64)) -> Self {
        self.step('L', &[at.0, at.1]);
        self
    }

    /// An arc of a circle to `at`; `large`: the longer way, `clockwise` as seen.
    pub(crate) fn arc(mut self, r: f64, large: bool, clockwise: bool, at: (f64, f64)) -> Self {
        let flag = |yes: bool| f64::from(u8::from(yes));
        self.step('A', &[r, r, 0.0, flag(large), flag(clockwise), at.0, at.1]);
        self
    }

    pub(crate) fn bend(mut self, by: (f64, f64), at: (f64, f64)) -> Self {
        self.step('Q', &[by.0, by.1, at.0, at.1]);
        self
    }

    pub(crate) fn closed(mut self) -> Self {
        self.d.push('Z');
        self
    }
}

/// A coordinate with at most one decimal.
pub(crate) fn tenth(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.into()
    }
}

/// The width of a text of the given size in pixels.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    font::width(text, size, Weight::Regular)
}

/// `text` without its middle, where it is wider than `width` pixels: names tend to differ at their ends.
pub(crate) fn shorten(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let without = |kept: usize| -> String {
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let head = characters[..head].iter();
        head.chain(['…'].iter())
            .chain(&characters[characters.len() - tail..])
            .collect()
    };
    // Widths add up, so the most that fits is found by halving.
    let (mut fits, mut wide) = (0, characters.len());
    while wide - fits > 1 {
        let middle = usize::midpoint(fits, wide);
        if text_width(&without(middle), size) <= width {
            fits = middle;
        } else {
            wide = middle;
        }
    }
    without(fits)
}

/// The beginning of `text` with an ellipsis, to the end of a word where there is one, where it is wider than
/// `width` pixels.
pub(crate) fn clip(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut used = text_width("…", size);
    let fits = |c: &char| {
        used += text_width(c.encode_utf8(&mut [0; 4]), size);
        used <= width
    };
    let kept: String = text.chars().take_while(fits).collect();
    let end = kept.rfind(' ').filter(|end| *end > kept.len() / 2);
    format!(
        "{}…",
        kept[..end.unwrap_or(kept.len())].trim_end_matches([' ', ','])
    )
}

/// Lines of a text, at most `most`; the last ends with an ellipsis where more would follow.
pub(crate) fn clip_lines(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    let mut lines = wrap(text, size, width);
    if lines.len() > most {
        let rest = lines.split_off(most - 1).join(" ");
        lines.push(clip(&rest, size, width));
    }
    lines
}

/// `text` broken into lines of at most `width` pixels, between words where it can be; no character is
/// lost, except blanks at breaks.
pub(crate) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // A no-break space holds a number and its unit together.
    let breaks = |c: char| c.is_whitespace() && c != '\u{a0}';
    for word in text.split(breaks).filter(|word| !word.is_empty()) {
        if let Some(line) = lines.last_mut()
            && text_width(line, size) + text_width(word, size) + text_width(" ", size) <= width
        {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        lines.push(String::new());
        let mut used = 0.0;
        for c in word.chars() {
            let advance = text_width(c.encode_utf8(&mut [0; 4]), size);
            if used > 0.0 && used + advance > width {
                lines.push(String::new());
                used = 0.0;
            }
            used += advance;
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_an_element_or_attribute() {
        assert_eq!(
            escape("<a href=\"x\">&'\u{1}\n"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd} "
        );
    }

    #[test]
    fn coordinates_are_short_and_never_minus_zero() {
        assert_eq!(
            [1.0, 0.125, -0.001, 100.0, 2.5].map(number),
            ["1", "0.12", "0", "100", "2.5"]
        );
    }

    #[test]
    fn elements_without_a_finite_place_are_left_out() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.line("l", (0.0, f64::NAN), (1.0, 1.0));
        canvas.marker("m", 0, (f64::INFINITY, 0.0), 1.0);
        canvas.polyline("p", &[(0.0, 0.0), (f64::NAN, 1.0), (1.0, 1.0), (2.0, 2.0)]);
        let svg = canvas.finish();
        assert_eq!(svg.body, "<polyline class=\"p\" points=\"1,1 2,2\"/>");
    }

    #[test]
    fn wrapped_lines_fit_and_lose_no_word() {
        let text = "A tiny puppy falls asleep inside the sleeve of a wool coat";
        let lines = wrap(text, 12.0, 120.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| text_width(line, 12.0) <= 120.0));
        assert_eq!(lines.join(" "), text);
        let key = "clips/2017/0412_a_puppy_in_a_sleeve.mp4";
        let lines = wrap(key, 12.0, 60.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| text_width(line, 12.0) <= 60.0));
        assert_eq!(lines.concat(), key);
    }

    #[test]
    fn a_shortened_name_fits_and_keeps_both_ends() {
        let key = "clips/2017/0412_a_puppy_in_a_sleeve.mp4";
        let short = shorten(key, 10.0, 90.0);
        assert!(
            text_width(&short, 10.0) <= 90.0
                && short.starts_with("clips")
                && short.ends_with(".mp4")
        );
        assert_eq!(shorten("fog", 10.0, 90.0), "fog");
        assert_eq!(shorten("fog", 10.0, 1.0), "…");
    }
}
