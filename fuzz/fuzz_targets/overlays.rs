#![no_main]

#[path = "../src/containers.rs"]
#[allow(dead_code, reason = "one target of several")]
mod containers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| containers::overlays(bytes));
