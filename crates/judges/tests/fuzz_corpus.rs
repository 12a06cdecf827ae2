//! Every seed of the fuzzer of replies, whole, cut and damaged, is read without a panic. See
//! `fuzz/README.md`.

#[path = "../../../fuzz/src/replies.rs"]
#[allow(unreachable_pub, reason = "a crate of its own elsewhere")]
mod replies;

use std::fs;
use std::path::Path;

#[test]
fn every_seed_is_read_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/reply");
    let mut seeds = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let bytes = fs::read(path).unwrap();
        replies::reply(&bytes);
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 300) {
            replies::reply(&bytes[..at]);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            replies::reply(&damaged);
        }
        seeds += 1;
    }
    assert!(seeds >= 5);
}
