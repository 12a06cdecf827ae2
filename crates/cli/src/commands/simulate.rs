//! `emotome simulate`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag, parse_numbers};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_judges::simulated::{PlantParams, ResponseParams};
use emotome_workflows::simulate::{SimulateRequest, SimulateSummary, simulate};
use std::path::PathBuf;

/// Plants a sparse non-negative embedding and simulates the choices of an agent that has it.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// Number of stimuli.
    #[arg(long, value_name = "N")]
    items: usize,
    /// Dimensions of the planted embedding.
    #[arg(long, value_name = "D")]
    dims: usize,
    /// Number of choices; no triplet comes twice.
    #[arg(long, value_name = "M")]
    triplets: u64,
    /// Share of weights that are not zero.
    #[arg(long, value_name = "P", default_value_t = 0.25)]
    density: f64,
    /// Mean of a weight that is not zero: the larger, the surer the choices.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    scale: f64,
    /// Share of trials answered by guessing.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    lapse: f64,
    /// Log-odds added to calling the first, second and third stimulus odd.
    #[arg(long, value_name = "A,B,C", default_value = "0,0,0", value_parser = parse_numbers::<3>, allow_hyphen_values = true)]
    position_bias: [f64; 3],
    /// Folder for the results.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

impl Simulate {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let request = SimulateRequest {
            plant: PlantParams {
                density: self.density,
                scale: self.scale,
                ..PlantParams::new(self.items, self.dims)
            },
            response: ResponseParams {
                lapse: self.lapse,
                position_bias: self.position_bias,
                ..ResponseParams::default()
            },
            trials: self.triplets,
            seed: self.seed.get(),
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        session.show(&simulate(&request, session.run())?, text)
    }
}

fn text(s: &SimulateSummary) -> String {
    rows([
        (
            "planted",
            format!(
                "{} stimuli × {} dimensions: {}",
                s.n_items,
                s.dims,
                s.embedding.display()
            ),
        ),
        (
            "choices",
            format!("{}: {}", count(s.n as u64), s.triplets.display()),
        ),
        (
            "best possible",
            match (s.best_accuracy, s.best_nll) {
                (Some(accuracy), Some(nll)) => {
                    format!("accuracy {:.1} %, NLL {nll:.4}", 100.0 * accuracy)
                }
                _ => "not stated: places or guesses, not the embedding alone, decide the choices"
                    .to_owned(),
            },
        ),
    ])
}
