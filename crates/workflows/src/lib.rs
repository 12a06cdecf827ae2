//! Whole tasks, from files to files.
//!
//! Each module is one task: a request with all its parameters in, files with provenance written, a
//! summary that serialises to the stable JSON of the command line out. The command line, Python
//! and the web only fill in requests and show summaries.

pub mod analysis;
pub mod ask;
pub mod brain;
pub mod choices;
pub mod collect;
pub mod compare;
pub mod demo;
pub mod design;
pub mod emotion2025;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod figure;
pub mod fit;
pub mod import;
pub mod interpret;
pub mod journal;
pub mod map;
pub mod memory;
pub mod name;
pub mod plan;
pub mod publish;
pub mod qc;
pub mod replies;
pub mod report;
pub mod rsa;
pub mod rule;
pub mod simulate;
pub mod story;
pub mod study;
pub mod tripletize;
pub mod write;

pub use error::WorkflowError;
