//! Maps of a made-up brain: a sphere for each hemisphere, parcels from a formula.

use emotome_figures::{
    Figure,
    cortex::{CortexMap, FlatHemisphere, FlatOutline, FlatParcel, FlatVertices, Line},
    histogram2d::Histogram2d,
    inflated::{Surface, SurfaceViews},
    paint::{Colours, Ramp},
    region_bars::{RegionBars, RegionScores},
    slices::{Convention, Plane, Slices},
};
use emotome_stats::interval::Interval;

fn colours(ramp: Ramp) -> Colours {
    Colours {
        quantity: "similarity of geometries (Spearman ρ)".into(),
        ramp,
        ..Colours::default()
    }
}

/// A hemisphere of 12 × 15 square parcels with a hole in one.
fn squares(name: &str, value: impl Fn(f64) -> f64) -> FlatHemisphere {
    let square = |x: f64, y: f64, r: f64| {
        vec![
            [x - r, y - r],
            [x + r, y - r],
            [x + r, y + r],
            [x - r, y + r],
        ]
    };
    let parcels = (0..180).map(|k| {
        let (x, y) = (20.0 * f64::from(k % 15), 20.0 * f64::from(k / 15));
        let mut rings = vec![square(x, y, 10.0)];
        if k == 22 {
            rings.push(square(x, y, 4.0).into_iter().rev().collect());
        }
        FlatParcel {
            name: format!("{}_{k}", &name[..1]),
            rings,
            value: value((x / 60.0).sin() * (y / 70.0).cos()),
            confidence: Some(f64::from(k) / 180.0),
        }
    });
    FlatHemisphere {
        name: name.into(),
        parcels: parcels.collect(),
        outlines: vec![
            FlatOutline {
                name: "Insula".into(),
                rings: vec![square(110.0, 90.0, 40.0)],
                at: Some([110.0, 90.0]),
                line: Line::Region,
            },
            FlatOutline {
                name: "ACC".into(),
                rings: vec![square(110.0, 100.0, 20.0)],
                at: Some([110.0, 92.0]),
                line: Line::Region,
            },
        ],
        vertices: None,
    }
}

fn map(ramp: Ramp, confidence: bool, value: impl Fn(f64) -> f64 + Copy) -> CortexMap {
    CortexMap {
        title: "Where geometries agree".into(),
        colours: Colours {
            confidence: confidence.then(|| ("share of the noise ceiling".into(), (0.0, 1.0))),
            ..colours(ramp)
        },
        hemispheres: ["left", "right"].map(|side| squares(side, value)).into(),
        note: "Made-up values on made-up parcels.".into(),
        narrow: false,
    }
}

/// Values by vertex of a net, pixels as a flat raster gives them.
fn vertices() -> CortexMap {
    const N: usize = 40;
    let value = |i: usize| ((i % N) as f32 / 8.0).sin() * ((i / N) as f32 / 9.0).cos() / 5.0;
    let pixel = |k: usize| {
        let (x, y) = (k % 120, k / 120);
        let inside = (x as f64 - 60.0).hypot(y as f64 - 50.0) < 45.0;
        let (i, j) = ((x / 3).min(N - 2), (y / 3).min(N - 2));
        let corners = [j * N + i, j * N + i + 1, (j + 1) * N + i].map(|c| c as u32);
        let (u, v) = ((x % 3) as f32 / 6.0, (y % 3) as f32 / 6.0);
        inside.then_some((corners, [1.0 - u - v, u, v]))
    };
    let side = |name: &str| FlatHemisphere {
        name: name.into(),
        vertices: Some(FlatVertices {
            width: 120,
            corner: [0.0, 100.0],
            pixel: 1.0,
            pixels: (0..12_000).map(pixel).collect(),
            values: (0..N * N)
                .map(|i| if i % 97 == 0 { f32::NAN } else { value(i) })
                .collect(),
            confidence: Vec::new(),
            outlined: (0..N * N)
                .map(|i| f32::from(u8::from(value(i) > 0.1)))
                .collect(),
            curvature: (0..N * N).map(|i| (i as f32 / 5.0).sin()).collect(),
        }),
        ..FlatHemisphere::default()
    };
    CortexMap {
        title: "Vertices".into(),
        colours: Colours {
            threshold: Some(0.05),
            limits: Some((-0.15, 0.15)),
            outline: Some("value above 0.1".into()),
            ..colours(Ramp::Diverging)
        },
        hemispheres: vec![side("left"), side("right")],
        note: String::new(),
        narrow: false,
    }
}

fn sphere(left: bool) -> Surface {
    let (rings, spokes) = (24_u32, 32_u32);
    let x0 = if left { -30.0 } else { 30.0 };
    let mut points = Vec::new();
    for i in 0..=rings {
        for j in 0..spokes {
            let (a, b) = (
                f64::from(i) / f64::from(rings),
                f64::from(j) / f64::from(spokes),
            );
            let (a, b) = (a * std::f64::consts::PI, b * std::f64::consts::TAU);
            points.push([
                x0 + 28.0 * a.sin() * b.cos(),
                60.0 * a.sin() * b.sin(),
                40.0 * a.cos(),
            ]);
        }
    }
    let mut triangles = Vec::new();
    for i in 0..rings {
        for j in 0..spokes {
            let [a, b] = [j, (j + 1) % spokes].map(|j| i * spokes + j);
            triangles.extend([[a, a + spokes, b], [b, a + spokes, b + spokes]]);
        }
    }
    Surface {
        left,
        values: points
            .iter()
            .map(|p: &[f64; 3]| {
                if p[1] > 20.0 {
                    f32::NAN
                } else {
                    (p[2] / 40.0) as f32
                }
            })
            .collect(),
        curvature: points.iter().map(|p| (p[1] / 5.0).sin() as f32).collect(),
        confidence: Vec::new(),
        outlined: points
            .iter()
            .map(|p| f32::from(u8::from(p[2] > 20.0)))
            .collect(),
        points,
        triangles,
    }
}

fn slices(convention: Convention) -> Slices {
    let shape = [30, 36, 30];
    let at = |v: usize| [v % 30, v / 30 % 36, v / 1080].map(|n| n as f64);
    let radius = |v: usize| {
        let [i, j, k] = at(v);
        (((i - 14.5) / 13.0).powi(2) + ((j - 17.5) / 16.0).powi(2) + ((k - 14.5) / 13.0).powi(2))
            .sqrt()
    };
    let n = shape.iter().product();
    Slices {
        title: "Below the cortex".into(),
        colours: colours(Ramp::Sequential),
        shape,
        affine: [
            [-3.0, 0.0, 0.0, 43.5],
            [0.0, 3.0, 0.0, -52.5],
            [0.0, 0.0, 3.0, -43.5],
        ],
        values: (0..n)
            .map(|v| {
                if radius(v) < 0.3 {
                    (0.3 - radius(v)) as f32
                } else {
                    f32::NAN
                }
            })
            .collect(),
        underlay: (0..n)
            .map(|v| {
                if radius(v) < 1.0 {
                    (2.0 - radius(v)) as f32 * 100.0
                } else {
                    0.0
                }
            })
            .collect(),
        cuts: vec![
            (Plane::Axial, -6.0),
            (Plane::Axial, 6.0),
            (Plane::Coronal, 0.0),
            (Plane::Sagittal, -9.0),
        ],
        convention,
        ..Slices::default()
    }
}

fn bars(regions: usize, models: usize) -> RegionBars {
    let score = |r: usize, m: usize, s: usize| {
        0.3 / (1.0 + r as f64 / 4.0) + 0.02 * ((r * 5 + m * 3 + s * 7) as f64).sin()
    };
    RegionBars {
        title: "Regions".into(),
        quantity: "similarity (Spearman ρ)".into(),
        models: (0..models).map(|m| format!("model {m}")).collect(),
        regions: (0..regions)
            .map(|r| RegionScores {
                name: ["VC", "Hippocampus", "DLPFC", "Nucleus accumbens"][r % 4].into(),
                scores: (0..models)
                    .map(|m| (0..5).map(|s| score(r, m, s)).collect())
                    .collect(),
                stars: (0..models).map(|m| "*".repeat((r + m) % 4)).collect(),
                ceiling: Some(Interval {
                    low: 0.3,
                    high: 0.36,
                }),
            })
            .collect(),
        test: "* p < 0.05, ** p < 0.01, *** p < 0.001, permutation of runs, largest of all".into(),
        ceiling: "noise ceiling, lower to upper bound".into(),
        narrow: models == 1,
    }
}

fn two_models() -> Histogram2d {
    let point = |k: u32| {
        let (a, b) = (
            (f64::from(k) * 0.618).fract(),
            (f64::from(k) * 0.755).fract(),
        );
        ((0.3 * a * a) as f32, (0.3 * a * a * (0.8 + 0.6 * b)) as f32)
    };
    Histogram2d {
        title: "Two models".into(),
        x_label: "language model (ρ)".into(),
        y_label: "multimodal model (ρ)".into(),
        things: "voxels".into(),
        points: (0..60_000).map(point).collect(),
        factors: vec![1.2, 0.9],
    }
}

pub(crate) fn all() -> Vec<(&'static str, Box<dyn Figure>)> {
    vec![
        (
            "cortex",
            Box::new(map(Ramp::Sequential, false, |v| v.abs() / 4.0)),
        ),
        (
            "cortex-confidence",
            Box::new(map(Ramp::Sequential, true, |v| v.abs() / 4.0)),
        ),
        (
            "cortex-difference",
            Box::new(map(Ramp::Diverging, false, |v| v / 4.0)),
        ),
        (
            "cortex-replication",
            Box::new(map(Ramp::Replications { subjects: 5 }, false, |v| {
                (6.0 * v.abs()).floor().min(5.0)
            })),
        ),
        ("cortex-vertices", Box::new(vertices())),
        (
            "inflated",
            Box::new(SurfaceViews {
                title: "Views".into(),
                colours: colours(Ramp::Diverging),
                surfaces: vec![sphere(true), sphere(false)],
                ..SurfaceViews::default()
            }),
        ),
        ("slices", Box::new(slices(Convention::Neurological))),
        (
            "slices-radiological",
            Box::new(slices(Convention::Radiological)),
        ),
        ("regions-16", Box::new(bars(16, 3))),
        ("regions-4", Box::new(bars(4, 2))),
        ("regions-26", Box::new(bars(26, 5))),
        ("regions-narrow", Box::new(bars(7, 1))),
        (
            "cortex-narrow",
            Box::new(CortexMap {
                narrow: true,
                ..map(Ramp::Sequential, true, |v| v.abs())
            }),
        ),
        (
            "inflated-narrow",
            Box::new(SurfaceViews {
                title: "Views in one column".into(),
                colours: colours(Ramp::Sequential),
                surfaces: vec![sphere(true), sphere(false)],
                narrow: true,
                ..SurfaceViews::default()
            }),
        ),
        (
            "slices-narrow",
            Box::new(Slices {
                narrow: true,
                ..slices(Convention::Neurological)
            }),
        ),
        ("two-models", Box::new(two_models())),
    ]
}
