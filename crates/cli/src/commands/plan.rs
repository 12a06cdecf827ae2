//! `emotome plan`

use super::ask::ModelFlags;
use crate::failure::Failure;
use crate::flags::{DesignFlags, SeedFlag, parse_numbers, refuse_idle};
use crate::show::count;
use crate::terminal::Session;
use clap::Args;
use emotome_triplets::design::DesignParams;
use emotome_triplets::plan::PlanParams;
use emotome_workflows::ask::plan_judge;
use emotome_workflows::plan::plan;
use std::path::PathBuf;

/// Prints how many trials are needed, and what they take: rows, disk, memory, time and cost.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Number of stimuli.
    #[arg(long, value_name = "N", required_unless_present = "judge")]
    items: Option<usize>,
    /// Judge to be asked, a judge file, address or GGUF file: counts requests and tokens of its prompts.
    #[arg(long, value_name = "JUDGE", conflicts_with_all = ["items", "tokens", "reply_bytes"])]
    judge: Option<String>,
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
    /// Currency of the prices.
    #[arg(long, value_name = "NAME", default_value = "USD")]
    currency: String,
    /// Bytes of a reply that is kept.
    #[arg(long, value_name = "BYTES", default_value_t = 0.0)]
    reply_bytes: f64,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    model: ModelFlags,
}

impl Plan {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let params = PlanParams {
            dims: self.dims,
            trials_per_second: self.rate,
            tokens: self.tokens,
            price: self.model.price(),
            currency: self.currency,
            reply_bytes: self.reply_bytes,
        };
        if let Some(judge) = &self.judge {
            let judge = self.model.judge(judge, None)?;
            let design = self.design.spec(None, self.seed.get());
            let request = self.model.request(judge, PathBuf::new(), design)?;
            return session.show(&plan_judge(&request, &params)?, |s| {
                let requests = count(s.requests.round() as u64);
                format!(
                    "judge       {}\nrequests    {requests}\ntokens are {} of {} trials\n{}",
                    s.judge, s.basis, s.sampled, s.plan
                )
            });
        }
        refuse_idle(
            &self.model.given(),
            |flag| flag.starts_with("--price"),
            "a plan without --judge",
        )?;
        let design = DesignParams {
            balance: self.design.balance(),
            validation: self.design.validation,
            test: self.design.test,
            ceiling: self.design.ceiling(),
            ..DesignParams::new(self.items.unwrap_or_default(), self.seed.get().0)
        };
        let (_, plan) = plan(&design, self.design.trials, &params)?;
        session.show(&plan, ToString::to_string)
    }
}
