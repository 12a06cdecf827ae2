//! `emotome rsa group`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag};
use crate::show::{bytes, count, rows};
use crate::terminal::Session;
use clap::{Args, ValueEnum};
use emotome_brain::inference::clusters::Touch;
use emotome_workflows::rsa::{ClusterThreshold, GroupRequest, GroupSummary, group};
use std::path::PathBuf;

/// Maps of several subjects on one grid: mean, t, sign flips with family-wise correction of voxels, clusters and
/// enhanced values, in how many subjects a voxel is found, and of how many people that speaks.
#[derive(Debug, Args)]
pub(crate) struct GroupFlags {
    /// A map a subject, NIfTI, as `emotome rsa searchlight` writes them.
    #[arg(value_name = "MAP", required = true, num_args = 2..)]
    maps: Vec<PathBuf>,
    /// Maps of the same subjects in the same order that are subtracted, such as those of another model.
    #[arg(long, value_name = "MAP", num_args = 1.., conflicts_with_all = ["p", "exceeds", "surrogates"])]
    minus: Vec<PathBuf>,
    /// Voxels that take part: an image, above zero where they are. [default: all that every subject has]
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// What a value of exactly 0 is: a value, or none, as outside of a mask.
    #[arg(long, value_enum, default_value_t = Zeros::Values)]
    zeros: Zeros,
    /// What maps are called. [default: as those given]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Which values speak against chance.
    #[arg(long, value_enum, default_value_t = Side::Two)]
    side: Side,
    /// Most sign flips: all of them where they are no more, else so many at random.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    flips: u32,
    /// Clusters begin at the t of this uncorrected p.
    #[arg(long, value_name = "P", default_value_t = 0.001, value_parser = level)]
    cluster_p: f64,
    /// Clusters begin at this t.
    #[arg(long, value_name = "T", conflicts_with = "cluster_p")]
    cluster_t: Option<f64>,
    /// Exponent of the extent in threshold-free cluster enhancement.
    #[arg(long, value_name = "E", default_value_t = 0.5)]
    tfce_extent: f64,
    /// Exponent of the height in threshold-free cluster enhancement.
    #[arg(long, value_name = "H", default_value_t = 2.0)]
    tfce_height: f64,
    /// Voxels that touch: 6 by faces, 18 by edges too, 26 by corners too.
    #[arg(long, value_enum, default_value_t = Connectivity::Six)]
    connectivity: Connectivity,
    /// The level of tests.
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = level)]
    level: f64,
    /// A map of p a subject, in the order of the maps, for replication and Bayesian prevalence.
    #[arg(long, value_name = "MAP", num_args = 1..)]
    p: Vec<PathBuf>,
    /// A subject's voxel is found where its value exceeds this one; its rate of false alarms is not known.
    #[arg(
        long,
        value_name = "V",
        conflicts_with = "p",
        allow_hyphen_values = true
    )]
    exceeds: Option<f64>,
    /// In how many subjects a voxel must be found to be replicated.
    #[arg(long, value_name = "K", default_value_t = 2)]
    replicated: usize,
    /// Maps of relabelled stimuli, an image of several volumes a subject, for prevalence by permutation.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    surrogates: Vec<PathBuf>,
    /// Combinations of surrogates.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    draws: u32,
    #[command(flatten)]
    seed: SeedFlag,
    /// Folder of maps and tables.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: ForceFlag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Zeros {
    Values,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// Those far from 0 on either side.
    Two,
    /// Those above 0.
    Greater,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Connectivity {
    #[value(name = "6")]
    Six,
    #[value(name = "18")]
    Eighteen,
    #[value(name = "26")]
    TwentySix,
}

fn level(text: &str) -> Result<f64, String> {
    let level = text.parse().ok();
    level
        .filter(|p| *p > 0.0 && *p < 1.0)
        .ok_or_else(|| format!("{text:?}: give a p between 0 and 1, as .05"))
}

impl GroupFlags {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let request = GroupRequest {
            maps: self.maps,
            minus: self.minus,
            mask: self.mask,
            zeros_are_missing: self.zeros == Zeros::Missing,
            name: self.name,
            two_sided: self.side == Side::Two,
            flips: self.flips,
            cluster: self
                .cluster_t
                .map_or(ClusterThreshold::P(self.cluster_p), ClusterThreshold::T),
            extent: self.tfce_extent,
            height: self.tfce_height,
            touch: match self.connectivity {
                Connectivity::Six => Touch::Faces,
                Connectivity::Eighteen => Touch::Edges,
                Connectivity::TwentySix => Touch::Corners,
            },
            level: self.level,
            p: self.p,
            exceeds: self.exceeds,
            replicated: self.replicated,
            surrogates: self.surrogates,
            draws: self.draws,
            seed: self.seed.get(),
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        session.show(&group(&request, session.run())?, together)
    }
}

fn together(s: &GroupSummary) -> String {
    let level = s.level;
    let mut out: Vec<(&str, String)> = s.notes.iter().map(|note| ("note", note.clone())).collect();
    out.push((
        "subjects",
        format!(
            "{}{}",
            s.subjects.len(),
            if s.synthetic { " (synthetic)" } else { "" }
        ),
    ));
    let flips = if s.all_flips { "all" } else { "random" };
    out.push((
        "voxels",
        format!(
            "{} tested, {} {flips} sign flips",
            count(s.voxels as u64),
            count(s.flips as u64)
        ),
    ));
    let critical = s.critical_t.map_or_else(
        || "no t suffices".to_owned(),
        |t| format!("t beyond {t:.2}"),
    );
    out.push((
        "voxels alone",
        format!(
            "{} with p ≤ {level} against the largest of all ({critical})",
            count(s.significant_voxels as u64)
        ),
    ));
    out.push((
        "cluster mass",
        format!(
            "{} of {} clusters beyond t = {:.2} with p ≤ {level}",
            s.significant_clusters, s.clusters, s.cluster_threshold_t
        ),
    ));
    out.push((
        "enhanced",
        format!(
            "{} voxels with p ≤ {level} (E {}, H {})",
            count(s.significant_tfce as u64),
            s.tfce[0],
            s.tfce[1]
        ),
    ));
    if let Some(replicated) = &s.replication {
        let counts: Vec<String> = replicated
            .voxels
            .iter()
            .enumerate()
            .skip(1)
            .map(|(k, n)| format!("{k}: {}", count(*n as u64)))
            .collect();
        out.push((
            "replicated",
            format!(
                "{} voxels in at least {} subjects (voxels by number of subjects: {})",
                count(replicated.replicated as u64),
                replicated.k,
                counts.join(", ")
            ),
        ));
        if let Some(lower) = replicated.prevalence_lower.as_ref().and_then(|l| l.last()) {
            out.push((
                "prevalence",
                format!("all subjects together would support {lower:.2} or more of the population"),
            ));
        }
    }
    if let Some(prevalent) = &s.prevalence {
        out.push((
            "surrogates",
            format!(
                "{} voxels with an effect in some subject, {} in most of the population (corrected p ≤ {level}; reachable prevalence {:.2})",
                count(prevalent.significant as u64),
                count(prevalent.majority as u64),
                prevalent.reachable
            ),
        ));
    }
    out.extend(
        s.maps
            .iter()
            .map(|map| ("map", format!("{} ({})", map.path.display(), map.what))),
    );
    out.push(("time", format!("{:.1} s", s.seconds)));
    if let Some(peak) = s.peak_rss_bytes {
        out.push(("memory", bytes(peak)));
    }
    rows(out)
}
