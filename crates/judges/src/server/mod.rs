//! Asking models behind a server: millions of trials over HTTP, none lost, every one accounted for.
//!
//! [`ask`] takes what is asked from a [`Dialogue`](crate::dialogue::Dialogue) and stores answers in a
//! journal. Between the two it decides when a request is sent, where, and how often:
//!
//! - **How many at once** is found out for each endpoint ([`Pace`]): more while replies come, fewer
//!   on 429, 503, time-outs and when latency collapses. Limits per minute are kept by [`Bucket`]s.
//! - **What is tried again**: only what may succeed later ([`RetryParams`]): broken connections, 408,
//!   425, 429, 5xx but 501 and 505, and once a success that is no JSON. `Retry-After` is heeded. When
//!   all tries are spent the trial stays *open*: it is recorded as an attempt and asked again by the
//!   next run. Endpoints that cannot be reached cost no tries: others take over, and one request at
//!   a time finds out whether they are back.
//! - **What settles nothing**: refused keys, unknown models, untrusted certificates and a server that
//!   rejects everything stop the run with one line that says what to do.
//! - **What it costs**: tokens and prices of every answer; a bound on the cost holds because what
//!   requests under way may cost at most is set aside for them.
//! - **What never leaves**: keys ([`Secret`]) are removed from every reply and message before anybody
//!   sees it; pictures and clips go to named hosts only ([`UploadPolicy`]); redirects are not
//!   followed; certificates are verified; proxies must be stated.

pub(crate) mod account;
mod ask;
mod caller;
mod client;
mod endpoint;
mod engine;
pub(crate) mod feed;
mod fleet;
mod gather;
mod keep;
mod pace;
mod params;
mod price;
pub mod probe;
mod retry;
mod secret;
mod verdict;

pub use account::{Asked, Counts, Snapshot, Stop};
pub use ask::{AskError, Work, ask};
pub use caller::Caller;
pub use client::{Carrier, ClientError, ClientParams, Sent};
pub use endpoint::{Endpoint, EndpointError, UploadPolicy};
pub use fleet::{EndpointLimits, EndpointState};
pub use gather::gather;
pub use pace::{Bucket, Pace, PaceParams};
pub use params::{Server, ServerError, ServerParams};
pub use price::{PriceError, Prices};
pub use retry::RetryParams;
pub use secret::{MIN_KEY, REDACTED, Redactor, Secret, SecretError};
pub use verdict::cause_of_status;
pub(crate) use verdict::message;
