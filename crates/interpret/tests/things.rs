//! Published embeddings of 1,854 objects: shared and unique dimensions, and communities read against their labels.

use std::path::{Path, PathBuf};

use emotome_interpret::align::cka::cka;
use emotome_interpret::align::procrustes::{ProcrustesParams, procrustes};
use emotome_interpret::align::rsm::{Kernel, Measured, Rsm, RsmParams, compare};
use emotome_interpret::align::transport::{TransportParams, align};
use emotome_interpret::graph::consensus::{ConsensusParams, consensus};
use emotome_interpret::graph::network::{Network, NetworkParams};
use emotome_interpret::graph::null::{NullParams, community_null};
use emotome_interpret::graph::overlap::{Agent, OverlapParams, Status, overlap};
use emotome_interpret::graph::pagerank::{DAMPING, pagerank};
use emotome_interpret::graph::sweep::{SweepParams, sweep};
use emotome_interpret::resampling::Resampling;
use emotome_stats::correlation::cross_correlation;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, ShapeBuilder};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/embeddings");
    if !folder.is_dir() {
        println!("skipped: {} is absent", folder.display());
        return None;
    }
    Some(folder)
}

fn spose(path: &Path) -> Array2<f64> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| {
            line.split_whitespace()
                .map(|x| x.parse::<f64>().unwrap().max(0.0))
                .collect()
        })
        .collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, d)| rows[i][d])
}

/// A float32 array in Fortran order.
fn vice(path: &Path) -> Array2<f64> {
    let bytes = std::fs::read(path).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let values: Vec<f64> = bytes[header..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f64::from(f32::from_le_bytes(*b)))
        .collect();
    Array2::from_shape_vec((1854, 42).f(), values).unwrap()
}

fn embeddings(folder: &Path) -> [(&'static str, Array2<f64>); 3] {
    [
        (
            "SPoSE-66",
            spose(&folder.join("spose_embedding_66d_sorted.txt")),
        ),
        (
            "SPoSE-49",
            spose(&folder.join("spose_embedding_49d_sorted.txt")),
        ),
        ("VICE-42", vice(&folder.join("vice_things.npy"))),
    ]
}

fn labels(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("labels_66.txt")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn with_run<T>(f: impl FnOnce(Run<'_>) -> T) -> T {
    f(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

#[test]
fn dimensions_of_three_embeddings_of_the_same_objects_are_shared_and_unique() {
    let Some(folder) = folder() else { return };
    let (all, labels) = (embeddings(&folder), labels(&folder));
    let agents = all
        .each_ref()
        .map(|(name, values)| Agent::dimensions(*name, values.view()));
    let params = OverlapParams {
        bootstraps: 200,
        permutations: 200,
        ..OverlapParams::default()
    };
    let start = std::time::Instant::now();
    let found = with_run(|run| overlap(&agents, &params, run)).unwrap();
    println!("{:?}", start.elapsed());
    for pair in &found.pairs {
        let [a, b] = pair.agents;
        println!("{} with {}: chance {:?}", all[a].0, all[b].0, pair.critical);
        for side in [0, 1] {
            let counts = [
                Status::Shared,
                Status::Divided,
                Status::Undecided,
                Status::Unique,
            ]
            .map(|s| pair.with(side, s).len());
            println!(
                "  {}: shared, divided, undecided, unique {counts:?}",
                all[pair.agents[side]].0
            );
        }
        for m in &pair.matches {
            let l = m.likeness;
            let name = if a == 0 { &labels[l.clusters[0]] } else { "" };
            println!(
                "  {:2} {:2} {:.2} [{:.2}, {:.2}] p {:?} kept {:.2} {} {name}",
                l.clusters[0] + 1,
                l.clusters[1] + 1,
                l.r,
                l.interval.low,
                l.interval.high,
                l.p,
                m.kept,
                if m.shared { "shared" } else { "" }
            );
        }
        if a == 0 {
            for status in [Status::Divided, Status::Undecided, Status::Unique] {
                println!(
                    "  {status:?}: {:?}",
                    pair.with(0, status)
                        .iter()
                        .map(|&d| &labels[d])
                        .collect::<Vec<_>>()
                );
            }
        }
    }
    for i in &found.intersections {
        println!(
            "{:?}: {} [{}, {}]",
            i.agents, i.count, i.range.low, i.range.high
        );
    }
    println!("conflicts: {:?}", found.conflicts);
    let counts: usize = found
        .intersections
        .iter()
        .map(|i| i.count * i.agents.len())
        .sum();
    assert_eq!(counts, 66 + 49 + 42);
    // The first dimensions of either SPoSE are the same: metal, food, animals, …
    let spose = &found.pairs[0];
    assert!((0..6).all(|d| spose.with(0, Status::Shared).contains(&d)));
    assert!(
        found
            .pairs
            .iter()
            .all(|p| p.with(0, Status::Shared).len() >= 25)
    );
    assert!(
        found
            .groups
            .iter()
            .filter(|g| g.members.iter().all(Option::is_some))
            .count()
            >= 20
    );
}

#[test]
fn communities_of_dimensions_bring_like_labels_together() {
    let Some(folder) = folder() else { return };
    let ([(_, values), ..], labels) = (embeddings(&folder), labels(&folder));
    let network = Network::new(values.view(), NetworkParams::default()).unwrap();
    println!(
        "{} nodes, {} edges, isolated {}",
        network.nodes.len(),
        network.edges.len(),
        network.isolated.len()
    );
    let found =
        with_run(|run| consensus(&network.graph, &ConsensusParams::default(), run)).unwrap();
    let s = &found.stability;
    println!(
        "Q {:.4}, best {:.4}, mean {:.4}, distinct {}, AMI {:.3}, ARI {:.3}, rounds {}",
        found.modularity,
        s.best_modularity,
        s.mean_modularity,
        s.distinct,
        s.agreement.ami,
        s.agreement.ari,
        found.rounds
    );
    let rank = pagerank(&network.graph, DAMPING).unwrap();
    for community in found.partition.members() {
        let mut members: Vec<(f64, &str)> = community
            .iter()
            .map(|&v| (rank[v], &*labels[network.nodes[v]]))
            .collect();
        members.sort_by(|a, b| b.0.total_cmp(&a.0));
        println!("  {members:.3?}");
    }
    let together = |a: &str, b: &str| {
        let node = |label: &str| {
            let column = labels.iter().position(|l| l == label).unwrap();
            let node = network.nodes.iter().position(|&c| c == column);
            node.map(|v| found.partition.labels()[v])
        };
        node(a).is_some() && node(a) == node(b)
    };
    assert!(together("plant-related", "green"));
    assert!(s.agreement.ami > 0.6);
    let params = NullParams {
        permutations: 200,
        ..NullParams::default()
    };
    let null = with_run(|run| community_null(values.view(), &params, run)).unwrap();
    println!("{null:#?}");
    assert!(null.same_threshold.edges.p < 0.01);
}

/// Run with `--ignored --nocapture`.
#[test]
#[ignore = "takes a minute"]
fn three_embeddings_compared_in_every_way() {
    let Some(folder) = folder() else { return };
    let all = embeddings(&folder);
    for point in with_run(|run| sweep(all[0].1.view(), &SweepParams::default(), run)).unwrap() {
        let s = &point.stability;
        println!(
            "{:.2} {:.2}: {} nodes {} edges, {} communities, Q {:.3}, AMI {:.3}",
            point.threshold,
            point.resolution,
            point.nodes.len(),
            point.edges,
            s.best.communities(),
            s.best_modularity,
            s.agreement.ami
        );
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (x, y) = (all[a].1.view(), all[b].1.view());
        println!("{} {}", all[a].0, all[b].0);
        let whole = |values| Measured {
            whole: Rsm::Features {
                values,
                kernel: Kernel::Dot,
            },
            reliability: None,
        };
        let timed = |name: &str, f: &dyn Fn(Run<'_>) -> String| {
            let start = std::time::Instant::now();
            let text = with_run(f);
            println!("  {name} ({:.1} s): {text}", start.elapsed().as_secs_f64());
        };
        timed("rsm", &|run| {
            format!(
                "{:?}",
                compare(&whole(x), &whole(y), &RsmParams::default(), run).unwrap()
            )
        });
        timed("cka", &|run| {
            format!("{:?}", cka(x, y, &Resampling::default(), run).unwrap())
        });
        timed("procrustes", &|run| {
            let f = procrustes(x, y, &ProcrustesParams::default(), run).unwrap();
            format!(
                "disparity {:.3} held out {:.3} {:?} p {:?}",
                f.disparity, f.held_out, f.interval, f.p
            )
        });
        timed("transport of dimensions", &|run| {
            let [c1, c2] = [x, y].map(|v| cross_correlation(v, v).mapv(|r| 1.0 - r));
            let f = align(
                c1.view(),
                c2.view(),
                &TransportParams {
                    shuffles: 9,
                    ..TransportParams::default()
                },
                run,
            )
            .unwrap();
            let r = cross_correlation(x, y);
            let (mut near, mut total) = (0, 0);
            for (d, row) in f.plan.plan.rows().into_iter().enumerate() {
                let largest = |row: ndarray::ArrayView1<'_, f64>| {
                    (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j]))
                };
                total += 1;
                near += usize::from(largest(row) == largest(r.row(d)));
            }
            format!(
                "distance {:.4} p {:?}; {near} of {total} sent to the dimension they correlate with most",
                f.plan.distance, f.p
            )
        });
    }
}
