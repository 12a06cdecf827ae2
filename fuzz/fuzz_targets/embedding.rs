#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| emotome_fuzz::embedding(bytes));
