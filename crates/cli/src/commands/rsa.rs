//! `emotome rsa`

use super::rsa_group::GroupFlags;
use super::{command_line, sides, some_sides};
use crate::failure::Failure;
use crate::flags::{
    ControlFlags, ForceFlag, ModelFlags, ResumeFlag, SeedFlag, StandardiseFlags, metric,
    refuse_idle,
};
use crate::show::{bytes, count, rows};
use crate::terminal::Session;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use emotome_brain::inference::exchange::Exchange;
use emotome_brain::model::Metric;
use emotome_brain::rdm::Comparison as RdmComparison;
use emotome_brain::searchlight::{Comparison, Extent, Minimum, Rule, Shape};
use emotome_brain::store::Repeats;
use emotome_workflows::rsa::{
    BareFiles, BrainOf, CompareRequest, CompareSummary, Held, Holds, JointMaps, Pairs, ParcelsOf,
    RegionsOf, Relabelling, RoiRequest, RoiSummary, Searched, SearchlightRequest, compare, roi,
    searchlight,
};
use std::path::PathBuf;

/// Compares brains with models: around every voxel, in regions, or two files alone.
#[derive(Debug, Args)]
pub(crate) struct RsaCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Compare the neighbourhood of every voxel with models.
    Searchlight(Box<Searchlight>),
    /// Compare regions with models, in each subject and over subjects.
    Roi(Box<Roi>),
    /// Test the maps of several subjects together.
    Group(Box<GroupFlags>),
    /// Compare two files of dissimilarities or features.
    Compare(CompareFiles),
}

/// Compares the neighbourhood of every voxel with models, all in one pass, and writes a map for each.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("brain").required(true).args(["store", "data"]))]
struct Searchlight {
    /// A store that `emotome brain import` made.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Responses without a store: a 4-D NIfTI image, or samples × voxels of the mask as .npy.
    #[arg(long, value_name = "FILE", requires = "mask", requires = "labels")]
    data: Option<PathBuf>,
    /// The voxels of --data: an image, above zero where they are.
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    mask: Option<PathBuf>,
    /// What was shown in each sample of --data: a table with a column stimulus, and perhaps run and session.
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    standardise: StandardiseFlags,
    #[command(flatten)]
    models: ModelFlags,
    #[command(flatten)]
    controls: ControlFlags,
    /// Also write partial correlations: of each model with all others held constant (others), or with the models named
    /// held constant.
    #[arg(long, value_name = "others|NAME,…")]
    partial: Option<String>,
    /// Also write how much of the variance of distances all models explain, each alone, and each set of them in common.
    #[arg(long)]
    variance: bool,
    /// How distances of the brain and of a model are compared.
    #[arg(long, value_enum, default_value_t = MetricName::Pearson)]
    metric: MetricName,
    /// Distances between patterns. [default: sqeuclidean for cka, debiased-cka, corr_cov and cosine_cov, correlation
    /// for all others]
    #[arg(long, value_name = "NAME", value_parser = metric)]
    distance: Option<Metric>,
    /// The neighbourhood: a radius as 3vox or 6mm, or a number of nearest voxels as n100. On surfaces a radius in mm
    /// is measured along --midthickness, and n100 are the 100 nearest vertices; voxels of a CIFTI store are searched
    /// within their structure.
    #[arg(long, value_name = "RADIUS", value_parser = extent)]
    radius: Extent,
    /// Surfaces that distances are measured on, where the responses of --store lie on surfaces: GIFTI or FreeSurfer's,
    /// of the mesh of the responses. Take the midthickness of the subject or of the average brain; on inflated or
    /// spherical surfaces distances are none of the brain, on pial ones gyri are wide, on white ones narrow.
    #[arg(
        long,
        value_name = "LEFT,RIGHT",
        value_delimiter = ',',
        num_args = 1,
        conflicts_with = "data"
    )]
    midthickness: Vec<PathBuf>,
    /// Whether a voxel at the very radius belongs to it.
    #[arg(long, value_enum, default_value_t = RuleName::Le)]
    rule: RuleName,
    /// The fewest voxels of a neighbourhood, or the smallest part of the whole sphere, as 50%.
    #[arg(long, value_name = "N|P%", value_parser = minimum, default_value = "2")]
    minimum: Minimum,
    #[command(flatten)]
    stimuli: StimuliFlags,
    /// The largest certified error of a Spearman correlation; where it would be exceeded, ranks are exact.
    #[arg(long, value_name = "R", default_value_t = 2e-4)]
    bound: f64,
    /// Relabellings of the stimuli, for the chance of a value as large anywhere; for cka, corr_cov and cosine_cov.
    #[arg(long, value_name = "N", default_value_t = 0)]
    permutations: u32,
    /// Also test clusters beyond this value by their mass, among the relabelled maps; for corr_cov.
    #[arg(long, value_name = "VALUE", requires = "permutations")]
    cluster_threshold: Option<f64>,
    /// Also test the map after threshold-free cluster enhancement (E 0.5, H 2), among the relabelled maps; for corr_cov.
    #[arg(long, requires = "permutations")]
    tfce: bool,
    /// Keep so many relabelled maps, as volumes of an image, for `emotome rsa group --surrogates`.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "permutations")]
    keep_relabelled: u32,
    /// What is exchanged: run-blocks, free, or shift=N for circular shifts of at least N places within runs.
    #[arg(long, value_name = "WHAT", value_parser = exchange, default_value = "run-blocks")]
    exchange: Exchange,
    #[command(flatten)]
    seed: SeedFlag,
    /// Tell what it will cost, and stop.
    #[arg(long)]
    dry_run: bool,
    /// Folder of maps and tables.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    resume: ResumeFlag,
    #[command(flatten)]
    force: ForceFlag,
}

/// Compares regions of one or several subjects with models: relabelling tests in each subject, noise ceilings and what
/// all subjects say together.
#[derive(Debug, Args)]
struct Roi {
    /// A store of one subject; give it once for each.
    #[arg(long = "store", value_name = "DIR", required = true)]
    stores: Vec<PathBuf>,
    /// The regions: a table that comes with the program (horikawa2020, horikawa2020_as_shipped, glasser22, emotion2025,
    /// yeo7, yeo17, yeo17_horikawa2020), a table of your own with columns group and parcel, or parcels for every parcel
    /// by itself.
    #[arg(long, value_name = "NAME|FILE", default_value = "parcels")]
    regions: String,
    /// Labels of the parcels: an image on the grid of the stores; for stores on surfaces .annot or .label.gii of left
    /// and right, as LEFT,RIGHT, or one .dlabel.nii. [default: the sets of voxels in the stores]
    #[arg(
        long,
        value_name = "FILE|LEFT,RIGHT",
        value_delimiter = ',',
        num_args = 1
    )]
    parcels: Vec<PathBuf>,
    /// Names of the labels: a table with columns index and name. [default: HCP-MMP, 1 to 180 left, 181 to 360 right]
    #[arg(long, value_name = "FILE", requires = "parcels")]
    parcel_names: Option<PathBuf>,
    /// The fewest voxels of a region.
    #[arg(long, value_name = "N", default_value_t = 10)]
    minimum: usize,
    #[command(flatten)]
    models: ModelFlags,
    #[command(flatten)]
    controls: ControlFlags,
    /// How distances of the brain and of a model are compared; p needs pearson, cosine or spearman.
    #[arg(long, value_enum, default_value_t = RdmMetricName::Spearman)]
    metric: RdmMetricName,
    /// Distances between patterns.
    #[arg(long, value_name = "NAME", value_parser = metric, default_value = "correlation")]
    distance: Metric,
    #[command(flatten)]
    stimuli: StimuliFlags,
    /// What is exchanged under the null: run-blocks, free, or shift=N for circular shifts of at least N places within
    /// runs.
    #[arg(long, value_name = "WHAT", value_parser = exchange, default_value = "run-blocks")]
    exchange: Exchange,
    /// Relabellings of the stimuli; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    permutations: u32,
    /// Bootstraps of stimuli and subjects together, region by region; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 0)]
    bootstraps: u32,
    /// Add the correlation with each model's features, reweighted to fit the region (weights of 0 or more) and judged on
    /// a fifth of the runs that had no part in the fit. It has no p.
    #[arg(long)]
    reweighted: bool,
    /// Add the t tests of earlier publications, over pairs of stimuli and over few subjects, whose assumptions do not
    /// hold.
    #[arg(long)]
    published_tests: bool,
    /// Folder of tables and figures.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    resume: ResumeFlag,
    #[command(flatten)]
    force: ForceFlag,
}

/// Which stimuli and pairs take part.
#[derive(Debug, Args)]
struct StimuliFlags {
    /// The stimuli to keep, text with a key a line. [default: all that the brain and the models have]
    #[arg(long, value_name = "FILE")]
    include: Option<PathBuf>,
    /// What becomes of stimuli presented more than once.
    #[arg(long, value_enum, default_value_t = RepeatsName::Mean)]
    repeats: RepeatsName,
    /// Pairs that take part: all, across-runs, or apart=N for those at least N places apart within a run too.
    #[arg(long, value_name = "PAIRS", value_parser = pairs, default_value = "all")]
    pairs: Pairs,
}

/// Compares two files of dissimilarities or features, by key where both name their stimuli, else row by row.
#[derive(Debug, Args)]
struct CompareFiles {
    /// Dissimilarities, similarities or features: .npy, .npz, .csv, .tsv or .txt.
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The other file.
    #[arg(value_name = "B")]
    b: PathBuf,
    /// How dissimilarities are compared.
    #[arg(long, value_enum, default_value_t = RdmMetricName::Pearson)]
    metric: RdmMetricName,
    /// How rows of features are compared.
    #[arg(long, value_name = "NAME", value_parser = metric, default_value = "correlation")]
    distance: Metric,
    /// What A holds. [default: dissimilarities if it is symmetric with zeros on its diagonal, similarities if with
    /// ones, else features]
    #[arg(long, value_enum)]
    a_holds: Option<HoldsName>,
    /// What B holds. [default: likewise]
    #[arg(long, value_enum)]
    b_holds: Option<HoldsName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HoldsName {
    Features,
    Dissimilarities,
    Similarities,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MetricName {
    /// Pearson correlation, exact.
    Pearson,
    /// Cosine, exact.
    Cosine,
    /// Rank correlation with a certified bound of its error.
    Spearman,
    /// Rank correlation, exact.
    SpearmanExact,
    /// Kendall's τ_a, exact; for some hundred stimuli.
    TauA,
    /// Linear centred kernel alignment.
    Cka,
    /// The same without its bias.
    DebiasedCka,
    /// Whitened correlation.
    #[value(name = "corr_cov")]
    CorrCov,
    /// Whitened cosine; of squared Euclidean distances the same as cka.
    #[value(name = "cosine_cov")]
    CosineCov,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RdmMetricName {
    Pearson,
    Cosine,
    Spearman,
    RhoA,
    TauA,
    TauB,
    /// Linear centred kernel alignment.
    Cka,
    DebiasedCka,
    #[value(name = "corr_cov")]
    CorrCov,
    #[value(name = "cosine_cov")]
    CosineCov,
    Bures,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuleName {
    /// Distance ≤ radius.
    Le,
    /// Distance < radius.
    Lt,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RepeatsName {
    /// Their mean.
    Mean,
    /// The first presentation.
    First,
}

fn extent(text: &str) -> Result<Extent, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let wrong = || {
        format!(
            "{text:?} is no neighbourhood; give a radius with its unit, as 3vox or 6mm, or a number of nearest voxels, as n100"
        )
    };
    if let Some(vox) = text.strip_suffix("vox") {
        return number(vox).map(Extent::Voxels).ok_or_else(wrong);
    }
    if let Some(mm) = text.strip_suffix("mm") {
        return number(mm).map(Extent::Millimetres).ok_or_else(wrong);
    }
    text.strip_prefix('n')
        .and_then(|n| n.parse().ok())
        .map(Extent::Nearest)
        .ok_or_else(wrong)
}

fn minimum(text: &str) -> Result<Minimum, String> {
    let wrong = || format!("{text:?}: give a number of voxels, or a part of the sphere as 50%");
    match text.strip_suffix('%') {
        Some(part) => part
            .parse::<f64>()
            .map(|part| Minimum::Fraction(part / 100.0))
            .map_err(|_| wrong()),
        None => text.parse().map(Minimum::Members).map_err(|_| wrong()),
    }
}

fn pairs(text: &str) -> Result<Pairs, String> {
    match text {
        "all" => Ok(Pairs::All),
        "across-runs" => Ok(Pairs::AcrossRuns),
        _ => text
            .strip_prefix("apart=")
            .and_then(|lag| lag.parse().ok())
            .map(Pairs::Apart)
            .ok_or_else(|| format!("{text:?}: give all, across-runs, or apart=N")),
    }
}

impl RsaCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        match self.action {
            Action::Searchlight(flags) => {
                let request = flags.request()?;
                session.show(&searchlight(&request, session.run())?, searched)
            }
            Action::Roi(flags) => {
                let request = flags.request()?;
                session.show(&roi(&request, session.run())?, of_regions)
            }
            Action::Group(flags) => flags.run(session),
            Action::Compare(flags) => {
                session.show(&compare(&flags.request(), session.run())?, compared)
            }
        }
    }
}

impl Searchlight {
    fn request(self) -> Result<SearchlightRequest, Failure> {
        let of_relabelling = [
            ("--tfce", self.tfce),
            ("--cluster-threshold", self.cluster_threshold.is_some()),
            ("--keep-relabelled", self.keep_relabelled > 0),
        ];
        let relabelled = self.permutations > 0;
        refuse_idle(&of_relabelling, |_| relabelled, "--permutations 0")?;
        let brain = match (self.store, self.data, self.mask, self.labels) {
            (Some(store), ..) => BrainOf::Store(store),
            (None, Some(data), Some(mask), Some(labels)) => BrainOf::Files(BareFiles {
                data,
                mask,
                labels,
                standardisation: self.standardise.get(),
            }),
            _ => {
                return Err(Failure::Error(
                    "give --store DIR, or --data FILE with --mask FILE and --labels FILE"
                        .to_owned(),
                ));
            }
        };
        let (comparison, distance) = match self.metric {
            MetricName::Pearson => (Comparison::Pearson, Metric::Correlation),
            MetricName::Cosine => (Comparison::Cosine, Metric::Correlation),
            MetricName::Spearman => (Comparison::Spearman, Metric::Correlation),
            MetricName::SpearmanExact => (Comparison::SpearmanExact, Metric::Correlation),
            MetricName::TauA => (Comparison::KendallTauA, Metric::Correlation),
            MetricName::Cka | MetricName::CosineCov => {
                (Comparison::CosineCov, Metric::SquaredEuclidean)
            }
            MetricName::DebiasedCka => (Comparison::DebiasedCka, Metric::SquaredEuclidean),
            MetricName::CorrCov => (Comparison::CorrCov, Metric::SquaredEuclidean),
        };
        Ok(SearchlightRequest {
            brain,
            models: self
                .controls
                .with(self.models.models()?, self.seed.get().0)?,
            shape: Shape {
                extent: self.radius,
                rule: match self.rule {
                    RuleName::Le => Rule::UpTo,
                    RuleName::Lt => Rule::Below,
                },
                minimum: self.minimum,
            },
            midthickness: some_sides("--midthickness", self.midthickness)?,
            distance: self.distance.unwrap_or(distance),
            comparison,
            bound: self.bound,
            pairs: self.stimuli.pairs,
            repeats: self.stimuli.repeats.get(),
            include: self.stimuli.include,
            out: self.out,
            overwrite: self.force.get(),
            resume: self.resume.resume,
            relabelling: (self.permutations > 0).then_some(Relabelling {
                exchange: self.exchange,
                permutations: self.permutations,
                seed: self.seed.get().0,
                cluster_threshold: self.cluster_threshold,
                tfce: self.tfce,
                kept: self.keep_relabelled,
            }),
            joint: JointMaps {
                partial: self.partial.map(|held| match held.as_str() {
                    "others" => Held::Others,
                    names => Held::Models(names.split(',').map(str::to_owned).collect()),
                }),
                variance: self.variance,
            },
            dry_run: self.dry_run,
            command: command_line(),
        })
    }
}

impl Roi {
    fn request(self) -> Result<RoiRequest, Failure> {
        let regions = match self.regions.as_str() {
            "parcels" => RegionsOf::Parcels,
            name if name.contains(['.', '/', '\\']) => RegionsOf::Table(name.into()),
            name => RegionsOf::Preset(name.to_owned()),
        };
        let names = self.parcel_names;
        Ok(RoiRequest {
            stores: self.stores,
            regions,
            parcels: match <[PathBuf; 1]>::try_from(self.parcels) {
                Ok([image]) => ParcelsOf::Image { image, names },
                Err(none) if none.is_empty() => ParcelsOf::Store,
                Err(several) => ParcelsOf::Surfaces(sides("--parcels", several)?),
            },
            fewest: self.minimum,
            models: self
                .controls
                .with(self.models.models()?, self.seed.get().0)?,
            distance: self.distance,
            comparison: self.metric.get(),
            pairs: self.stimuli.pairs,
            repeats: self.stimuli.repeats.get(),
            include: self.stimuli.include,
            exchange: self.exchange,
            permutations: self.permutations,
            bootstraps: self.bootstraps,
            reweighted: self.reweighted,
            published_tests: self.published_tests,
            seed: self.seed.get(),
            out: self.out,
            overwrite: self.force.get(),
            resume: self.resume.resume,
            command: command_line(),
        })
    }
}

impl RdmMetricName {
    const fn get(self) -> RdmComparison {
        match self {
            Self::Pearson => RdmComparison::Pearson,
            Self::Cosine => RdmComparison::Cosine,
            Self::Spearman => RdmComparison::Spearman,
            Self::RhoA => RdmComparison::RhoA,
            Self::TauA => RdmComparison::KendallTauA,
            Self::TauB => RdmComparison::KendallTauB,
            Self::Cka | Self::CosineCov => RdmComparison::CosineCov,
            Self::DebiasedCka => RdmComparison::DebiasedCka,
            Self::CorrCov => RdmComparison::CorrCov,
            Self::Bures => RdmComparison::Bures,
        }
    }
}

fn exchange(text: &str) -> Result<Exchange, String> {
    match text {
        "run-blocks" => Ok(Exchange::RunBlocks),
        "free" => Ok(Exchange::Free),
        _ => text
            .strip_prefix("shift=")
            .and_then(|lag| lag.parse().ok())
            .map(|minimum_lag| Exchange::WithinRunShifts { minimum_lag })
            .ok_or_else(|| format!("{text:?}: give run-blocks, free, or shift=N")),
    }
}

impl RepeatsName {
    const fn get(self) -> Repeats {
        match self {
            Self::Mean => Repeats::Mean,
            Self::First => Repeats::First,
        }
    }
}

impl CompareFiles {
    fn request(self) -> CompareRequest {
        let distance = self.distance;
        let holds = |name: HoldsName| match name {
            HoldsName::Features => Holds::Features(distance),
            HoldsName::Dissimilarities => Holds::Dissimilarities,
            HoldsName::Similarities => Holds::Similarities,
        };
        CompareRequest {
            holds: [self.a_holds.map(holds), self.b_holds.map(holds)],
            files: [self.a, self.b],
            distance,
            comparison: self.metric.get(),
        }
    }
}

fn searched(s: &Searched) -> String {
    let mut out = vec![
        (
            "brain",
            format!(
                "{}{}",
                s.brain.subject,
                if s.brain.synthetic {
                    " (synthetic)"
                } else {
                    ""
                }
            ),
        ),
        (
            "stimuli",
            format!(
                "{} of {} ({} left out are listed)",
                count(s.brain.shared as u64),
                count(s.brain.stimuli as u64),
                s.left_out
            ),
        ),
        (
            "centres",
            format!(
                "{} of {:.0} voxels on average",
                count(s.centres as u64),
                s.members
            ),
        ),
    ];
    if s.maps.is_empty() {
        let e = &s.estimate;
        out.push((
            "would take",
            format!(
                "{:.0} GFLOP and {} beside the responses",
                e.flop / 1e9,
                bytes(e.bytes)
            ),
        ));
        return rows(out);
    }
    for map in &s.maps {
        let [x, y, z] = map.peak_mm.unwrap_or([f64::NAN; 3]);
        out.push((
            "map",
            format!(
                "{}: mean {:.4}, largest {:.4} at {x:.0}, {y:.0}, {z:.0} mm ({})",
                map.model,
                map.mean,
                map.max,
                map.path.display()
            ),
        ));
    }
    for map in &s.joint {
        let constant = match map.constant.as_slice() {
            [] => String::new(),
            names => format!(", {} held constant", names.join(", ")),
        };
        out.push((
            map.statistic,
            format!(
                "{}{constant}: mean {:.4}, largest {:.4} ({})",
                map.models.join(" and "),
                map.mean,
                map.max,
                map.path.display()
            ),
        ));
    }
    for found in &s.family_wise {
        let threshold = found
            .threshold
            .map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"));
        out.push((
            "anywhere",
            format!(
                "{}: {} centres with p ≤ .05 against the largest of all centres, from {threshold} on (smallest p {:.1e})",
                found.model,
                count(found.significant as u64),
                found.smallest_p
            ),
        ));
    }
    for found in &s.family_wise {
        if let Some(clusters) = &found.clusters {
            out.push((
                "clusters",
                format!(
                    "{}: {} of {} beyond {} with p ≤ .05 by their mass",
                    found.model, clusters.significant, clusters.found, clusters.threshold
                ),
            ));
        }
        if let Some(enhanced) = &found.tfce {
            out.push((
                "enhanced",
                format!(
                    "{}: {} centres with p ≤ .05 after threshold-free cluster enhancement",
                    found.model,
                    count(enhanced.significant as u64)
                ),
            ));
        }
    }
    if let Some(bound) = s.bound.filter(|bound| *bound > 0.0) {
        out.push((
            "certified",
            format!("no value is further than {bound:.1e} from the exact rank correlation"),
        ));
    }
    if s.undefined > 0 {
        out.push((
            "undefined",
            format!(
                "{} centres, where stimuli have constant patterns",
                count(s.undefined as u64)
            ),
        ));
    }
    let peak = s.peak.map_or_else(String::new, |peak| {
        format!(
            ", {:.0} % of the {:.0} that the kernel reaches in the cache",
            100.0 * s.gflops / peak.all,
            peak.all
        )
    });
    out.push((
        "time",
        format!("{:.1} s, {:.1} GFLOP/s{peak}", s.seconds, s.gflops),
    ));
    if let Some(peak) = s.peak_rss_bytes {
        out.push(("memory", bytes(peak)));
    }
    rows(out)
}

fn of_regions(s: &RoiSummary) -> String {
    let mut out = String::new();
    for note in &s.regions {
        out += note;
    }
    out += &rows(s.models.iter().map(|model| {
        (
            "model",
            format!(
                "{} ({} stimuli, {} not seen by the brain)",
                model.of.name,
                count(model.stimuli as u64),
                model.unmatched
            ),
        )
    }));
    let width = s
        .group
        .iter()
        .map(|g| g.region.chars().count())
        .max()
        .unwrap_or(0);
    for g in &s.group {
        let ceiling = g
            .ceiling_lower
            .zip(g.ceiling_upper)
            .map_or_else(String::new, |(low, high)| {
                format!(", ceiling {low:.3} to {high:.3}")
            });
        let found = g.significant.map_or_else(String::new, |k| {
            format!(", {k} of {} subjects at p_fwe ≤ .05", g.subjects)
        });
        out += &format!(
            "{:width$}  {:.4}  {}{found}{ceiling}\n",
            g.region, g.mean, g.model
        );
    }
    let mut last = Vec::new();
    if let Some(p) = s.smallest_p {
        last.push((
            "smallest p",
            format!(
                "{p:.2e} in a subject; flipping signs of {} subjects {:.3}",
                s.subjects.len(),
                s.smallest_sign_flip_p
            ),
        ));
    }
    if let Some(reachable) = s.reachable_prevalence {
        last.push((
            "prevalence",
            format!(
                "relabellings of {} subjects can support one above {reachable:.2} at most",
                s.subjects.len()
            ),
        ));
    }
    last.push((
        "time",
        format!(
            "{:.1} s, {}",
            s.seconds,
            s.peak_rss_bytes.map_or_else(String::new, bytes)
        ),
    ));
    out + &rows(last)
}

fn compared(s: &CompareSummary) -> String {
    let holds = |side: usize| {
        let file = &s.files[side];
        let how = if s.inferred[side] {
            " (told from its matrix)"
        } else {
            ""
        };
        format!(
            "{}: {} stimuli, {}{how}",
            file.path.display(),
            count(s.given[side] as u64),
            holds_words(file.holds)
        )
    };
    rows([
        ("first", holds(0)),
        ("second", holds(1)),
        ("stimuli", count(s.stimuli as u64)),
        (
            "pairs",
            format!(
                "{} ({} missing)",
                count(s.agreement.pairs as u64),
                count(s.agreement.missing as u64)
            ),
        ),
        ("agreement", format!("{:.6}", s.agreement.value)),
    ])
}

const fn holds_words(holds: Holds) -> &'static str {
    match holds {
        Holds::Features(Metric::Correlation) => "features, 1 − correlation",
        Holds::Features(Metric::Cosine) => "features, 1 − cosine",
        Holds::Features(Metric::SquaredEuclidean) => "features, squared Euclidean",
        Holds::Features(Metric::Euclidean) => "features, Euclidean",
        Holds::ChoiceProbabilities => "an embedding, choice probabilities",
        Holds::Dissimilarities => "dissimilarities",
        Holds::Similarities => "similarities",
    }
}
