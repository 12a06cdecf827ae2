//! How a server is asked: parameters, checked before anything is sent.

use super::client::{Carrier, ClientError, ClientParams};
use super::endpoint::{Endpoint, EndpointError, UploadPolicy};
use super::fleet::EndpointLimits;
use super::price::{PriceError, Prices};
use super::retry::RetryParams;
use emotome_stats::random::Seed;
use emotome_triplets::Nanos;
use std::time::Duration;

/// How a server is asked.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `client` | [`ClientParams`] | how requests are carried |
/// | `retry` | [`RetryParams`] | what is tried again |
/// | `uploads` | nobody | who may be sent pictures and clips, beside this machine |
/// | `prices` | unknown | prices of tokens; what a server itself reports stands above them |
/// | `max_cost` | none | stop before this much is spent |
/// | `max_trials` | none | stop after so many trials |
/// | `patience` | 300 s | stop when no endpoint has been usable, or will be, for so long |
/// | `grace` | 30 s | time that requests under way have to end after a stop |
/// | `failing` | 100 | stop when so many trials in a row were left open after all their tries |
/// | `rejected` | 8 | stop when the first so many trials were all rejected; they stay open |
/// | `commit` | 0.5 s | time after which answers are stored, or 4,096 answers; a process that dies loses those since |
/// | `window` | 65,536 | trials within which the order of asking is chosen |
/// | `threads` | 2 | threads that carry requests |
/// | `preparers` | 2 | threads that prepare prompts and clips |
/// | `seed` | 0 | seed of pauses and of the order of asking |
#[derive(Debug, Clone, PartialEq)]
pub struct ServerParams {
    /// How requests are carried.
    pub client: ClientParams,
    /// What is tried again.
    pub retry: RetryParams,
    /// Who may be sent pictures and clips.
    pub uploads: UploadPolicy,
    /// Prices of tokens.
    pub prices: Option<Prices>,
    /// Stop before this much is spent.
    pub max_cost: Option<Nanos>,
    /// Stop after so many trials.
    pub max_trials: Option<u64>,
    /// Stop when no endpoint is usable for so long.
    pub patience: Duration,
    /// Time that requests under way have to end after a stop.
    pub grace: Duration,
    /// Stop when so many trials in a row were left open.
    pub failing: u32,
    /// Stop when the first so many trials were all rejected.
    pub rejected: u32,
    /// Time after which answers are stored.
    pub commit: Duration,
    /// Trials within which the order of asking is chosen.
    pub window: usize,
    /// Threads that carry requests.
    pub threads: usize,
    /// Threads that prepare prompts and clips.
    pub preparers: usize,
    /// Seed of pauses and of the order of asking.
    pub seed: Seed,
}

impl Default for ServerParams {
    fn default() -> Self {
        Self {
            client: ClientParams::default(),
            retry: RetryParams::default(),
            uploads: UploadPolicy::default(),
            prices: None,
            max_cost: None,
            max_trials: None,
            patience: Duration::from_secs(300),
            grace: Duration::from_secs(30),
            failing: 100,
            rejected: 8,
            commit: Duration::from_millis(500),
            window: 65_536,
            threads: 2,
            preparers: 2,
            seed: Seed(0),
        }
    }
}

/// Why a server cannot be asked in this way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// There is nobody to ask.
    #[error("no server is named; give one with --server URL or in the file of the judge")]
    NoEndpoint,
    /// A number is out of its range.
    #[error("{what} is {found}; it must be from {least} to {most}")]
    Range {
        /// The parameter.
        what: &'static str,
        /// What was given.
        found: String,
        /// The least possible.
        least: &'static str,
        /// The most possible.
        most: &'static str,
    },
    /// Spending is bounded, but prices are not known.
    #[error(
        "spending cannot be bounded to {}: the price is unknown; state it with --price-in and --price-out (units for a \
         million tokens; 0 for a server of your own), or leave --max-cost away",
        .0
    )]
    UnknownPrice(Nanos),
    /// A price is none.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// An address, or what may be sent there.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Connections cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Endpoints ready to be asked.
pub struct Server {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) limits: Vec<EndpointLimits>,
    pub(super) params: ServerParams,
    pub(super) carrier: Carrier,
}

impl Server {
    /// How it is asked.
    #[must_use]
    pub const fn params(&self) -> &ServerParams {
        &self.params
    }

    /// Checks that pictures and clips may be sent to all of its endpoints.
    ///
    /// # Errors
    /// [`EndpointError::Upload`].
    pub fn may_receive_media(&self) -> Result<(), EndpointError> {
        let uploads = &self.params.uploads;
        self.endpoints
            .iter()
            .try_for_each(|endpoint| uploads.check(endpoint))
    }
}

impl ServerParams {
    /// Checks parameters and endpoints, and sets connections up; nothing is sent.
    ///
    /// # Errors
    /// [`ServerError`] says which parameter is impossible, and which flag mends it.
    pub fn check(self, endpoints: Vec<(Endpoint, EndpointLimits)>) -> Result<Server, ServerError> {
        if endpoints.is_empty() {
            return Err(ServerError::NoEndpoint);
        }
        self.prices.map(Prices::check).transpose()?;
        if let Some(bound) = self.max_cost
            && self.prices.is_none()
        {
            return Err(ServerError::UnknownPrice(bound));
        }
        let range = |what, found: f64, least: (f64, &'static str), most: (f64, &'static str)| {
            if (least.0..=most.0).contains(&found) {
                return Ok(());
            }
            let (least, most, found) = (least.1, most.1, found.to_string());
            Err(ServerError::Range {
                what,
                found,
                least,
                most,
            })
        };
        let day = (86_400.0, "86400");
        let client = &self.client;
        range(
            "the time limit in seconds",
            client.time_limit.as_secs_f64(),
            (0.001, "0.001"),
            day,
        )?;
        range(
            "the time limit of connecting in seconds",
            client.connect_limit.as_secs_f64(),
            (0.001, "0.001"),
            day,
        )?;
        range(
            "the longest reply in bytes",
            client.longest_reply as f64,
            (1_024.0, "1024"),
            (67_108_864.0, "67108864"),
        )?;
        range(
            "the number of tries",
            f64::from(self.retry.tries),
            (1.0, "1"),
            (100.0, "100"),
        )?;
        range(
            "the longest pause in seconds",
            self.retry.longest.as_secs_f64(),
            (0.0, "0"),
            day,
        )?;
        range(
            "the patience in seconds",
            self.patience.as_secs_f64(),
            (0.0, "0"),
            day,
        )?;
        range(
            "the time of grace in seconds",
            self.grace.as_secs_f64(),
            (0.0, "0"),
            day,
        )?;
        range(
            "the number of rejected trials in a row",
            f64::from(self.rejected),
            (1.0, "1"),
            (1e4, "10000"),
        )?;
        range(
            "the number of failing trials in a row",
            f64::from(self.failing),
            (1.0, "1"),
            (1e6, "1000000"),
        )?;
        range(
            "the window of trials",
            self.window as f64,
            (1.0, "1"),
            (1_048_576.0, "1048576"),
        )?;
        range(
            "the number of threads",
            self.threads as f64,
            (1.0, "1"),
            (256.0, "256"),
        )?;
        range(
            "the number of preparing threads",
            self.preparers as f64,
            (1.0, "1"),
            (256.0, "256"),
        )?;
        for (_, limits) in &endpoints {
            let pace = limits.pace;
            let most = f64::from(pace.most);
            range(
                "the most requests under way",
                most,
                (1.0, "1"),
                (4_096.0, "4096"),
            )?;
            range(
                "the fewest requests under way",
                f64::from(pace.least),
                (1.0, "1"),
                (most, "the most"),
            )?;
            range(
                "the requests under way at the start",
                f64::from(pace.start),
                (f64::from(pace.least), "the fewest"),
                (most, "the most"),
            )?;
            range(
                "the decrease after an overload",
                pace.decrease,
                (0.1, "0.1"),
                (0.99, "0.99"),
            )?;
            range(
                "the slowing that counts as an overload",
                pace.collapse,
                (1.5, "1.5"),
                (1e6, "1000000"),
            )?;
            for (what, limit) in [
                ("requests a minute", limits.requests_per_minute),
                ("tokens a minute", limits.tokens_per_minute),
            ] {
                range(
                    what,
                    f64::from(limit.unwrap_or(1)),
                    (1.0, "1"),
                    (f64::from(u32::MAX), "4294967295"),
                )?;
            }
        }
        let (endpoints, limits): (Vec<_>, Vec<_>) = endpoints.into_iter().unzip();
        let carrier = Carrier::new(&endpoints, self.client.clone())?;
        Ok(Server {
            endpoints,
            limits,
            params: self,
            carrier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::PaceParams;

    fn check(params: ServerParams, limits: EndpointLimits) -> Result<Server, ServerError> {
        let endpoint = Endpoint::new("http://127.0.0.1:9/v1", false).unwrap();
        params.check(vec![(endpoint, limits)])
    }

    #[test]
    fn impossible_parameters_are_refused_with_what_mends_them() {
        assert!(check(ServerParams::default(), EndpointLimits::default()).is_ok());
        assert!(matches!(
            ServerParams::default().check(Vec::new()),
            Err(ServerError::NoEndpoint)
        ));
        let bounded = ServerParams {
            max_cost: Some(Nanos(5_000_000_000)),
            ..ServerParams::default()
        };
        let error = check(bounded, EndpointLimits::default())
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("5.00") && error.contains("--price-in"),
            "{error}"
        );
        let mut params = ServerParams::default();
        params.retry.tries = 0;
        let error = check(params, EndpointLimits::default())
            .err()
            .unwrap()
            .to_string();
        assert_eq!(error, "the number of tries is 0; it must be from 1 to 100");
        let pace = PaceParams {
            start: 300,
            ..PaceParams::default()
        };
        let limits = EndpointLimits {
            pace,
            ..EndpointLimits::default()
        };
        assert!(check(ServerParams::default(), limits).is_err());
    }
}
