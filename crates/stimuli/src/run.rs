//! What a long computation needs from its caller: a place to report progress, and a way to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a long computation reports how far it is.
///
/// Implementations must be cheap: `advance` is called from hot loops, thousands of times a second.
pub trait Progress: Sync {
    /// A stage begins; `total` counts its units where that is known.
    fn begin(&self, stage: &str, total: Option<u64>);
    /// `units` more are done.
    fn advance(&self, units: u64);
    /// Something worth a line in the log.
    fn note(&self, message: &str);
    /// The stage is over.
    fn end(&self);
}

/// Reports nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, _units: u64) {}
    fn note(&self, _message: &str) {}
    fn end(&self) {}
}

/// A request to stop at the next safe point, shared between a signal handler and the work.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks the work to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// The surroundings of a long computation.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Where progress goes.
    pub progress: &'a dyn Progress,
    /// Whether to stop.
    pub interrupt: &'a Interrupt,
}
