//! `emotome plan`

use crate::failure::Failure;
use crate::flags::{DesignFlags, SeedFlag, parse_numbers};
use crate::terminal::Session;
use clap::Args;
use emotome_triplets::design::DesignParams;
use emotome_triplets::plan::PlanParams;
use emotome_workflows::plan::plan;

/// Prints how many trials are needed, and what they take: rows, disk, memory, time and cost.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Number of stimuli.
    #[arg(long, value_name = "N")]
    items: usize,
    /// Dimensions expected.
    #[arg(long, value_name = "D", default_value_t = 30)]
    dims: u32,
    #[command(flatten)]
    design: DesignFlags,
    /// Trials a second that the agent answers.
    #[arg(long, value_name = "RATE")]
    rate: Option<f64>,
    /// Tokens of a trial: of the prompt, and of the answer.
    #[arg(long, value_name = "IN,OUT", value_parser = parse_numbers::<2>)]
    tokens: Option<[f64; 2]>,
    /// Price of a million prompt tokens.
    #[arg(long, value_name = "X", requires_all = ["price_out", "tokens"])]
    price_in: Option<f64>,
    /// Price of a million tokens of answers.
    #[arg(long, value_name = "X", requires = "price_in")]
    price_out: Option<f64>,
    /// Currency of the prices.
    #[arg(long, value_name = "NAME", default_value = "USD")]
    currency: String,
    /// Bytes of a reply that is kept.
    #[arg(long, value_name = "BYTES", default_value_t = 0.0)]
    reply_bytes: f64,
    #[command(flatten)]
    seed: SeedFlag,
}

impl Plan {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let params = PlanParams {
            dims: self.dims,
            trials_per_second: self.rate,
            tokens: self.tokens,
            price: self.price_in.zip(self.price_out).map(|(a, b)| [a, b]),
            currency: self.currency,
            reply_bytes: self.reply_bytes,
        };
        let design = DesignParams {
            balance: self.design.balance(),
            validation: self.design.validation,
            test: self.design.test,
            ceiling: self.design.ceiling(),
            ..DesignParams::new(self.items, self.seed.get().0)
        };
        let (_, plan) = plan(&design, self.design.trials, &params)?;
        session.show(&plan, ToString::to_string)
    }
}
