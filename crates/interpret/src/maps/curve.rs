//! The curve of UMAP: how strongly two places of the map count as near.

/// Places at which the curve is compared.
const PLACES: usize = 300;
/// Steps of Levenberg and Marquardt at most.
const STEPS: usize = 200;

/// a and b of 1/(1 + a x^(2b)), nearest by least squares to 1 up to `min_dist` and exp(−(x − min_dist)/spread)
/// beyond, at 300 even places from 0 to 3 `spread`.
pub(super) fn fit(min_dist: f64, spread: f64) -> (f64, f64) {
    let x = |i: usize| 3.0 * spread * i as f64 / (PLACES - 1) as f64;
    let target = |x: f64| {
        if x < min_dist {
            1.0
        } else {
            (-(x - min_dist) / spread).exp()
        }
    };
    // ln a is as free as b; its start is the curve that is ½ at x = spread.
    let loss = |(la, b): (f64, f64)| -> f64 {
        (0..PLACES)
            .map(|i| (value(la, b, x(i)) - target(x(i))).powi(2))
            .sum()
    };
    let mut now = (-2.0 * spread.ln(), 1.0);
    let (mut damping, mut cost) = (1e-3, loss(now));
    for _ in 0..STEPS {
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for x in (1..PLACES).map(x) {
            let y = value(now.0, now.1, x);
            let slope = -y * (1.0 - y);
            let (da, db) = (slope, slope * 2.0 * x.ln());
            let off = y - target(x);
            (aa, ab, bb) = (aa + da * da, ab + da * db, bb + db * db);
            (ga, gb) = (ga + da * off, gb + db * off);
        }
        let (a, b) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let det = a * b - ab * ab;
        let step = ((b * ga - ab * gb) / det, (a * gb - ab * ga) / det);
        let next = (now.0 - step.0, now.1 - step.1);
        let reached = loss(next);
        if reached < cost {
            (now, cost) = (next, reached);
            damping = (damping * 0.2_f64).max(1e-12);
        } else if damping > 1e12 {
            break;
        } else {
            damping *= 10.0;
        }
    }
    (now.0.exp(), now.1)
}

fn value(la: f64, b: f64, x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    1.0 / (1.0 + (la + 2.0 * b * x.ln()).exp())
}

#[cfg(test)]
mod tests {
    #[test]
    fn curves_are_those_of_umap_learn() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/maps.json")).unwrap();
        let curves: Vec<[f64; 4]> = serde_json::from_value(fixture["curves"].clone()).unwrap();
        for [spread, min_dist, a, b] in curves {
            let found = super::fit(min_dist, spread);
            let off = (found.0 / a - 1.0).abs().max((found.1 / b - 1.0).abs());
            assert!(
                off < 1e-5,
                "spread {spread}, min_dist {min_dist}: {found:?}, expected {a}, {b}"
            );
        }
    }
}
