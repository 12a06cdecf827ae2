//! Colours of maps and their mixtures, made in OKLab so that equal steps look equal.
//!
//! OKLab: Ottosson (2020), bottosson.github.io/posts/oklab.

use crate::render::Theme;
use std::f64::consts::TAU;

/// Red, green and blue, 0 to 255.
pub type Rgb = [u8; 3];

/// Colours on either side of zero of a diverging map, and one for zero.
pub(crate) const ARM: usize = 10;
/// Colours of a sequential map.
pub(crate) const STEPS: usize = 9;

/// `#rrggbb`.
pub(crate) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn linear(channel: u8) -> f64 {
    let c = f64::from(channel) / 255.0;
    if c <= 0.04045 {
        c / 12.92
    } else {
        ((c + 0.055) / 1.055).powf(2.4)
    }
}

fn gamma(c: f64) -> f64 {
    255.0
        * if c <= 0.003_130_8 {
            12.92 * c
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        }
}

/// Lightness, green–red and blue–yellow of a colour.
pub(crate) fn oklab(rgb: Rgb) -> [f64; 3] {
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766 * s,
    ]
}

/// The colour, or `None` where screens have none.
fn rgb([light, a, b]: [f64; 3]) -> Option<Rgb> {
    let l = (light + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (light - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (light - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let channels = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s,
    ];
    channels
        .iter()
        .all(|c| (-0.001..=1.001).contains(c))
        .then(|| channels.map(|c| gamma(c.clamp(0.0, 1.0)).round() as u8))
}

/// The colour of a lightness, chroma and hue in degrees, with as much of the chroma as screens have.
pub(crate) fn oklch(light: f64, chroma: f64, hue: f64) -> Rgb {
    let (sin, cos) = hue.to_radians().sin_cos();
    (0..=40)
        .map(|k| chroma * (1.0 - f64::from(k) / 40.0))
        .find_map(|c| rgb([light, c * cos, c * sin]))
        .unwrap_or([128; 3])
}

/// The weighted mean of colours in OKLab; grey without any weight.
#[must_use]
pub fn mix(colours: impl IntoIterator<Item = (Rgb, f64)>) -> Rgb {
    let (mut sum, mut total) = ([0.0; 3], 0.0);
    for (colour, weight) in colours {
        if weight.is_finite() && weight > 0.0 {
            let lab = oklab(colour);
            sum = std::array::from_fn(|k| sum[k] + weight * lab[k]);
            total += weight;
        }
    }
    rgb(sum.map(|s| s / total)).unwrap_or([128; 3])
}

/// `n` colours around the wheel, for things that also carry a name: no more than a few differ for every eye.
///
/// Lightness alternates between three levels, so that neighbours differ without hue; each level has a contrast
/// of 3 to 1 or more with white and with the dark page.
#[must_use]
pub fn wheel(n: usize) -> Vec<Rgb> {
    const LEVELS: [f64; 3] = [0.54, 0.655, 0.60];
    (0..n)
        .map(|i| oklch(LEVELS[i % 3], 0.15, 25.0 + 360.0 * i as f64 / n as f64))
        .collect()
}

/// A diverging map, blue below zero and orange above: `t` from −1 to 1, zero nearest the page.
#[must_use]
pub fn diverging(theme: Theme, t: f64) -> Rgb {
    let (size, below) = (t.abs().min(1.0), t < 0.0);
    let chroma = size.powf(0.75);
    match (theme, below) {
        (Theme::Light, true) => oklch(0.97 - 0.55 * size, 0.145 * chroma, 255.0),
        (Theme::Light, false) => oklch(0.97 - 0.52 * size, 0.145 * chroma, 48.0),
        (Theme::Dark, true) => oklch(0.28 + 0.54 * size, 0.125 * chroma, 240.0),
        (Theme::Dark, false) => oklch(0.28 + 0.54 * size, 0.135 * chroma, 60.0),
    }
}

/// A sequential map from near the page to strong: `t` from 0 to 1.
#[must_use]
pub fn sequential(theme: Theme, t: f64) -> Rgb {
    let t = t.clamp(0.0, 1.0);
    let (light, hue) = match theme {
        Theme::Light => (0.90 - 0.55 * t, 200.0 + 75.0 * t),
        Theme::Dark => (0.34 + 0.54 * t, 280.0 - 90.0 * t),
    };
    oklch(light, 0.03 + 0.11 * (t * TAU / 4.0).sin(), hue)
}

/// The class of a value in a diverging map with the limits −`limit` and `limit`.
pub(crate) fn diverging_class(value: f64, limit: f64) -> String {
    if !value.is_finite() {
        return "missing".into();
    }
    let t = (value / limit.max(f64::MIN_POSITIVE)).clamp(-1.0, 1.0);
    format!("v{}", ((t + 1.0) * ARM as f64).round() as usize)
}

/// The step of a value between 0 and `limit` in a sequential map; its class is `q` and the step.
pub(crate) fn sequential_step(value: f64, limit: f64) -> usize {
    let t = (value / limit.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    (t * (STEPS - 1) as f64).round() as usize
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a colour looks like without one kind of cone: Machado, Oliveira & Fernandes (2009),
    /// doi:10.1109/TVCG.2009.113, severity 1; protan, deutan, tritan.
    pub(crate) const CONES: [[[f64; 3]; 3]; 3] = [
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    pub(crate) fn without(cones: &[[f64; 3]; 3], colour: Rgb) -> Rgb {
        let light = colour.map(linear);
        std::array::from_fn(|k| {
            let c: f64 = (0..3).map(|j| cones[k][j] * light[j]).sum();
            gamma(c.clamp(0.0, 1.0)).round() as u8
        })
    }

    /// The distance of two colours in OKLab; 0.02 is just noticeable.
    pub(crate) fn apart(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (oklab(a), oklab(b));
        (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
    }

    fn luminance(colour: Rgb) -> f64 {
        let [r, g, b] = colour.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// The contrast of WCAG 2, 1 to 21.
    pub(crate) fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

    #[test]
    fn oklab_gives_the_values_of_its_author_and_comes_back() {
        let [l, a, b] = oklab([255, 0, 0]);
        assert!((l - 0.628).abs() < 1e-3 && (a - 0.225).abs() < 1e-3 && (b - 0.126).abs() < 1e-3);
        for colour in [[0, 0, 0], [255, 255, 255], [12, 200, 99], [0, 114, 178]] {
            assert_eq!(rgb(oklab(colour)), Some(colour));
        }
    }

    #[test]
    fn a_mixture_lies_between_its_parts_and_nothing_is_grey() {
        let (blue, orange) = ([0, 114, 178], [213, 94, 0]);
        assert_eq!(mix([(blue, 2.0), (orange, 0.0)]), blue);
        let half = mix([(blue, 1.0), (orange, 1.0)]);
        assert!((apart(half, blue) - apart(half, orange)).abs() < 0.01);
        assert_eq!(mix([(blue, f64::NAN)]), [128; 3]);
    }

    #[test]
    fn steps_of_the_maps_are_even_for_every_eye_and_signs_differ() {
        for theme in THEMES {
            let arms = [-1.0, 1.0].map(|sign| {
                (0..=ARM)
                    .map(|k| diverging(theme, sign * k as f64 / ARM as f64))
                    .collect::<Vec<_>>()
            });
            let steps = (0..STEPS).map(|k| sequential(theme, k as f64 / (STEPS - 1) as f64));
            for ramp in arms.iter().cloned().chain([steps.collect()]) {
                let seen = CONES.map(|cones| {
                    ramp.iter()
                        .map(|&c| without(&cones, c))
                        .collect::<Vec<Rgb>>()
                });
                for colours in seen.iter().chain([&ramp]) {
                    let light: Vec<f64> = colours.iter().map(|&c| oklab(c)[0]).collect();
                    let rising = light[0] < light[1];
                    assert!(
                        light
                            .windows(2)
                            .all(|w| (w[0] < w[1]) == rising && (w[0] - w[1]).abs() > 0.02)
                    );
                }
                let sizes: Vec<f64> = ramp.windows(2).map(|w| apart(w[0], w[1])).collect();
                let (least, most) = sizes
                    .iter()
                    .fold((f64::MAX, 0.0_f64), |(a, b), &s| (a.min(s), b.max(s)));
                assert!(most < 1.9 * least, "{theme:?} {sizes:?}");
            }
            for k in 3..=ARM {
                for cones in &CONES[..2] {
                    let pair = [0, 1].map(|arm| without(cones, arms[arm][k]));
                    assert!(
                        apart(pair[0], pair[1]) > 0.06,
                        "{theme:?} {k} {}",
                        apart(pair[0], pair[1])
                    );
                }
            }
        }
    }

    #[test]
    fn colours_of_the_wheel_stand_out_from_both_pages() {
        for n in [2, 17, 34] {
            for colour in wheel(n) {
                assert!(contrast(colour, [255; 3]) > 2.9, "{colour:?}");
                assert!(contrast(colour, [22, 24, 29]) > 2.9, "{colour:?}");
            }
        }
    }
}
