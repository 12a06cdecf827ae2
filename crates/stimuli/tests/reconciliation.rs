//! The lists of 2,196, 2,185, 2,181 and 2,180 stimuli, against their definition and against real captions.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use emotome_stimuli::captions::Captions;
use emotome_stimuli::ratings::RatingsTable;
use emotome_stimuli::reconciliation::{
    List, ReconciliationError, near_duplicates, presentations, repeats,
};

const LISTS: [(&str, usize); 4] = [
    ("2196", 2196),
    ("2185", 2185),
    ("2181", 2181),
    ("2180-1363", 2180),
];

#[test]
fn the_lists_have_the_length_they_are_called_by() {
    for (name, n) in LISTS {
        let list: List = name.parse().unwrap();
        assert_eq!(list.to_string(), name);
        assert_eq!(list.include().len(), n);
        assert_eq!(list.stimuli().unwrap().len(), n, "keys of {name} repeat");
    }
    let labels: Vec<u32> = presentations().map(|shown| shown.label).collect();
    assert_eq!(labels, (1..=2196).collect::<Vec<_>>());
}

#[test]
fn the_unique_list_keeps_one_label_of_each_pair() {
    let kept: BTreeSet<u32> = List::Unique2181
        .include()
        .iter()
        .map(|shown| shown.label)
        .collect();
    // Horikawa et al. 2020, as published with the analysis code.
    let dropped = [
        1, 4, 5, 6, 7, 8, 11, 859, 866, 1673, 2157, 2187, 2188, 2194, 2195,
    ];
    assert_eq!(
        (1..=2196)
            .filter(|label| !kept.contains(label))
            .collect::<Vec<u32>>(),
        dropped
    );
    assert_eq!(repeats().len(), 15);
    for (a, b) in repeats() {
        assert!(kept.contains(&a) != kept.contains(&b), "({a}, {b})");
    }
    let files: BTreeSet<&str> = List::Unique2181
        .include()
        .iter()
        .map(|shown| shown.file)
        .collect();
    for file in ["0001.mp4", "0011.mp4", "2184.mp4", "0472.mp4"] {
        assert!(files.contains(file), "{file}");
    }
    assert!(!files.contains("0859.mp4") && !files.contains("2157.mp4"));
}

#[test]
fn the_unpublished_list_is_refused_until_its_clip_is_named() {
    let message = "2180".parse::<List>().unwrap_err().to_string();
    assert_eq!(
        message,
        "which clip was dropped from the 2,181 to make 2,180 is not published, and is not guessed here; name its \
         label, as in 2180-780, or use 2181. Near duplicates, by their captions: (780, 1449), (910, 1874), \
         (1157, 1572), (1349, 1363), (1520, 1869)"
    );
    let refused = |text: &str| text.parse::<List>().unwrap_err().to_string();
    assert_eq!(
        refused("2180-859"),
        "label 859 is not among the 2,181 stimuli (it is dropped already as a duplicate); name one that is, to be \
         left out of the 2,180"
    );
    assert!(
        refused("2180-9999")
            .contains("label 9999 is not among the 2,181 stimuli (labels run from 1 to 2196)")
    );
    assert_eq!(
        "2182".parse::<List>(),
        Err(ReconciliationError::UnknownList {
            found: "2182".into()
        })
    );
}

/// Cosine similarity of the captions of labels by TF-IDF of their words.
struct Similarity(Vec<HashMap<u32, f64>>);

impl Similarity {
    fn of(captions: &Captions) -> Self {
        let mut words: HashMap<String, u32> = HashMap::new();
        let mut counts: Vec<HashMap<u32, f64>> = Vec::new();
        for texts in &captions.texts {
            let mut count = HashMap::new();
            let text = texts.join(" ").to_lowercase();
            for word in text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| word.len() > 1)
            {
                let next = words.len() as u32;
                *count
                    .entry(*words.entry(word.to_owned()).or_insert(next))
                    .or_insert(0.0) += 1.0;
            }
            counts.push(count);
        }
        let mut documents = vec![0.0; words.len()];
        counts
            .iter()
            .flat_map(HashMap::keys)
            .for_each(|&word| documents[word as usize] += 1.0);
        let n = counts.len() as f64;
        for count in &mut counts {
            for (&word, weight) in count.iter_mut() {
                *weight = (1.0 + weight.ln())
                    * (1.0 + ((1.0 + n) / (1.0 + documents[word as usize])).ln());
            }
            let norm = count.values().map(|w| w * w).sum::<f64>().sqrt();
            count.values_mut().for_each(|weight| *weight /= norm);
        }
        Self(counts)
    }

    fn between(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (&self.0[a as usize - 1], &self.0[b as usize - 1]);
        a.iter()
            .filter_map(|(word, weight)| Some(weight * b.get(word)?))
            .sum()
    }

    fn nearest(&self, label: u32) -> u32 {
        let others = (1..=self.0.len() as u32).filter(|&other| other != label);
        others
            .max_by(|&a, &b| self.between(label, a).total_cmp(&self.between(label, b)))
            .unwrap()
    }
}

#[test]
fn real_captions_bear_out_every_pair() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.exists() {
        println!("skipped: {} is absent", data.display());
        return;
    }
    let captions = Captions::read(data.join("captions/caption_ck20.csv")).unwrap();
    let labels: Vec<&str> = captions
        .stimuli
        .keys()
        .iter()
        .map(|key| key.as_str())
        .collect();
    assert_eq!(
        labels,
        (1..=2196)
            .map(|label| label.to_string())
            .collect::<Vec<_>>()
    );
    let similarity = Similarity::of(&captions);
    for (earlier, later) in repeats() {
        assert_eq!(
            similarity.nearest(later),
            earlier,
            "nearest to label {later}"
        );
        assert_eq!(
            similarity.nearest(earlier),
            later,
            "nearest to label {earlier}"
        );
    }
    for (a, b) in near_duplicates() {
        assert_eq!(similarity.nearest(b), a);
        assert!(
            similarity.between(a, b) > 0.7,
            "({a}, {b}) {}",
            similarity.between(a, b)
        );
    }

    let ratings = RatingsTable::read_ck2017(data.join("ratings/ck2017_ratings48.csv")).unwrap();
    for (name, n) in LISTS {
        let list: List = name.parse().unwrap();
        let (captioned, left_out) = list.captions(&captions).unwrap();
        assert_eq!((captioned.stimuli.len(), left_out), (n, 2196 - n));
        assert_eq!(captioned.stimuli, list.stimuli().unwrap());
        let rated = list.ratings(&ratings).unwrap();
        assert_eq!(
            rated.stimuli, captioned.stimuli,
            "every stimulus of {name} is rated"
        );
    }
    let shown_again = List::Presented2196.ratings(&ratings).unwrap();
    assert_eq!(shown_again.values.row(2185), ratings.values.row(0));
    // Among the 2,181 the first clip is label 2186, and its captions are those of that label.
    let (unique, _) = List::Unique2181.captions(&captions).unwrap();
    assert_eq!(
        unique.of(unique.stimuli.id("0001.mp4").unwrap()),
        captions.of(captions.stimuli.id("2186").unwrap())
    );
}
