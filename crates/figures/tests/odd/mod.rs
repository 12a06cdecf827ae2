//! Maps of the brain with missing, absurd and contradictory values.

use emotome_figures::{
    Figure,
    cortex::{CortexMap, FlatHemisphere, FlatOutline, FlatParcel, FlatVertices, Line},
    histogram2d::Histogram2d,
    inflated::{Surface, SurfaceViews},
    paint::{Colours, Ramp},
    region_bars::{RegionBars, RegionScores},
    slices::{Plane, Slices},
};
use emotome_stats::interval::Interval;

/// Maps with `n` odd values of everything.
pub(crate) fn maps(n: usize, long: &str, value: impl Fn(usize) -> f64) -> Vec<Box<dyn Figure>> {
    let title = || "hostile data".to_owned();
    let ramps = [
        Ramp::Sequential,
        Ramp::Diverging,
        Ramp::Replications { subjects: 0 },
    ];
    let colours = |k: usize| Colours {
        quantity: long.to_owned(),
        ramp: ramps[k % 3],
        limits: Some((value(k), value(k + 3))),
        threshold: Some(value(k + 1)),
        confidence: Some((long.to_owned(), (value(k + 2), value(k)))),
        outline: Some(long.to_owned()),
    };
    let mut out: Vec<Box<dyn Figure>> = Vec::new();
    for k in 0..4 {
        let rings = vec![
            (0..n).map(|i| [value(i + k), value(2 * i + 1)]).collect(),
            Vec::new(),
        ];
        out.push(Box::new(CortexMap {
            title: title(),
            colours: colours(k),
            hemispheres: (0..n)
                .map(|i| FlatHemisphere {
                    name: long.to_owned(),
                    parcels: vec![FlatParcel {
                        name: long.to_owned(),
                        rings: rings.clone(),
                        value: value(i),
                        confidence: Some(value(i + 1)),
                    }],
                    outlines: vec![FlatOutline {
                        name: long.to_owned(),
                        rings: rings.clone(),
                        at: Some([value(i), value(i + 2)]),
                        line: [Line::Region, Line::Parcel, Line::Found][i % 3],
                    }],
                    vertices: Some(FlatVertices {
                        width: n - i % 2,
                        corner: [value(i + 5), 1.0],
                        pixel: value(i + k),
                        pixels: vec![Some(([0, 1, u32::MAX], [f32::NAN, 1.0, 0.0])); 7 + n],
                        values: vec![value(i) as f32; n],
                        confidence: vec![1.0],
                        curvature: vec![f32::NAN],
                        outlined: vec![value(i) as f32, 1.0],
                    }),
                })
                .collect(),
            note: long.to_owned(),
            narrow: k % 2 == 0,
        }));
        out.push(Box::new(SurfaceViews {
            title: title(),
            colours: colours(k),
            surfaces: (0..n)
                .map(|i| Surface {
                    left: i % 2 == 0,
                    points: (0..3 + n)
                        .map(|j| [value(j + k), (j * j) as f64, value(i + j)])
                        .collect(),
                    triangles: vec![[0, 1, 2], [0, 1, if i == 0 { 2 } else { 99 }]],
                    values: vec![value(i) as f32; i],
                    outlined: vec![value(i + 1) as f32; n],
                    ..Surface::default()
                })
                .collect(),
            note: long.to_owned(),
            ..SurfaceViews::default()
        }));
        out.push(Box::new(Slices {
            title: title(),
            colours: colours(k),
            shape: [n, 1, if k == 3 { usize::MAX } else { 1 }],
            affine: if k == 0 {
                [[value(k); 4]; 3]
            } else {
                [
                    [1.0, 0.0, 0.0, 0.0],
                    [0.0, 1.0, 0.0, 0.0],
                    [0.0, 0.0, value(k + 4), 1.0],
                ]
            },
            values: (0..n).map(|i| value(i) as f32).collect(),
            underlay: vec![value(k) as f32; n / 2],
            outlined: vec![true; n / 3],
            cuts: (0..n).map(|i| (Plane::Axial, value(i))).collect(),
            note: long.to_owned(),
            ..Slices::default()
        }));
        out.push(Box::new(RegionBars {
            title: title(),
            quantity: "score".into(),
            models: vec!["a model".into(); n],
            regions: (0..n)
                .map(|r| RegionScores {
                    name: long.to_owned(),
                    scores: (0..n + 1)
                        .map(|m| {
                            (0..r)
                                .map(|s| 0.1 * (m + s) as f64 * if s == 2 { f64::NAN } else { 1.0 })
                                .collect()
                        })
                        .collect(),
                    stars: vec![long.to_owned(); k],
                    ceiling: Some(Interval {
                        low: 0.1,
                        high: f64::NAN,
                    }),
                })
                .collect(),
            test: long.to_owned(),
            ceiling: "ceiling".into(),
            narrow: k % 2 == 0,
        }));
        out.push(Box::new(Histogram2d {
            title: title(),
            x_label: "x".into(),
            y_label: "y".into(),
            things: "voxels".into(),
            points: (0..n)
                .map(|i| (value(i + k) as f32, value(i) as f32))
                .collect(),
            factors: vec![value(k), 0.0, 1.2],
        }));
    }
    out
}
