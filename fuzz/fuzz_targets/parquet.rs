#![no_main]

use std::sync::Once;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The decoder's own panics are caught where it is called; libFuzzer's hook would abort at them.
    // What escapes the target aborts all the same.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    emotome_fuzz::parquet(bytes);
});
