//! `emotome compare`

use crate::scratch::{Scratch, has, number};
use std::fs;

#[test]
fn embeddings_are_matched_and_compared_on_the_same_trials() {
    let scratch = Scratch::planted();
    let table = fs::read_to_string(scratch.path("planted/embedding.tsv")).unwrap();
    let swapped: String = table
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            format!("{}\t{}\t{}\t{}\n", cells[0], cells[3], cells[1], cells[2])
        })
        .collect();
    scratch.write("swapped.tsv", swapped);
    let same = scratch.json("compare --embedding planted/embedding.npz --with swapped.tsv");
    assert!(number(&same, "mean_r") > 0.999_99, "{same}");
    assert_eq!(same["matches"].as_array().unwrap().len(), 3);
    assert!(same["scores"].is_null());
    let scored =
        scratch.json("compare --embedding planted/embedding.npz --with swapped.tsv --triplets planted/triplets.npy");
    let difference = &scored["scores"]["difference"];
    has(
        difference,
        &[
            "n",
            "accuracy_difference",
            "accuracy_difference_ci95",
            "nll_difference",
            "nll_difference_ci95",
        ],
    );
    assert!(number(difference, "nll_difference").abs() < 1e-6);
    scratch.write("other.txt", "1 0\n0 1\n1 1\n");
    scratch.refuses(
        "compare --embedding planted/embedding.npz --with other.txt",
        &["24", "3"],
    );
    scratch.write("elsewhere.txt", "30 31 32\n");
    scratch.refuses(
        "compare --triplets planted/triplets.npy --with elsewhere.txt",
        &["share no triplet"],
    );
}

#[test]
fn agents_are_compared_by_key_and_never_by_numbers_of_different_lists() {
    let scratch = Scratch::new();
    scratch.write(
        "first.csv",
        "a,b,c,choice\nowl,cat,dog,1\ncat,dog,bee,3\nyak,cat,dog,1\n",
    );
    // Another order, another first key, and fewer stimuli.
    scratch.write("second.csv", "a,b,c,choice\ndog,owl,cat,2\nbee,cat,dog,2\n");
    let found = scratch.json("compare --triplets first.csv --with second.csv");
    assert_eq!(
        (&found["triplets"], number(&found, "raw")),
        (&2.into(), 0.5)
    );
    scratch.write("numbers.txt", "0 1 2\n1 2 3\n");
    scratch.refuses(
        "compare --triplets first.csv --with numbers.txt",
        &[
            "first.csv names",
            "numbers.txt numbers",
            "numbers.stimuli.txt",
        ],
    );
    scratch.write("list.txt", "cat\ndog\nowl\nbee\n");
    let found =
        scratch.json("compare --triplets first.csv --with numbers.txt --with-stimuli list.txt");
    assert_eq!(
        (&found["triplets"], number(&found, "raw")),
        (&1.into(), 1.0)
    );
    // One key among numbers is a slip, not a table of keys.
    scratch.write("slip.csv", "a,b,c,choice\n0,1,2,1\n0,1,x3,2\n");
    scratch.refuses(
        "compare --triplets slip.csv --with numbers.txt",
        &["slip.csv", "line 3", "x3"],
    );
}
