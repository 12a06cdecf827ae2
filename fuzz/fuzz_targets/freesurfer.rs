#![no_main]

#[path = "../src/images.rs"]
#[allow(dead_code, unreachable_pub, reason = "one target of several")]
mod images;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| images::freesurfer(bytes));
