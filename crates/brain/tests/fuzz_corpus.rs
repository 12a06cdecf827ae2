//! Every seed of the fuzzers of stores and regions, whole, cut and damaged, is read without a panic. See
//! `fuzz/README.md`.

#[path = "../../../fuzz/src/brains.rs"]
#[allow(unreachable_pub, reason = "a crate of its own elsewhere")]
mod brains;

use std::fs;
use std::path::Path;

#[test]
fn every_seed_is_read_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in brains::TARGETS {
        let mut seeds = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none() {
                continue;
            }
            println!("{}", path.display());
            let bytes = fs::read(path).unwrap();
            target(&bytes);
            for at in (0..bytes.len()).step_by(1 + bytes.len() / 60) {
                target(&bytes[..at]);
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x55;
                target(&damaged);
            }
            seeds += 1;
        }
        assert!(seeds >= 3, "{name}");
    }
}
