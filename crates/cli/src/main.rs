//! The `emotome` command line.
fn main() {}
