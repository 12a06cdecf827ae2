#![no_main]

#[path = "../src/brains.rs"]
#[allow(dead_code, reason = "one target of several")]
mod brains;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brains::store(bytes));
