#![no_main]

#[path = "../src/media.rs"]
mod media;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| media::media(bytes));
