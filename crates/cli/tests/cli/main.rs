//! The command line as scripts see it: stable JSON, clear errors, nothing overwritten, real data.

mod batches;
mod brain;
mod collect;
mod compare;
mod evaluate;
mod every_command;
mod export;
mod figures;
mod fit;
mod group;
mod importing;
mod interpret;
mod loopback;
mod models;
mod naming;
mod published;
mod roi;
mod scratch;
mod study;
mod surface;
mod tripletize;
