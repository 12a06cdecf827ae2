//! Every seed of the fuzzers of containers, whole, cut and damaged, is read without a panic and in little memory.
//! See `fuzz/README.md`.

#[path = "../../../fuzz/src/containers.rs"]
#[allow(unreachable_pub, reason = "a crate of its own elsewhere")]
mod containers;

use std::fs;
use std::path::Path;

#[test]
fn every_seed_is_read_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in containers::TARGETS {
        let mut seeds = 0;
        for entry in fs::read_dir(corpus.join(name)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none() {
                continue;
            }
            println!("{}", path.display());
            let bytes = fs::read(path).unwrap();
            target(&bytes);
            // Every byte of what opens the file, some of the rest.
            let opening = bytes.len().min(24);
            let rest = (opening..bytes.len()).step_by(1 + bytes.len() / 70);
            for at in (0..opening).chain(rest) {
                target(&bytes[..at]);
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x55;
                target(&damaged);
            }
            seeds += 1;
        }
        assert!(seeds >= 3, "{name}");
    }
    // Linux tells the most memory that the process ever took.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(peak) = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<u64>().ok()) {
        assert!(peak < 1 << 19, "{peak} KiB of memory taken");
    }
}
