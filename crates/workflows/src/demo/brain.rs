//! The brain of the demo: three subjects who never existed, with the demo's own models planted in some regions.

use crate::WorkflowError;
use crate::brain::{BrainSimulateRequest, DesignOf, Layout, brain_simulate};
use crate::publish::Destination;
use crate::rsa::{Holds, ModelOf, Pairs, ParcelsOf, RegionsOf, RoiRequest, RsaError, roi};
use crate::story::brain::section;
use emotome_brain::inference::exchange::Exchange;
use emotome_brain::model::Metric;
use emotome_brain::rdm::Comparison;
use emotome_brain::regions::Preset;
use emotome_brain::simulate::{Noise, Plant, Strength};
use emotome_brain::store::{Repeats, Scope, Standardisation};
use emotome_figures::report::Section;
use emotome_neurofiles::Millimetres;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::Run;

/// Where each model is planted, and the correlation of dissimilarities expected there.
const PLANTED: [(&str, &str, f64); 3] = [
    ("TPJ", INTENDED, 0.12),
    ("amygdala", INTENDED, 0.08),
    ("VMPFC", CHOICES, 0.12),
];
const INTENDED: &str = "intended emotions";
const CHOICES: &str = "choices";
const REGIONS: Preset = Preset::Emotion2025;
const SUBJECTS: u32 = 3;

/// Simulates the subjects under `brain/`, compares their regions with the models under `rsa/`, and tells it.
pub(super) fn chapter(
    to: &Destination,
    agent: &str,
    overwrite: Overwrite,
    run: Run<'_>,
) -> Result<Section, WorkflowError> {
    let model = |name: &str, path| ModelOf {
        name: name.to_owned(),
        path,
        holds: Holds::Features(Metric::Correlation),
        control: None,
    };
    let models = vec![
        model(INTENDED, to.out.join("ratings/author_emotions.tsv")),
        model(CHOICES, to.embedding(agent).join("embedding.npz")),
    ];
    let simulated = brain_simulate(
        &BrainSimulateRequest {
            models: models.clone(),
            plants: PLANTED
                .map(|(region, model, r)| Plant {
                    region: region.to_owned(),
                    model: model.to_owned(),
                    strength: Strength::Rsa(r),
                })
                .into(),
            design: DesignOf::Each {
                times: 1,
                per_run: 20,
                sessions: 2,
            },
            subjects: SUBJECTS,
            voxels: 8_000,
            edge: Millimetres(5.0),
            noise: Noise::default(),
            standardisation: Standardisation {
                scope: Scope::Run,
                ..Standardisation::default()
            },
            layout: Layout::Stores,
            seed: to.seed.derive("simulated brain"),
            out: to.out.join("brain"),
            overwrite,
            command: to.command.clone(),
        },
        run,
    )?;
    let summary = roi(
        &RoiRequest {
            stores: simulated.subjects,
            regions: RegionsOf::Preset(REGIONS.name().to_owned()),
            parcels: ParcelsOf::Store,
            fewest: 10,
            models,
            distance: Metric::Correlation,
            comparison: Comparison::Spearman,
            pairs: Pairs::All,
            repeats: Repeats::Mean,
            include: None,
            exchange: Exchange::RunBlocks,
            permutations: 1_000,
            bootstraps: 0,
            published_tests: false,
            reweighted: false,
            resume: false,
            seed: to.seed.derive("regions"),
            out: to.out.join("rsa"),
            overwrite,
            command: to.command.clone(),
        },
        run,
    )?;
    let planted: Vec<String> = PLANTED
        .iter()
        .map(|(region, model, _)| format!("the geometry of the {model} in {region}"))
        .collect();
    let text = vec![format!(
        "No brain was measured for this demo. Responses of {SUBJECTS} subjects who never existed were simulated: smooth noise, autocorrelated within runs, with {} planted in it. What follows should find these, and nothing elsewhere. The two models are alike to some degree, so that a region of one is a little like the other too; the partial correlations tell them apart.",
        planted.join(", ")
    )];
    let cautions = vec![
        "Synthetic data: these numbers say that the method finds what is there. They say nothing of brains.".to_owned(),
    ];
    let table = REGIONS.table().map_err(RsaError::from)?;
    Ok(section(&summary, Some(&table), text, cautions))
}
