//! The report: one HTML file that needs no network and no help to read, and no script but for sorting and searching.

mod explorer;

use crate::{
    canvas::escape,
    export::{self, Asset},
    figure::Figure,
    png::base64,
    scale::{Unit, count},
    style,
    table::Table,
};
use emotome_stats::interval::Interval;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

pub use explorer::{Explorer, ExplorerAgent};

/// A report, from title to provenance. All text is plain; markup in it is shown, not obeyed.
#[derive(Default)]
pub struct Report {
    /// The heading of the page.
    pub title: String,
    /// One line below it, e.g. the study and the date.
    pub subtitle: String,
    /// What was found, in a few sentences for a reader in a hurry.
    pub summary: Vec<String>,
    /// The body.
    pub sections: Vec<Section>,
    /// The stimuli, to look up.
    pub explorer: Option<Explorer>,
    /// Terms and what they mean; see [`glossary`].
    pub glossary: Vec<(String, String)>,
    /// Inputs, checksums, versions and commands, as name and value.
    pub provenance: Vec<(String, String)>,
}

/// One section: heading, words, key numbers, figures, tables; all but the heading may be empty.
#[derive(Default)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// Paragraphs in plain language.
    pub text: Vec<String>,
    /// Key numbers.
    pub measures: Vec<Measure>,
    /// Figures.
    pub figures: Vec<Box<dyn Figure>>,
    /// Tables with their captions.
    pub tables: Vec<(String, Table)>,
    /// What the reader must beware of.
    pub cautions: Vec<String>,
}

/// A number with everything needed to judge it. What is missing is shown as missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measure {
    /// What was measured, e.g. `Held-out accuracy`.
    pub name: String,
    /// What that is, in one plain sentence.
    pub meaning: String,
    /// The estimate.
    pub value: f64,
    /// How it is written.
    pub unit: Unit,
    /// Its 95 % confidence interval.
    pub ci95: Option<Interval>,
    /// How many of what it rests on, e.g. `(6000, "choices")`.
    pub n: Option<(u64, String)>,
    /// The value that guessing reaches.
    pub chance: Option<f64>,
    /// The range in which the best possible value lies.
    pub ceiling: Option<Interval>,
}

/// Terms that every report uses.
#[must_use]
pub fn glossary() -> Vec<(String, String)> {
    [
        ("Odd-one-out choice", "Of three stimuli, the one that fits least with the other two. The two left over count as the similar pair."),
        ("Embedding", "A table with one row for each stimulus and a few non-negative numbers, its weights on dimensions. Stimuli with high weights on the same dimensions are similar."),
        ("Dimension", "One column of the embedding: a property that stimuli have to a degree. It gets its meaning from the stimuli that weigh most on it."),
        ("Chance", "What guessing reaches: one in three for an odd-one-out choice."),
        ("Noise ceiling", "The best that any model could reach, because the same triplet does not always get the same answer. It is given as a range: one end of it is known to be too low, the other too high."),
        ("Held out", "Choices that played no part in fitting. Only they show whether an embedding predicts."),
        ("Loss", "The mean surprise at the choices, in nats: 1.099 for guessing, 0 for certainty that is always right. Lower is better."),
        ("95 % CI", "A range made so that 95 of 100 such ranges hold the true value."),
        ("Similarity matrix", "For each pair of stimuli, the share of triplets in which the two stay together."),
        ("Reproducibility", "Whether a dimension comes back when the fit starts from other random numbers: the correlation with its partner there. Dimensions that shuffled stimuli could match are not counted."),
    ]
    .map(|(term, meaning)| (term.to_owned(), meaning.to_owned()))
    .to_vec()
}

/// Rows of a table that the page shows; all stand in the download.
const ROWS_SHOWN: usize = 40;
/// Rows above which a table scrolls in a window of its own.
const TALL: usize = 16;
/// Columns above which a table is only offered for download.
const COLUMNS_SHOWN: usize = 12;
/// Bytes of a picture or table that the page carries a second time, as a file to download; larger ones stand only
/// among the [`Report::assets`].
const CARRIED: usize = 64 * 1024;

impl Report {
    /// The page. Equal reports give equal bytes.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out =
            String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        let _ = writeln!(
            out,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            base64(&Sha256::digest(SCRIPT))
        );
        let _ = write!(out, "<title>{}</title>\n<style>\n", escape(&self.title));
        style::page_rules(&mut out);
        out.push_str(RULES);
        out.push_str(
            "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the text</a>\n",
        );
        let _ = writeln!(
            out,
            "<header><h1>{}</h1><p class=\"subtitle\">{}</p></header>",
            escape(&self.title),
            escape(&self.subtitle)
        );
        self.contents(&mut out);
        out.push_str("<main id=\"main\" tabindex=\"-1\">\n");
        if !self.summary.is_empty() {
            out.push_str("<section class=\"summary\" aria-labelledby=\"in-short\"><h2 id=\"in-short\">In short</h2>");
            paragraphs(&mut out, &self.summary);
            out.push_str("</section>\n");
        }
        let mut number = 0;
        for (i, section) in self.sections.iter().enumerate() {
            section.html(&mut out, i + 1, &mut number);
        }
        if let Some(explorer) = &self.explorer {
            explorer.html(&mut out);
        }
        pairs(&mut out, "words", "What the words mean", &self.glossary);
        pairs(
            &mut out,
            "provenance",
            "Where the numbers come from",
            &self.provenance,
        );
        let _ = write!(
            out,
            "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
        );
        out
    }

    /// Each figure as an SVG file and its numbers as TSV, to be written into `figures` beside the page.
    #[must_use]
    pub fn assets(&self) -> Vec<Asset> {
        let figures = self.sections.iter().flat_map(|s| &s.figures).enumerate();
        figures
            .flat_map(|(i, figure)| {
                let stem = stem(i + 1, figure.title());
                [
                    Asset {
                        name: format!("{stem}.svg"),
                        bytes: figure.svg_file().into_bytes(),
                    },
                    Asset {
                        name: format!("{stem}.tsv"),
                        bytes: figure.tsv().into_bytes(),
                    },
                ]
            })
            .collect()
    }

    fn contents(&self, out: &mut String) {
        let headings = self
            .sections
            .iter()
            .enumerate()
            .map(|(i, s)| (format!("section-{}", i + 1), s.heading.as_str()));
        let tail = [
            ("stimuli", "The stimuli themselves", self.explorer.is_none()),
            ("words", "What the words mean", self.glossary.is_empty()),
            (
                "provenance",
                "Where the numbers come from",
                self.provenance.is_empty(),
            ),
        ];
        let tail = tail
            .into_iter()
            .filter(|(.., empty)| !empty)
            .map(|(id, heading, _)| (id.to_owned(), heading));
        out.push_str("<nav aria-label=\"Contents\"><ol>");
        for (id, heading) in headings.chain(tail) {
            let _ = write!(out, "<li><a href=\"#{id}\">{}</a></li>", escape(heading));
        }
        out.push_str("</ol></nav>\n");
    }
}

impl Section {
    fn html(&self, out: &mut String, index: usize, figures: &mut usize) {
        let _ = write!(
            out,
            "<section aria-labelledby=\"section-{index}\"><h2 id=\"section-{index}\">{}</h2>",
            escape(&self.heading)
        );
        paragraphs(out, &self.text);
        for caution in &self.cautions {
            let _ = write!(
                out,
                "<p class=\"caution\"><strong>Beware:</strong> {}</p>",
                escape(caution)
            );
        }
        if !self.measures.is_empty() {
            measures(out, &self.measures, &self.heading);
        }
        for figure in &self.figures {
            *figures += 1;
            plate(out, *figures, figure.as_ref());
        }
        for (caption, table) in &self.tables {
            let tall = if table.len() > TALL { " tall" } else { "" };
            scrolling(out, caption, tall, &table.html(caption, usize::MAX));
        }
        out.push_str("</section>\n");
    }
}

fn paragraphs(out: &mut String, text: &[String]) {
    for paragraph in text {
        let _ = write!(out, "<p>{}</p>", escape(paragraph));
    }
}

/// A wide table that keyboards can scroll without moving the page.
fn scrolling(out: &mut String, label: &str, tall: &str, table: &str) {
    let _ = write!(
        out,
        "<div class=\"scroll{tall}\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{table}</div>",
        escape(label)
    );
}

fn measures(out: &mut String, measures: &[Measure], heading: &str) {
    let mut table = format!(
        "<table class=\"measures\"><caption>Key numbers: {}</caption><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Value</th>\
         <th scope=\"col\">95 % CI</th><th scope=\"col\">n</th><th scope=\"col\">Chance</th><th scope=\"col\">Noise ceiling</th></tr></thead><tbody>",
        escape(heading)
    );
    let span = |unit: Unit, i: &Interval| format!("{} to {}", unit.show(i.low), unit.show(i.high));
    for m in measures {
        let missing = || "–".to_owned();
        let _ = write!(
            table,
            "<tr><th scope=\"row\">{}<span class=\"meaning\">{}</span></th><td class=\"number strong\">{}</td>",
            escape(&m.name),
            escape(&m.meaning),
            m.unit.show(m.value)
        );
        let cells = [
            m.ci95.as_ref().map_or_else(missing, |ci| span(m.unit, ci)),
            m.n.as_ref().map_or_else(missing, |(n, what)| {
                format!("{} {}", count(*n), escape(what))
            }),
            m.chance.map_or_else(missing, |c| m.unit.show(c)),
            m.ceiling.as_ref().map_or_else(missing, |c| span(m.unit, c)),
        ];
        for cell in cells {
            let _ = write!(table, "<td class=\"number\">{cell}</td>");
        }
        table.push_str("</tr>");
    }
    table.push_str("</tbody></table>");
    scrolling(out, &format!("Key numbers: {heading}"), "", &table);
}

fn plate(out: &mut String, number: usize, figure: &dyn Figure) {
    let (title, alt, table) = (figure.title(), figure.alt(), figure.table());
    let id = format!("figure-{number}");
    let _ = write!(
        out,
        "<figure id=\"{id}\"><div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Figure {number}\">{}</div>\
         <figcaption><strong>Figure {number}. {}{}</strong> {}</figcaption>",
        figure.svg().inline(&id, title, &alt),
        escape(title),
        if title.ends_with(['.', '?', '!']) {
            ""
        } else {
            "."
        },
        escape(figure.how_to_read())
    );
    let _ = write!(
        out,
        "<details><summary>Figure {number} in words and numbers</summary><p>{}</p>",
        escape(&alt)
    );
    let stem = stem(number, title);
    let tsv = table.tsv();
    if table.width() <= COLUMNS_SHOWN {
        let caption = match table.len() {
            n if n > ROWS_SHOWN => {
                format!("Numbers of figure {number}: the first {ROWS_SHOWN} of {n} rows")
            }
            _ => format!("Numbers of figure {number}"),
        };
        scrolling(out, &caption, "", &table.html(&caption, ROWS_SHOWN));
    }
    let file = |what: &str, ending: &str, media: &str, content: &str| match content.len() {
        length if length <= CARRIED => format!(
            "<a download=\"{stem}.{ending}\" href=\"data:{media};base64,{}\">{what}</a>",
            base64(content.as_bytes())
        ),
        _ => format!("{what}: <code>figures/{stem}.{ending}</code> beside this page"),
    };
    let svg = file(
        "Picture for a paper (SVG)",
        "svg",
        "image/svg+xml",
        &figure.svg_file(),
    );
    let tsv = file(
        "All numbers (TSV)",
        "tsv",
        "text/tab-separated-values",
        &tsv,
    );
    let _ = write!(out, "<p class=\"files\">{svg} · {tsv}");
    out.push_str("</p></details></figure>");
}

fn pairs(out: &mut String, id: &str, heading: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{}</h2><dl>",
        escape(heading)
    );
    for (name, value) in pairs {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    out.push_str("</dl></section>\n");
}

/// `3, "Held-out accuracy"` becomes `03-held-out-accuracy`.
fn stem(number: usize, title: &str) -> String {
    format!("{number:02}-{}", export::stem(title))
        .trim_end_matches('-')
        .to_owned()
}

/// The rules of the page.
const RULES: &str = include_str!("report/page.css");
/// What makes tables sort and stimuli searchable; the page is whole without it.
const SCRIPT: &str = include_str!("report/page.js");
