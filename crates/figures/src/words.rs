//! Word clouds: what goes with each dimension, and how closely.

use crate::{
    canvas::{Anchor, Canvas, Svg, shorten},
    figure::Figure,
    font::{self, Weight},
    frame::notes,
    scale::{decimal, range},
    style::{NAME, TICK},
    table::{Cell, Table},
};

/// Clouds side by side, all on one scale.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WordClouds {
    /// The heading.
    pub title: String,
    /// What sizes show, e.g. `Pearson correlation`.
    pub quantity: String,
    /// One cloud for each dimension.
    pub clouds: Vec<WordCloud>,
}

/// One cloud.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WordCloud {
    /// Name of the dimension.
    pub label: String,
    /// Words and their correlations, −1 to 1.
    pub words: Vec<(String, f64)>,
}

/// Size of the letters of a cloud in pixels, at least; smaller words are counted instead.
const SMALLEST: f64 = 6.5;
/// Size of the largest letters, at most.
const LARGEST: f64 = 34.0;
const WIDTH: f64 = 692.0;
const COLUMNS: usize = 3;
const GAP: f64 = 10.0;
const HEAD: f64 = 24.0;
const TALL: f64 = 112.0;

/// A word where it stands.
#[derive(Debug, Clone, PartialEq)]
struct Placed {
    text: String,
    r: f64,
    size: f64,
    /// Left end of its base line.
    at: (f64, f64),
}

/// A negative word carries its sign.
fn shown(word: &str, r: f64) -> String {
    if r < 0.0 {
        format!("−{word}")
    } else {
        word.to_owned()
    }
}

impl WordClouds {
    fn columns(&self) -> usize {
        self.clouds.len().clamp(1, COLUMNS)
    }

    fn wide(&self) -> f64 {
        (WIDTH - GAP * (self.columns() as f64 + 1.0)) / self.columns() as f64
    }

    /// Pixels of letters per unit of |r|, one for all clouds: the largest at which the widest word has room.
    fn scale(&self) -> f64 {
        let words = self.clouds.iter().flat_map(|c| &c.words);
        let room = self.wide() - 8.0;
        words
            .filter(|(_, r)| r.is_finite() && *r != 0.0)
            .map(|(word, r)| {
                let unit = font::width(&shown(word, *r), 1.0, Weight::Bold).max(1e-9);
                (LARGEST / r.abs()).min(room / unit / r.abs())
            })
            .fold(f64::INFINITY, f64::min)
    }

    /// Words of a cloud in a box at (0, 0), strongest first, and how many were too small and found no room.
    fn place(&self, cloud: &WordCloud) -> (Vec<Placed>, usize, usize) {
        let (wide, tall, scale) = (self.wide(), TALL, self.scale());
        let mut words: Vec<&(String, f64)> =
            cloud.words.iter().filter(|(_, r)| r.is_finite()).collect();
        words.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        let (mut placed, mut boxes): (Vec<Placed>, Vec<[f64; 4]>) = (Vec::new(), Vec::new());
        let (mut small, mut crowded) = (0, 0);
        for (word, r) in words {
            let (text, size) = (shown(word, *r), r.abs() * scale);
            if size.is_nan() || size < SMALLEST {
                small += 1;
                continue;
            }
            let half = font::width(&text, size, Weight::Bold) / 2.0 + 2.0;
            // From the top of an l to the bottom of a g, with a little air.
            let (up, down) = (0.76 * size, 0.24 * size);
            let free = (0..2600).find_map(|step| {
                // A spiral of equal steps, as flat as the box.
                let turn = 0.9 * f64::from(step).sqrt();
                let (sin, cos) = (2.0 * turn).sin_cos();
                let (x, y) = (wide / 2.0 + 3.0 * turn * cos, tall / 2.0 + 1.5 * turn * sin);
                let near = [
                    x - half,
                    y - (up + down) / 2.0 - 0.5,
                    x + half,
                    y + (up + down) / 2.0 + 0.5,
                ];
                let inside = near[0] >= 0.0 && near[1] >= 0.0 && near[2] <= wide && near[3] <= tall;
                let apart = |b: &[f64; 4]| {
                    near[2] <= b[0] || b[2] <= near[0] || near[3] <= b[1] || b[3] <= near[1]
                };
                (inside && boxes.iter().all(apart)).then_some(near)
            });
            match free {
                Some(near) => {
                    boxes.push(near);
                    placed.push(Placed {
                        text,
                        r: *r,
                        size,
                        at: (near[0] + 2.0, near[3] - 0.5 - down),
                    });
                }
                None => crowded += 1,
            }
        }
        (placed, small, crowded)
    }
}

impl Figure for WordClouds {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!("Word clouds of {}. ", self.quantity);
        for cloud in &self.clouds {
            let mut words: Vec<_> = cloud.words.iter().filter(|w| w.1.is_finite()).collect();
            words.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            let words = words
                .iter()
                .take(5)
                .map(|(word, r)| format!("{word} {}", decimal(*r)));
            text += &format!(
                "{}: {}. ",
                cloud.label,
                words.collect::<Vec<_>>().join(", ")
            );
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "The height of a word is how closely its rating goes with the dimension, on one scale for all clouds. Words with a minus sign, in orange, go against \
         it. Where a word stands and how long it is mean nothing."
    }

    fn svg(&self) -> Svg {
        let mut canvas = Canvas::new(WIDTH, 0.0);
        let (wide, columns) = (self.wide(), self.columns());
        for (i, cloud) in self.clouds.iter().enumerate() {
            let x = GAP + (wide + GAP) * (i % columns) as f64;
            let y = HEAD + (TALL + HEAD + GAP) * (i / columns) as f64;
            let (placed, small, crowded) = self.place(cloud);
            let left_out = match (small, crowded) {
                (0, 0) => String::new(),
                (small, 0) => format!("{small} smaller"),
                (0, crowded) => format!("{crowded} without room"),
                (small, crowded) => format!("{small} smaller, {crowded} without room"),
            };
            let taken = font::width(&left_out, NAME, Weight::Regular) + 8.0;
            canvas.hinted(&cloud.label, |canvas| {
                let label = shorten(&cloud.label, TICK * 1.08, wide - taken);
                canvas.text("note bold", (x + 1.0, y - 6.0), Anchor::Start, &label);
            });
            canvas.text("name", (x + wide - 1.0, y - 6.0), Anchor::End, &left_out);
            canvas.rect("panel", (x, y), (x + wide, y + TALL));
            for word in placed {
                let class = if word.r < 0.0 {
                    "against bold"
                } else {
                    "for bold"
                };
                let at = (x + word.at.0, y + word.at.1);
                canvas.hinted(&format!("{}: {}", word.text, decimal(word.r)), |canvas| {
                    canvas.sized_text(class, at, Anchor::Start, word.size, &word.text);
                });
            }
        }
        let rows = self.clouds.len().div_ceil(columns);
        let mut y = HEAD + (TALL + HEAD + GAP) * rows as f64 + 2.0;
        let scale = self.scale();
        if scale.is_finite() {
            let all = self
                .clouds
                .iter()
                .flat_map(|c| c.words.iter().map(|w| w.1.abs()));
            let most = range(all).map_or(0.0, |(_, high)| high);
            let mut x = GAP;
            canvas.text("note", (x, y), Anchor::Start, "size:");
            x += 34.0;
            for r in [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0] {
                let size = r * scale;
                if size >= SMALLEST && r <= most + 0.05 {
                    let text = format!("{r:.1}");
                    canvas.sized_text("for bold", (x, y), Anchor::Start, size, &text);
                    x += font::width(&text, size, Weight::Bold) + 10.0;
                }
            }
            canvas.text("note", (x + 4.0, y), Anchor::Start, &self.quantity);
            y = notes(
                &mut canvas,
                (GAP, WIDTH - GAP),
                y + 8.0,
                &format!(
                    "“Smaller”: words below {}, whose letters would be too small to read.",
                    decimal(SMALLEST / scale)
                ),
            );
        }
        canvas.finish_at(y + 8.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["dimension", "word", "value", "drawn"]);
        for cloud in &self.clouds {
            let (placed, ..) = self.place(cloud);
            for (word, r) in &cloud.words {
                let text = shown(word, *r);
                let drawn = placed.iter().any(|p| p.text == text);
                table.push([
                    Cell::from(cloud.label.as_str()),
                    word.as_str().into(),
                    (*r).into(),
                    if drawn { "yes" } else { "no" }.into(),
                ]);
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_do_not_overlap_are_inside_and_none_is_lost() {
        let r = |k: i32| 0.85 * 0.9_f64.powi(k) * if k % 3 == 1 { -1.0 } else { 1.0 };
        let words = (0..48).map(|k| (format!("feeling {k}"), r(k))).collect();
        let clouds = WordClouds {
            clouds: vec![
                WordCloud {
                    label: "d".into(),
                    words
                };
                3
            ],
            ..WordClouds::default()
        };
        let (placed, small, crowded) = clouds.place(&clouds.clouds[0]);
        assert_eq!(placed.len() + small + crowded, 48);
        assert!(placed.len() > 4 && placed.iter().any(|p| p.text.starts_with('−')));
        let area = |p: &Placed| {
            let wide = font::width(&p.text, p.size, Weight::Bold);
            [
                p.at.0,
                p.at.1 - 0.72 * p.size,
                p.at.0 + wide,
                p.at.1 + 0.21 * p.size,
            ]
        };
        for (k, a) in placed.iter().map(area).enumerate() {
            assert!(a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= clouds.wide() && a[3] <= TALL);
            for b in placed[..k].iter().map(area) {
                assert!(a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]);
            }
        }
        // Sizes are proportional to |r| across clouds.
        let ratio = placed[0].size / placed[0].r.abs();
        assert!(
            placed
                .iter()
                .all(|p| (p.size / p.r.abs() - ratio).abs() < 1e-9)
        );
    }
}
