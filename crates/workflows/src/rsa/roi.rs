//! Regions compared with models: one subject for itself, then what all subjects say together.

use super::RsaError;
use super::brain::{self, BrainReport, Pairs, Wanted};
use super::models::{LeftOut, ModelOf, ModelReport};
use super::regions::{ParcelsOf, RegionsOf, regions};
use super::searchlight::write_left_out;
use crate::WorkflowError;
use emotome_brain::inference::bootstrap::{BootstrapParams, Resample, bootstrap};
use emotome_brain::inference::ceiling::noise_ceiling;
use emotome_brain::inference::exchange::{Exchange, Presentation};
use emotome_brain::inference::permute::{PermutationParams, permutation_test};
use emotome_brain::inference::prevalence::{bayesian, replication};
use emotome_brain::inference::published::{
    published_paired_t_over_few_subjects, published_pairs_t_test,
};
use emotome_brain::inference::{Tail, permutation_p};
use emotome_brain::model::Metric;
use emotome_brain::model::regression::{correlations, regress};
use emotome_brain::rdm::{Comparison, Rdm, compare};
use emotome_brain::regions::Region;
use emotome_brain::store::{Repeats, Store, View};
use emotome_figures::export::{Format, export};
use emotome_figures::region_bars::{RegionBars, RegionScores};
use emotome_figures::render::{Print, Theme};
use emotome_stats::interval::Interval;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stats::random::Seed;
use emotome_stats::summary::mean;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use ndarray::{Array2, Axis};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

/// Regions whose dissimilarities are in memory at once.
const BATCH: usize = 32;
/// The level of tests.
const ALPHA: f64 = 0.05;

/// A comparison of regions with models.
#[derive(Debug, Clone)]
pub struct RoiRequest {
    /// A store a subject.
    pub stores: Vec<PathBuf>,
    /// Which regions.
    pub regions: RegionsOf,
    /// Where parcels lie.
    pub parcels: ParcelsOf,
    /// The fewest voxels of a region.
    pub fewest: usize,
    /// The models.
    pub models: Vec<ModelOf>,
    /// Distances between patterns.
    pub distance: Metric,
    /// How they are compared with a model's.
    pub comparison: Comparison,
    /// Pairs that take part.
    pub pairs: Pairs,
    /// What becomes of stimuli presented more than once.
    pub repeats: Repeats,
    /// A list of the stimuli to keep.
    pub include: Option<PathBuf>,
    /// What is exchanged under the null.
    pub exchange: Exchange,
    /// Relabellings of the stimuli; 0 for none.
    pub permutations: u32,
    /// Bootstraps of stimuli and subjects, region by region; 0 for none.
    pub bootstraps: u32,
    /// Whether to add the tests of earlier publications, whose assumptions do not hold.
    pub published_tests: bool,
    /// Seed of everything random.
    pub seed: Seed,
    /// The folder.
    pub out: PathBuf,
    /// Whether results may be replaced.
    pub overwrite: Overwrite,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// What regions say. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct RoiSummary {
    /// The responses, a subject each.
    pub subjects: Vec<BrainReport>,
    /// The models.
    pub models: Vec<ModelReport>,
    /// How they were compared.
    pub comparison: Comparison,
    /// The null.
    pub exchange: Exchange,
    /// Relabellings.
    pub permutations: u32,
    /// The smallest p that a relabelling test of one subject can reach; `null` without one.
    pub smallest_p: Option<f64>,
    /// The smallest two-sided p of flipping the signs of so many subjects: below it no group test by signs can get.
    pub smallest_sign_flip_p: f64,
    /// What a person should know of the regions, a subject each.
    pub regions: Vec<String>,
    /// Each subject, region and model.
    pub cells: Vec<RoiCell>,
    /// All subjects together, by region and model.
    pub group: Vec<RoiGroup>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Most resident memory.
    pub peak_rss_bytes: Option<u64>,
}

/// A subject's region beside a model. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoiCell {
    /// The subject.
    pub subject: String,
    /// The region.
    pub region: String,
    /// Its voxels.
    pub voxels: usize,
    /// The model.
    pub model: String,
    /// How alike they are.
    pub value: f64,
    /// One-sided p among relabelled models, for this region and model alone.
    pub p: Option<f64>,
    /// The same against the largest of all regions and models of the subject.
    pub p_fwe: Option<f64>,
    /// Benjamini–Hochberg over all regions and models of the subject.
    pub q: Option<f64>,
    /// Correlation of region and model without what the other models predict.
    pub partial: Option<f64>,
    /// What the model adds to the R² of the others.
    pub unique_r2: Option<f64>,
    /// p of a t test that takes pairs of stimuli to be independent, which they are not.
    pub published_pairs_t_p: Option<f64>,
}

/// A region beside a model over subjects. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoiGroup {
    /// The region.
    pub region: String,
    /// The model.
    pub model: String,
    /// Subjects that have the region.
    pub subjects: usize,
    /// Mean over them.
    pub mean: f64,
    /// Subjects with p_fwe ≤ .05.
    pub significant: Option<usize>,
    /// p of the null that fewer than two subjects have an effect.
    pub at_least_two_p: Option<f64>,
    /// Below this the prevalence in the population lies with probability .05, with a uniform prior.
    pub prevalence_lower: Option<f64>,
    /// Each subject against the pool of the others.
    pub ceiling_lower: Option<f64>,
    /// Each subject against the pool of all.
    pub ceiling_upper: Option<f64>,
    /// p of a bootstrap over stimuli and subjects, one-sided against 0.
    pub bootstrap_p: Option<f64>,
    /// Its two-sided p against the lower ceiling.
    pub bootstrap_ceiling_p: Option<f64>,
    /// Its two-sided p against every model in order.
    pub bootstrap_pairwise_p: Option<Vec<f64>>,
    /// p of a paired t test against the first model over so few subjects, as published.
    pub published_paired_t_p: Option<f64>,
}

/// A subject as far as pass one goes.
struct Subject {
    name: String,
    store: Store,
    view: View,
    regions: Vec<Region>,
}

/// Compares the regions of every subject with every model.
///
/// # Errors
/// [`WorkflowError`] of reading and joining; [`RsaError`] for stores of one subject, regions that no subject has, and
/// inferences that cannot be made.
pub fn roi(request: &RoiRequest, run: Run<'_>) -> Result<RoiSummary, WorkflowError> {
    let began = Instant::now();
    output::folder(&request.out, request.overwrite)?;
    let wanted = Wanted {
        models: &request.models,
        include: request.include.as_deref(),
        repeats: request.repeats,
        pairs: request.pairs,
    };
    let joined = brain::join_all(&request.stores, wanted, run)?;
    let models = joined
        .models
        .models
        .iter()
        .map(|model| Rdm::from_geometry(&model.geometry))
        .collect::<Result<Vec<_>, _>>()
        .map_err(RsaError::from)?;
    let mut summary = RoiSummary {
        subjects: joined.reports,
        models: joined.models.reports.clone(),
        comparison: request.comparison,
        exchange: request.exchange,
        permutations: request.permutations,
        smallest_p: (request.permutations > 0)
            .then(|| 1.0 / (1.0 + f64::from(request.permutations))),
        smallest_sign_flip_p: 2.0_f64.powi(1 - request.stores.len() as i32).min(1.0),
        regions: Vec::new(),
        cells: Vec::new(),
        group: Vec::new(),
        seconds: 0.0,
        peak_rss_bytes: None,
    };
    let mut subjects = Vec::new();
    for (store, view) in joined.subjects {
        let (enough, all) = regions(&store, &request.regions, &request.parcels, request.fewest)?;
        let name = store.manifest().subject.clone();
        summary.regions.push(format!("{name}: {all}"));
        let subject = Subject {
            name,
            store,
            view,
            regions: enough,
        };
        summary
            .cells
            .extend(of_subject(&subject, &models, request, run)?);
        subjects.push(subject);
    }
    summary.group = of_group(&subjects, &models, &summary.cells, request, run)?;
    summary.seconds = began.elapsed().as_secs_f64();
    summary.peak_rss_bytes = crate::memory::peak_rss_bytes();
    write(request, &summary, &joined.models.left_out)?;
    Ok(summary)
}

/// The dissimilarities of a region's patterns; pairs that take no part are missing.
fn rdm(
    subject: &Subject,
    members: &[usize],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Rdm, WorkflowError> {
    let responses = subject.store.load_voxels(&subject.view, members, run)?;
    let patterns: Array2<f64> = responses.values.t().mapv(f64::from);
    let rdm = Rdm::from_patterns(patterns.view(), request.distance).map_err(RsaError::from)?;
    Ok(masked(&rdm, &subject.view, request.pairs))
}

/// The same with the pairs missing that take no part.
fn masked(rdm: &Rdm, view: &View, pairs: Pairs) -> Rdm {
    let rows = &view.rows;
    let near = |i: usize, j: usize, lag: usize| {
        rows[i].run == rows[j].run && (rows[i].order.abs_diff(rows[j].order) as usize) < lag
    };
    match pairs {
        Pairs::All => rdm.clone(),
        Pairs::AcrossRuns => rdm.excluding(|i, j| rows[i].run == rows[j].run),
        Pairs::Apart(lag) => rdm.excluding(|i, j| near(i, j, lag)),
    }
}

fn of_subject(
    subject: &Subject,
    models: &[Rdm],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Vec<RoiCell>, WorkflowError> {
    let (n, m) = (subject.regions.len(), models.len());
    let runs = subject.view.runs();
    let places: Vec<u32> = subject.view.rows.iter().map(|row| row.order).collect();
    let shown = Presentation::new(&runs, &places).map_err(RsaError::from)?;
    let params = PermutationParams {
        comparison: request.comparison,
        exchange: request.exchange,
        permutations: request.permutations,
        tail: Tail::Greater,
        seed: request.seed.derive(&subject.name).0,
    };
    let between = between(&subject.view, models, request)?;
    let mut values = Array2::from_elem((n, m), f64::NAN);
    let mut p = Array2::from_elem((n, m), f64::NAN);
    let mut maxima: Vec<f64> = Vec::new();
    let mut published = Array2::from_elem((n, m), f64::NAN);
    for (batch, some) in subject.regions.chunks(BATCH).enumerate() {
        run.progress.begin(
            &format!("distances of subject {}", subject.name),
            Some(some.len() as u64),
        );
        let mut rdms = Vec::with_capacity(some.len());
        for region in some {
            rdms.push(rdm(subject, &region.members, request, run)?);
            run.progress.advance(1);
        }
        run.progress.end();
        let first = batch * BATCH;
        if request.permutations > 0 {
            let test =
                permutation_test(&rdms, models, &shown, params, run).map_err(RsaError::from)?;
            for (row, (observed, own)) in test
                .observed
                .outer_iter()
                .zip(test.p.outer_iter())
                .enumerate()
            {
                values.row_mut(first + row).assign(&observed);
                p.row_mut(first + row).assign(&own);
            }
            // Every batch relabels alike, so the largest of all is the largest of the batches' largest.
            maxima.resize(test.maxima.len(), f64::NEG_INFINITY);
            maxima
                .iter_mut()
                .zip(&test.maxima)
                .for_each(|(most, &own)| *most = most.max(own));
        } else {
            for (row, rdm) in rdms.iter().enumerate() {
                for (column, model) in models.iter().enumerate() {
                    values[[first + row, column]] = compare(rdm, model, request.comparison)
                        .map_err(RsaError::from)?
                        .value;
                }
            }
        }
        if request.published_tests {
            for (row, rdm) in rdms.iter().enumerate() {
                for (column, model) in models.iter().enumerate() {
                    let test = published_pairs_t_test(rdm, model, request.comparison)
                        .map_err(RsaError::from)?;
                    published[[first + row, column]] = test.p;
                }
            }
        }
    }
    let tested = request.permutations > 0;
    let q = if tested {
        benjamini_hochberg(p.as_slice().unwrap_or_default())
    } else {
        Vec::new()
    };
    let mut cells = Vec::with_capacity(n * m);
    for (row, region) in subject.regions.iter().enumerate() {
        let joint = joint(
            between.as_ref(),
            values.row(row).as_slice().unwrap_or_default(),
        );
        for (column, of) in request.models.iter().enumerate() {
            let value = values[[row, column]];
            cells.push(RoiCell {
                subject: subject.name.clone(),
                region: region.name.clone(),
                voxels: region.members.len(),
                model: of.name.clone(),
                value,
                p: tested.then_some(p[[row, column]]),
                p_fwe: tested.then(|| permutation_p(value, maxima.iter().copied())),
                q: tested.then(|| q[row * m + column]),
                partial: joint.as_ref().map(|fit| fit.partial[column]),
                unique_r2: joint.as_ref().map(|fit| fit.unique[column]),
                published_pairs_t_p: request.published_tests.then_some(published[[row, column]]),
            });
        }
    }
    Ok(cells)
}

/// Correlations among models over the pairs that take part; none where they cannot be fitted together.
fn between(
    view: &View,
    models: &[Rdm],
    request: &RoiRequest,
) -> Result<Option<Array2<f64>>, RsaError> {
    let fits = matches!(
        request.comparison,
        Comparison::Pearson | Comparison::Spearman
    );
    if models.len() < 2 || !fits {
        return Ok(None);
    }
    let masked: Vec<Rdm> = models
        .iter()
        .map(|model| masked(model, view, request.pairs))
        .collect();
    Ok(Some(correlations(
        &masked[0],
        &masked[1..],
        request.comparison,
    )?))
}

/// All models fitted to a region together; none if they are collinear.
fn joint(
    between: Option<&Array2<f64>>,
    brain: &[f64],
) -> Option<emotome_brain::model::regression::Regression> {
    let between = between?;
    let m = brain.len();
    let r = Array2::from_shape_fn((m + 1, m + 1), |(i, j)| match (i, j) {
        (0, 0) => 1.0,
        (0, j) => brain[j - 1],
        (i, 0) => brain[i - 1],
        (i, j) => between[[i - 1, j - 1]],
    });
    regress(r.view()).ok()
}

fn of_group(
    subjects: &[Subject],
    models: &[Rdm],
    cells: &[RoiCell],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Vec<RoiGroup>, WorkflowError> {
    let mut names: Vec<&str> = Vec::new();
    for region in subjects.iter().flat_map(|subject| &subject.regions) {
        if !names.contains(&region.name.as_str()) {
            names.push(&region.name);
        }
    }
    let mut group = Vec::new();
    run.progress
        .begin("regions over subjects", Some(names.len() as u64));
    for name in names {
        let have: Vec<(&Subject, &Region)> = subjects
            .iter()
            .filter_map(|subject| {
                Some((
                    subject,
                    subject.regions.iter().find(|region| region.name == name)?,
                ))
            })
            .collect();
        let several = have.len() > 1;
        let mut ceiling = None;
        let mut boots = None;
        // Without a relation of runs between subjects, pairs left out differ from subject to subject.
        if several {
            let rdms = have
                .iter()
                .map(|(subject, region)| rdm(subject, &region.members, request, run))
                .collect::<Result<Vec<_>, _>>()?;
            ceiling = Some(noise_ceiling(&rdms, request.comparison).map_err(RsaError::from)?);
            if request.bootstraps > 0 {
                let params = BootstrapParams {
                    comparison: request.comparison,
                    resample: Resample::Dual,
                    draws: request.bootstraps,
                    seed: request.seed.derive(name).0,
                };
                boots = Some(bootstrap(&rdms, models, params, run).map_err(RsaError::from)?);
            }
        }
        let of = |model: &str| -> Vec<&RoiCell> {
            cells
                .iter()
                .filter(|cell| cell.region == name && cell.model == model)
                .collect()
        };
        let values =
            |model: &str| -> Vec<f64> { of(model).iter().map(|cell| cell.value).collect() };
        for (column, model) in request.models.iter().enumerate() {
            let own = of(&model.name);
            let significant = (request.permutations > 0).then(|| {
                own.iter()
                    .filter(|cell| cell.p_fwe.is_some_and(|p| p <= ALPHA))
                    .count()
            });
            let at_least_two_p = match (
                several,
                own.iter().map(|cell| cell.p).collect::<Option<Vec<f64>>>(),
            ) {
                (true, Some(p)) => {
                    let p = Array2::from_shape_fn((p.len(), 1), |(subject, _)| p[subject]);
                    Some(replication(&p, 2, ALPHA).map_err(RsaError::from)?.p[0])
                }
                _ => None,
            };
            let prevalence_lower = match significant {
                Some(k) => Some(
                    bayesian(k as u32, own.len() as u32, ALPHA, 1.0, 0.05)
                        .map_err(RsaError::from)?
                        .lower,
                ),
                None => None,
            };
            let published_paired_t_p = match request.published_tests && several && column > 0 {
                true => Some(
                    published_paired_t_over_few_subjects(
                        &values(&request.models[0].name),
                        &values(&model.name),
                    )
                    .map_err(RsaError::from)?
                    .p,
                ),
                false => None,
            };
            group.push(RoiGroup {
                region: name.to_owned(),
                model: model.name.clone(),
                subjects: own.len(),
                mean: mean(&values(&model.name)),
                significant,
                at_least_two_p,
                prevalence_lower,
                ceiling_lower: ceiling.as_ref().map(|ceiling| ceiling.lower),
                ceiling_upper: ceiling.as_ref().map(|ceiling| ceiling.upper),
                bootstrap_p: boots.as_ref().map(|boots| boots.tests.zero[column]),
                bootstrap_ceiling_p: boots.as_ref().map(|boots| boots.tests.ceiling[column]),
                bootstrap_pairwise_p: boots
                    .as_ref()
                    .map(|boots| boots.tests.pairwise.index_axis(Axis(0), column).to_vec()),
                published_paired_t_p,
            });
        }
        run.progress.advance(1);
    }
    run.progress.end();
    Ok(group)
}

fn write(
    request: &RoiRequest,
    summary: &RoiSummary,
    left_out: &[LeftOut],
) -> Result<(), WorkflowError> {
    let (out, overwrite) = (&request.out, request.overwrite);
    output::write(
        out.join("regions.tsv"),
        overwrite,
        cells_tsv(&summary.cells).as_bytes(),
    )?;
    output::write(
        out.join("group.tsv"),
        overwrite,
        group_tsv(&summary.group).as_bytes(),
    )?;
    write_left_out(out, overwrite, left_out)?;
    let figure = bars(summary);
    let formats = [Format::Svg, Format::Pdf, Format::Png, Format::Tsv];
    for asset in export(
        &figure,
        "region-bars",
        &formats,
        Theme::Light,
        Print::default(),
    )? {
        output::write(out.join(&asset.name), overwrite, &asset.bytes)?;
    }
    output::write_json(out.join("roi.json"), overwrite, summary)?;
    let mut provenance = Provenance::new(
        request.command.clone(),
        Some(request.seed.0),
        json!({
            "regions": request.regions,
            "parcels": request.parcels,
            "fewest": request.fewest,
            "distance": request.distance,
            "comparison": request.comparison,
            "pairs": request.pairs,
            "repeats": request.repeats,
            "exchange": request.exchange,
            "permutations": request.permutations,
            "bootstraps": request.bootstraps,
        }),
    );
    for store in &request.stores {
        provenance.add_input(store.join("store.json"))?;
    }
    for of in &request.models {
        provenance.add_input(&of.path)?;
    }
    Ok(provenance.write(out.join("provenance.json"), overwrite)?)
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "n/a".to_owned()
    } else {
        value.to_string()
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), number)
}

fn cells_tsv(cells: &[RoiCell]) -> String {
    let mut text = String::from(
        "subject\tregion\tvoxels\tmodel\tvalue\tp\tp_fwe\tq\tpartial\tunique_r2\tpublished_pairs_t_p\n",
    );
    for c in cells {
        let numbers = [
            c.p,
            c.p_fwe,
            c.q,
            c.partial,
            c.unique_r2,
            c.published_pairs_t_p,
        ]
        .map(optional)
        .join("\t");
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{numbers}",
            c.subject,
            c.region,
            c.voxels,
            c.model,
            number(c.value)
        );
    }
    text
}

fn group_tsv(group: &[RoiGroup]) -> String {
    let mut text = String::from(
        "region\tmodel\tsubjects\tmean\tsignificant\tat_least_two_p\tprevalence_lower\tceiling_lower\tceiling_upper\tbootstrap_p\tbootstrap_ceiling_p\tpublished_paired_t_p\n",
    );
    for g in group {
        let significant = g
            .significant
            .map_or_else(|| "n/a".to_owned(), |k| k.to_string());
        let numbers = [
            g.at_least_two_p,
            g.prevalence_lower,
            g.ceiling_lower,
            g.ceiling_upper,
            g.bootstrap_p,
            g.bootstrap_ceiling_p,
            g.published_paired_t_p,
        ]
        .map(optional)
        .join("\t");
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{significant}\t{numbers}",
            g.region,
            g.model,
            g.subjects,
            number(g.mean)
        );
    }
    text
}

/// Bars by region with a dot a subject; stars from tests that every subject passes.
fn bars(summary: &RoiSummary) -> RegionBars {
    let models: Vec<String> = summary
        .models
        .iter()
        .map(|report| report.of.name.clone())
        .collect();
    let mut regions: Vec<RegionScores> = Vec::new();
    for group in &summary.group {
        if regions
            .last()
            .is_none_or(|region| region.name != group.region)
        {
            regions.push(RegionScores {
                name: group.region.clone(),
                scores: Vec::new(),
                stars: Vec::new(),
                ceiling: group
                    .ceiling_lower
                    .zip(group.ceiling_upper)
                    .map(|(low, high)| Interval { low, high }),
            });
        }
        if let Some(region) = regions.last_mut() {
            let scores = summary.subjects.iter().map(|subject| {
                summary
                    .cells
                    .iter()
                    .find(|cell| {
                        cell.subject == subject.subject
                            && cell.region == group.region
                            && cell.model == group.model
                    })
                    .map_or(f64::NAN, |cell| cell.value)
            });
            region.scores.push(scores.collect());
            let all = group.significant.is_some_and(|k| k == group.subjects);
            region
                .stars
                .push(if all { "*".to_owned() } else { String::new() });
        }
    }
    RegionBars {
        title: "Regions and models".to_owned(),
        narrow: false,
        quantity: format!("similarity of geometries ({})", words(summary.comparison)),
        models,
        regions,
        test: match summary.permutations {
            0 => String::new(),
            n => format!(
                "* in every subject p ≤ .05 among {n} relabellings ({}), largest of all regions and models",
                exchange_words(summary.exchange)
            ),
        },
        ceiling: "noise ceiling, lower to upper bound".to_owned(),
    }
}

const fn words(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Pearson => "Pearson r",
        Comparison::Spearman => "Spearman ρ",
        Comparison::Cosine => "cosine",
        Comparison::RhoA => "ρ_a",
        Comparison::KendallTauA => "Kendall τ_a",
        Comparison::KendallTauB => "Kendall τ_b",
        Comparison::CosineCov => "whitened cosine",
        Comparison::CorrCov => "whitened correlation",
        Comparison::DebiasedCka => "debiased CKA",
        Comparison::Bures => "Bures similarity",
    }
}

fn exchange_words(exchange: Exchange) -> String {
    match exchange {
        Exchange::RunBlocks => "whole runs".to_owned(),
        other => format!("{other:?}"),
    }
}
