//! Multidimensional scaling: a plane whose distances are the given ones as far as a plane can.

use super::affinities::shares;
use super::kernel::{Places, Square, guttman};
use super::space::{Distances, Space};
use super::start::principal;
use super::{MapError, proceed};
use crate::maps::tsne::ITEM_LIMIT;
use emotome_lanes::InstructionSet;
use emotome_stats::summary::sum;
use emotome_stimuli::run::Run;

/// Steps at most.
const STEPS: u64 = 300;
/// Relative decrease of stress below which steps end.
const SETTLED: f64 = 1e-6;

/// A plane by metric stress.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Scaling {
    /// Places, n × 2, in units of the largest given distance.
    pub map: Vec<[f64; 2]>,
    /// √(Σ (‖yᵢ − yⱼ‖ − dᵢⱼ)² / Σ dᵢⱼ²) over pairs.
    pub stress: f64,
}

/// Places items in the plane by metric stress.
///
/// Minimises Σ (‖yᵢ − yⱼ‖ − dᵢⱼ)² from classical scaling by majorisation (de Leeuw 1977; Borg & Groenen 2005,
/// doi:10.1007/0-387-28981-X, §8.6), which never climbs; ends after 300 steps or once a step gains less than a
/// millionth. O(n²) a step and O(n²) memory.
///
/// # Errors
/// If the space is no space, has all items in one place or more than [`ITEM_LIMIT`]; if interrupted.
pub fn metric_stress(space: Space<'_>, run: Run<'_>) -> Result<Scaling, MapError> {
    let n = space.items();
    if n > ITEM_LIMIT {
        return Err(MapError::TooMany {
            n,
            limit: ITEM_LIMIT,
        });
    }
    let distances = Distances::new(space)?;
    let (map, stress) = scale(&distances, &shares(&distances), run)?;
    Ok(Scaling { map, stress })
}

pub(super) fn scale(
    distances: &Distances<'_>,
    shares: &Square,
    run: Run<'_>,
) -> Result<(Vec<[f64; 2]>, f64), MapError> {
    let n = shares.n;
    let set = InstructionSet::detect();
    let mut places = principal(distances);
    let squares = sum((0..n).map(|i| {
        sum(shares.row(i)[..n]
            .iter()
            .map(|&d| f64::from(d) * f64::from(d)))
    }));
    // Classical scaling has the unit of `distances`; majorisation needs the shape only, at a fair size.
    let size = sum(places.iter().map(|p| p[0] * p[0] + p[1] * p[1]));
    let fair = (squares / (2.0 * n as f64 * size)).sqrt();
    places.iter_mut().flatten().for_each(|x| *x *= fair);
    let mut padded = Places::new(n);
    let mut moved = vec![([0.0; 2], 0.0); n];
    let mut last = f64::INFINITY;
    run.progress.begin("metric stress", Some(STEPS));
    for _ in 0..STEPS {
        proceed(run)?;
        padded.set(&places);
        guttman(set, shares, &padded, &mut moved);
        let raw = sum(moved.iter().map(|m| m.1));
        for (place, (towards, _)) in places.iter_mut().zip(&moved) {
            *place = towards.map(|t| t / n as f64);
        }
        run.progress.advance(1);
        if last - raw <= SETTLED * raw {
            last = raw;
            break;
        }
        last = raw;
    }
    run.progress.end();
    Ok((places, (last / squares).sqrt()))
}
