//! Graphs against networkx, igraph, leidenalg and scikit-learn, and on components of known structure.

use emotome_interpret::correlate::Coefficient;
use emotome_interpret::graph::agreement::agreement;
use emotome_interpret::graph::communities::{
    CommunityParams, Method, communities, leiden, louvain, modularity,
};
use emotome_interpret::graph::consensus::{ConsensusParams, consensus, stability};
use emotome_interpret::graph::network::{Network, NetworkParams};
use emotome_interpret::graph::null::{NullParams, community_null};
use emotome_interpret::graph::overlap::{Agent, Cluster, OverlapParams, Status, overlap};
use emotome_interpret::graph::pagerank::{DAMPING, pagerank};
use emotome_interpret::graph::sweep::{SweepParams, sweep};
use emotome_interpret::graph::{Graph, GraphError, Partition};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::{Interrupt, Run, Silent};
use ndarray::{Array2, Axis, concatenate};
use proptest::prelude::*;
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/graph.json")).unwrap()
}

fn with_run<T>(f: impl FnOnce(Run<'_>) -> T) -> T {
    f(Run {
        progress: &Silent,
        interrupt: &Interrupt::default(),
    })
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn partition(value: &Value) -> Partition {
    Partition::new(&serde_json::from_value::<Vec<u32>>(value.clone()).unwrap())
}

fn graph(value: &Value) -> Graph {
    let nodes = value["nodes"].as_u64().unwrap() as usize;
    let edges: Vec<(usize, usize, f64)> = serde_json::from_value(value["edges"].clone()).unwrap();
    Graph::new(nodes, &edges).unwrap()
}

fn neighbours(value: &Value) -> Graph {
    let nodes = value["nodes"].as_u64().unwrap() as usize;
    let mut code = 0;
    let steps: Vec<usize> = serde_json::from_value(value["code_steps"].clone()).unwrap();
    let edge = |step: usize| {
        code += step;
        (code / nodes, code % nodes, 1.0)
    };
    Graph::new(nodes, &steps.into_iter().map(edge).collect::<Vec<_>>()).unwrap()
}

const RESOLUTIONS: [f64; 3] = [0.7, 1.0, 1.8];

#[test]
fn modularity_is_that_of_networkx_and_with_signs_its_formula() {
    let fixture = fixture();
    let graphs = fixture["graphs"].as_object().unwrap().values();
    for value in graphs.chain([&fixture["signed"]]) {
        let expected = numbers(&value["modularity"]);
        for (resolution, expected) in RESOLUTIONS.into_iter().zip(expected) {
            let found =
                modularity(&graph(value), &partition(&value["labels"]), resolution).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}

#[test]
fn pagerank_is_that_of_networkx() {
    for (name, value) in fixture()["graphs"].as_object().unwrap() {
        let found = pagerank(&graph(value), DAMPING).unwrap();
        for (found, expected) in found.iter().zip(numbers(&value["pagerank"])) {
            assert!(
                (found - expected).abs() < 1e-10,
                "{name}: {found} {expected}"
            );
        }
    }
}

#[test]
fn agreement_is_that_of_scikit_learn() {
    for value in fixture()["agreement"].as_array().unwrap() {
        let found = agreement(&partition(&value["a"]), &partition(&value["b"])).unwrap();
        for (found, expected) in [(found.ami, "ami"), (found.ari, "ari")] {
            let expected = value[expected].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-10, "{found} {expected}");
        }
    }
    let one = Partition::new(&[0, 0, 0]);
    let all = Partition::new(&[0, 1, 2]);
    assert_eq!(agreement(&one, &one).unwrap().ami, 1.0);
    let found = agreement(&one, &all).unwrap();
    assert_eq!((found.ami, found.ari), (0.0, 0.0));
}

#[test]
fn the_best_of_twenty_runs_is_no_worse_than_that_of_networkx_and_leidenalg() {
    for (name, value) in fixture()["graphs"].as_object().unwrap() {
        for (resolution, best) in value["best"].as_object().unwrap() {
            let params = CommunityParams {
                resolution: resolution.parse().unwrap(),
                ..CommunityParams::default()
            };
            let found = communities(&graph(value), &params).unwrap().modularity;
            for (peer, theirs) in best.as_object().unwrap() {
                let theirs = theirs.as_f64().unwrap();
                assert!(
                    found >= theirs - 1e-9,
                    "{name} at {resolution}: {found}, {peer} {theirs}"
                );
            }
        }
    }
    let karate = graph(&fixture()["graphs"]["karate"]);
    let best = communities(&karate, &CommunityParams::default()).unwrap();
    assert!((best.modularity - 0.419_789_612_097_304).abs() < 1e-12);
}

#[test]
fn a_large_graph_of_weak_clusters_is_divided_as_well_as_leidenalg_divides_it() {
    let value = &fixture()["neighbours"];
    let graph = neighbours(value);
    for method in [Method::Leiden, Method::Louvain] {
        let params = CommunityParams {
            method,
            ..CommunityParams::default()
        };
        let start = std::time::Instant::now();
        let found = communities(&graph, &params).unwrap().modularity;
        println!(
            "{method:?}: {found} in {:?}; {}",
            start.elapsed(),
            value["best"]
        );
        let peer = match method {
            Method::Leiden => "leidenalg",
            Method::Louvain => "networkx_louvain",
        };
        let theirs = value["best"][peer].as_f64().unwrap();
        assert!(
            found >= theirs - 1e-9,
            "{method:?}: {found} against {theirs}"
        );
    }
}

/// Blocks of components that share a factor, and some that share none.
fn blocks(n: usize, sizes: &[usize], own: usize, noise: f64, seed: u64) -> Array2<f64> {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let mut columns = Vec::new();
    for &size in sizes {
        let factor: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        for _ in 0..size {
            columns.push(factor.iter().map(|f| f + noise * rng.normal()).collect());
        }
    }
    for _ in 0..own {
        columns.push((0..n).map(|_| rng.normal()).collect::<Vec<f64>>());
    }
    Array2::from_shape_fn((n, columns.len()), |(i, d)| columns[d][i])
}

#[test]
fn planted_blocks_are_found_and_lone_and_constant_components_are_named() {
    let mut values = blocks(400, &[4, 5, 3], 2, 1.0, 1);
    values.column_mut(13).fill(0.25);
    for coefficient in [Coefficient::Pearson, Coefficient::Spearman] {
        let params = NetworkParams {
            coefficient,
            ..NetworkParams::default()
        };
        let network = Network::new(values.view(), params).unwrap();
        assert_eq!(
            (&network.isolated[..], &network.constant[..]),
            (&[12][..], &[13][..])
        );
        let found = with_run(|run| {
            let params = ConsensusParams {
                runs: 50,
                ..ConsensusParams::default()
            };
            consensus(&network.graph, &params, run)
        })
        .unwrap();
        assert_eq!(
            found.partition.labels(),
            [1, 1, 1, 1, 0, 0, 0, 0, 0, 2, 2, 2]
        );
        assert!(found.settled && found.stability.agreement.ami == 1.0);
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["together"][0][1], 1.0);
    }
}

#[test]
fn negative_edges_part_what_they_connect() {
    // Two triangles that three edges join: strongly if positive.
    let edges = |sign: f64| {
        let mut edges: Vec<_> = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)]
            .map(|(a, b)| (a, b, 0.3))
            .into();
        edges.extend([(0, 3, sign), (1, 4, sign), (2, 5, sign)]);
        Graph::new(6, &edges).unwrap()
    };
    let params = CommunityParams::default();
    let apart = communities(&edges(-1.0), &params).unwrap().partition;
    assert_eq!(apart.members(), [[0, 1, 2], [3, 4, 5]]);
    let joined = communities(&edges(1.0), &params).unwrap().partition;
    assert_ne!(joined, apart);
    assert!(matches!(
        pagerank(&edges(-1.0), DAMPING),
        Err(GraphError::Edge { a: 0, b: 3, .. })
    ));
}

#[test]
fn a_consensus_says_how_much_its_runs_differ() {
    let karate = graph(&fixture()["graphs"]["karate"]);
    let params = ConsensusParams {
        method: Method::Louvain,
        ..ConsensusParams::default()
    };
    let found = with_run(|run| consensus(&karate, &params, run)).unwrap();
    let s = &found.stability;
    assert!(
        s.distinct > 1 && s.agreement.ami > 0.5 && s.agreement.ami < 1.0,
        "{s:?}"
    );
    assert!(s.mean_modularity < s.best_modularity && found.settled);
    assert!(found.modularity <= s.best_modularity && found.modularity > 0.41);
    assert_eq!(s.communities.iter().map(|c| c.1).sum::<usize>(), 1000);
}

#[test]
fn a_sweep_has_a_point_for_each_threshold_and_resolution() {
    let values = blocks(300, &[5, 5, 5], 3, 1.0, 2);
    let points = with_run(|run| sweep(values.view(), &SweepParams::default(), run)).unwrap();
    assert_eq!(points.len(), 7 * 6);
    let at = |threshold: f64, resolution: f64| {
        points
            .iter()
            .find(|p| p.threshold == threshold && p.resolution == resolution)
            .unwrap()
    };
    assert_eq!(
        at(0.2, 1.0).clusters(),
        [
            (0..5).collect::<Vec<_>>(),
            (5..10).collect(),
            (10..15).collect()
        ]
    );
    assert!(at(0.1, 1.0).edges >= at(0.4, 1.0).edges);
    assert!(points.iter().all(|p| p.stability.agreement.ami > 0.7));
}

#[test]
fn chance_arranges_as_many_edges_less_well_than_planted_blocks() {
    let values = blocks(300, &[6, 6, 6], 0, 1.5, 3);
    let params = NullParams {
        permutations: 99,
        ..NullParams::default()
    };
    let found = with_run(|run| community_null(values.view(), &params, run)).unwrap();
    assert_eq!(found.same_threshold.edges.p, 0.01);
    let null = found.same_edges;
    assert!(
        null.modularity.p == 0.01 && null.edges.null_mean == null.edges.observed,
        "{null:?}"
    );
    assert!(null.modularity.null_range.high < null.modularity.observed);
}

#[test]
fn unrelated_components_have_communities_beyond_chance_as_often_as_the_level_says() {
    let studies = 150;
    let mut found = [0; 2];
    for study in 0..studies {
        let values = blocks(60, &[], 14, 1.0, 1000 + study);
        let params = NullParams {
            permutations: 39,
            seed: study,
            ..NullParams::default()
        };
        let null = with_run(|run| community_null(values.view(), &params, run)).unwrap();
        for (found, null) in found.iter_mut().zip([null.same_threshold, null.same_edges]) {
            *found += usize::from(null.modularity.p <= 0.1);
        }
    }
    // Expected 15 of 150, four deviations either way.
    assert!(
        found.iter().all(|f| (1..=29).contains(f)),
        "{found:?} of {studies}"
    );
}

#[test]
fn shared_divided_and_unique_clusters_are_told_apart() {
    let n = 500;
    let mut rng = CounterRng::new(Seed(5), 0);
    let mut draw = || -> Vec<f64> { (0..n).map(|_| rng.normal()).collect() };
    let (f, g, h, u, v) = (draw(), draw(), draw(), draw(), draw());
    let mut noisy =
        |x: &[f64]| -> Vec<f64> { x.iter().zip(draw()).map(|(x, e)| x + 0.5 * e).collect() };
    let matrix =
        |columns: &[Vec<f64>]| Array2::from_shape_fn((n, columns.len()), |(i, d)| columns[d][i]);
    // The second agent has two of what the first has one of; each has one of its own.
    let a = matrix(&[noisy(&f), noisy(&g), u.clone(), vec![1.0; n]]);
    let b = matrix(&[v.clone(), noisy(&g), noisy(&f), noisy(&f)]);
    let c = matrix(&[noisy(&h), noisy(&g)]);
    let agents = [
        Agent::dimensions("a", a.view()),
        Agent::dimensions("b", b.view()),
        Agent::dimensions("c", c.view()),
    ];
    let found = with_run(|run| overlap(&agents, &OverlapParams::default(), run)).unwrap();
    assert_eq!(
        (&found.agents[0].constant[..], &found.agents[0].unscored[..]),
        (&[3][..], &[3][..])
    );
    let pair = &found.pairs[0];
    assert_eq!(pair.with(0, Status::Shared), [0, 1]);
    assert_eq!(pair.with(0, Status::Unique), [2]);
    assert_eq!(pair.with(1, Status::Divided).len(), 1);
    assert_eq!(pair.with(1, Status::Unique), [0]);
    assert!(
        pair.matches
            .iter()
            .filter(|m| m.shared)
            .all(|m| m.mutual && m.kept > 0.4)
    );
    assert_eq!(found.groups[0].members, [Some(1), Some(1), Some(1)]);
    assert!(found.groups[0].least_r.unwrap() > 0.6 && found.conflicts.is_empty());
    assert_eq!(found.groups[0].status, Status::Shared);
    let count = |agents: &[usize]| {
        let found = found.intersections.iter().find(|i| i.agents == agents);
        found.map_or(0, |i| i.count)
    };
    assert_eq!(
        [
            count(&[0, 1, 2]),
            count(&[0, 1]),
            count(&[0]),
            count(&[1]),
            count(&[2])
        ],
        [1, 1, 1, 2, 1]
    );
    for i in &found.intersections {
        assert!(i.range.contains(i.count as f64), "{i:?}");
        assert_eq!(i.sure + i.divided + i.undecided, i.count);
    }
}

/// n stimuli, two agents of `k` dimensions each, corresponding ones with true correlation r.
fn correlated(n: usize, k: usize, r: f64, seed: u64) -> [Array2<f64>; 2] {
    let mut rng = CounterRng::new(Seed(seed), 0);
    let a = Array2::from_shape_simple_fn((n, k), || rng.normal());
    let b = a.mapv(|x| r * x + (1.0 - r * r).sqrt() * rng.normal());
    [a, b]
}

#[test]
fn counts_of_shared_dimensions_and_their_ranges_follow_one_rule() {
    let mut outside = 0;
    for seed in 0..6 {
        let [a, b] = correlated(300, 12, 0.26, seed);
        let agents = [
            Agent::dimensions("a", a.view()),
            Agent::dimensions("b", b.view()),
        ];
        let params = OverlapParams {
            bootstraps: 300,
            permutations: 300,
            ..OverlapParams::default()
        };
        let found = with_run(|run| overlap(&agents, &params, run)).unwrap();
        let both = &found.intersections[0];
        assert_eq!(both.agents, [0, 1]);
        // The estimates are near the truth, of which few are sure: r lies .06 above the least, its error is .05.
        assert!((7..=12).contains(&both.count), "{both:?}");
        assert!(
            both.sure <= 6 && both.sure + both.undecided == both.count,
            "{both:?}"
        );
        assert!(both.range.high - both.range.low >= 2.0, "{both:?}");
        outside += usize::from(!both.range.contains(both.count as f64));
        for alone in &found.intersections[1..] {
            assert_eq!(alone.sure + alone.divided + alone.undecided, alone.count);
        }
        // What nobody can tell is not called unique.
        let groups = found.groups.iter().filter(|g| g.status == Status::Unique);
        for group in groups {
            let (agent, cluster) = group
                .members
                .iter()
                .enumerate()
                .find_map(|(a, c)| Some((a, (*c)?)))
                .unwrap();
            assert!(
                found.pairs[0]
                    .with(agent, Status::Unique)
                    .contains(&cluster)
            );
        }
    }
    assert_eq!(outside, 0);
}

#[test]
fn dimensions_that_go_against_one_another_are_told_and_not_shared() {
    let [a, mut b] = correlated(200, 3, 0.8, 3);
    b.column_mut(1).mapv_inplace(|x| -x);
    let agents = [
        Agent::dimensions("a", a.view()),
        Agent::dimensions("b", b.view()),
    ];
    let found = with_run(|run| overlap(&agents, &OverlapParams::default(), run)).unwrap();
    let pair = &found.pairs[0];
    assert_eq!(pair.with(0, Status::Shared), [0, 2]);
    assert_eq!(pair.opposites.len(), 1);
    let opposite = pair.opposites[0];
    assert_eq!(opposite.clusters, [1, 1]);
    assert!(
        opposite.r < -0.7 && opposite.p.unwrap() < 0.01,
        "{opposite:?}"
    );
}

#[test]
fn without_permutations_intervals_alone_decide() {
    let [a, b] = correlated(200, 3, 0.8, 4);
    let agents = [
        Agent::dimensions("a", a.view()),
        Agent::dimensions("b", b.view()),
    ];
    let params = OverlapParams {
        permutations: 0,
        ..OverlapParams::default()
    };
    let found = with_run(|run| overlap(&agents, &params, run)).unwrap();
    let pair = &found.pairs[0];
    assert_eq!(pair.critical, None);
    assert!(pair.matches.iter().all(|m| m.likeness.p.is_none()));
    assert_eq!(pair.with(0, Status::Shared), [0, 1, 2]);
}

#[test]
fn clusters_are_scored_by_the_mean_of_their_standardised_components() {
    let values = blocks(200, &[2, 2], 1, 1.0, 8);
    let shown = values.mapv(|x| 3.0 * x + 1.0);
    let own = [vec![0, 1], vec![2, 3]];
    let a = Agent::clusters("a", values.view(), &own);
    let b = Agent::clusters("b", shown.view(), &[vec![3, 2], vec![4]]);
    let found = with_run(|run| overlap(&[a, b], &OverlapParams::default(), run)).unwrap();
    let pair = &found.pairs[0];
    assert!((pair.r[[1, 0]] - 1.0).abs() < 1e-12 && pair.r[[0, 1]].abs() < 0.3);
    let matched = pair.matches.iter().find(|m| m.likeness.clusters == [1, 0]);
    assert!(matched.is_some_and(|m| m.shared && m.kept == 1.0));
}

#[test]
fn no_clusters_of_unrelated_agents_are_shared_more_often_than_the_level_says() {
    let (studies, mut any) = (150, 0);
    for study in 0..studies {
        let [a, b] = [0, 1].map(|agent| blocks(40, &[], 6, 1.0, 2 * study + agent));
        let agents = [
            Agent::dimensions("a", a.view()),
            Agent::dimensions("b", b.view()),
        ];
        let params = OverlapParams {
            least: 0.0,
            alpha: 0.1,
            bootstraps: 40,
            permutations: 99,
            seed: study,
            ..OverlapParams::default()
        };
        let found = with_run(|run| overlap(&agents, &params, run)).unwrap();
        any += usize::from(
            found.pairs[0]
                .matches
                .iter()
                .any(|m| m.likeness.p.unwrap() <= 0.1),
        );
    }
    // Expected about 15 of 150, a little less where the largest r was not matched.
    assert!((3..=29).contains(&any), "{any} of {studies}");
}

#[test]
fn intervals_of_a_match_cover_its_correlation_at_their_level() {
    // r = 1/√2 between a factor and its noisy copy.
    let (studies, mut covered) = (200, 0);
    for study in 0..studies {
        let mut rng = CounterRng::new(Seed(900 + study), 0);
        let a = Array2::from_shape_simple_fn((80, 1), || rng.normal());
        let b = a.mapv(|x| x + rng.normal());
        let agents = [
            Agent::dimensions("a", a.view()),
            Agent::dimensions("b", b.view()),
        ];
        let params = OverlapParams {
            bootstraps: 300,
            permutations: 1,
            level: 0.9,
            seed: study,
            ..OverlapParams::default()
        };
        let found = with_run(|run| overlap(&agents, &params, run)).unwrap();
        let interval = found.pairs[0].matches[0].likeness.interval;
        covered += usize::from(interval.contains(std::f64::consts::FRAC_1_SQRT_2));
    }
    // Expected 180 of 200; percentiles fall a little short.
    assert!((165..=193).contains(&covered), "{covered} of {studies}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let values = blocks(80, &[4, 4], 2, 1.5, 6);
    let other = blocks(80, &[3, 3], 2, 1.5, 7);
    let karate = graph(&fixture()["graphs"]["karate"]);
    let all = || {
        let agents = [
            Agent::dimensions("a", values.view()),
            Agent::dimensions("b", other.view()),
        ];
        let overlap_params = OverlapParams {
            bootstraps: 50,
            permutations: 50,
            ..OverlapParams::default()
        };
        let null_params = NullParams {
            permutations: 20,
            ..NullParams::default()
        };
        let consensus_params = ConsensusParams {
            runs: 64,
            method: Method::Louvain,
            ..ConsensusParams::default()
        };
        with_run(|run| {
            let texts = [
                serde_json::to_string(&overlap(&agents, &overlap_params, run).unwrap()),
                serde_json::to_string(&community_null(values.view(), &null_params, run).unwrap()),
                serde_json::to_string(&consensus(&karate, &consensus_params, run).unwrap()),
                serde_json::to_string(&communities(&karate, &CommunityParams::default()).unwrap()),
            ];
            texts.map(Result::unwrap)
        })
    };
    let on = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(all)
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn bad_input_is_refused_by_name() {
    let values = blocks(30, &[2, 2], 0, 1.0, 9);
    let mut holes = values.clone();
    holes[[3, 1]] = f64::NAN;
    let error = Network::new(holes.view(), NetworkParams::default()).unwrap_err();
    assert!(error.to_string().contains("row 4, column 2"), "{error}");
    let threshold = NetworkParams {
        threshold: -0.1,
        ..NetworkParams::default()
    };
    assert!(matches!(
        Network::new(values.view(), threshold),
        Err(GraphError::Parameter { .. })
    ));
    let undefined = ndarray::array![[1.0, f64::NAN], [f64::NAN, 1.0]];
    assert!(Network::from_correlations(undefined.view(), NetworkParams::default()).is_err());
    for edges in [
        &[(0, 0, 1.0)][..],
        &[(0, 1, f64::NAN)],
        &[(0, 1, 0.0)],
        &[(0, 1, 1.0), (1, 0, 1.0)],
        &[(0, 9, 1.0)],
    ] {
        assert!(
            matches!(Graph::new(3, edges), Err(GraphError::Edge { .. })),
            "{edges:?}"
        );
    }
    let cluster = |members: Vec<usize>| Agent {
        name: "a".into(),
        components: values.view(),
        clusters: vec![Cluster {
            name: "awe".into(),
            members,
        }],
    };
    for members in [vec![], vec![4], vec![1, 1]] {
        let agents = [cluster(members), Agent::dimensions("b", values.view())];
        let error = with_run(|run| overlap(&agents, &OverlapParams::default(), run)).unwrap_err();
        assert!(error.to_string().contains("\"awe\""), "{error}");
    }
    let short = values.select(Axis(0), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let agents = [
        Agent::dimensions("a", values.view()),
        Agent::dimensions("b", short.view()),
    ];
    assert!(matches!(
        with_run(|run| overlap(&agents, &OverlapParams::default(), run)),
        Err(GraphError::Mismatch {
            left: 30,
            right: 11,
            ..
        })
    ));
    let interrupt = Interrupt::default();
    interrupt.request();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let two = [agents[0].clone(), agents[0].clone()];
    assert_eq!(
        overlap(&two, &OverlapParams::default(), run).unwrap_err(),
        GraphError::Interrupted
    );
    assert!(community_null(values.view(), &NullParams::default(), run).is_err());
}

#[test]
fn graphs_without_edges_or_nodes_have_no_communities_to_speak_of() {
    let none = Graph::new(0, &[]).unwrap();
    assert_eq!(
        communities(&none, &CommunityParams::default())
            .unwrap()
            .modularity,
        0.0
    );
    assert!(pagerank(&none, DAMPING).unwrap().is_empty());
    let apart = Graph::new(3, &[]).unwrap();
    let found = with_run(|run| consensus(&apart, &ConsensusParams::default(), run)).unwrap();
    assert_eq!((found.partition.communities(), found.modularity), (3, 0.0));
    assert!(with_run(|run| stability(&none, &ConsensusParams::default(), run)).is_ok());
    assert_eq!(pagerank(&apart, DAMPING).unwrap(), [1.0 / 3.0; 3]);
}

fn random_graph(nodes: usize, edges: &[(usize, usize, f64)]) -> Graph {
    let mut kept: Vec<(usize, usize, f64)> = Vec::new();
    for &(a, b, w) in edges {
        let (a, b) = (a % nodes, b % nodes);
        if a != b
            && w != 0.0
            && !kept
                .iter()
                .any(|e| (e.0.min(e.1), e.0.max(e.1)) == (a.min(b), a.max(b)))
        {
            kept.push((a, b, w));
        }
    }
    Graph::new(nodes, &kept).unwrap()
}

fn connected(graph: &Graph, community: &[usize]) -> bool {
    let mut reached = vec![community[0]];
    let mut at = 0;
    while at < reached.len() {
        for (u, _) in graph.neighbours(reached[at]) {
            if community.contains(&u) && !reached.contains(&u) {
                reached.push(u);
            }
        }
        at += 1;
    }
    reached.len() == community.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn communities_of_leiden_are_connected_and_locally_best(
        nodes in 2_usize..25,
        edges in proptest::collection::vec((0_usize..25, 0_usize..25, 0.05..2.0_f64), 0..60),
        seed: u64,
        resolution in 0.3..2.5_f64,
    ) {
        let graph = random_graph(nodes, &edges);
        let found = leiden(&graph, resolution, 0.01, Seed(seed)).unwrap();
        for community in found.members() {
            prop_assert!(connected(&graph, &community), "{community:?}");
        }
        let quality = modularity(&graph, &found, resolution).unwrap();
        for node in 0..nodes {
            for to in 0..=found.communities() as u32 {
                let mut moved = found.labels().to_vec();
                moved[node] = to;
                let other = modularity(&graph, &Partition::new(&moved), resolution).unwrap();
                prop_assert!(other <= quality + 1e-10, "{other} {quality}");
            }
        }
    }

    #[test]
    fn signed_graphs_end_and_no_pair_of_louvain_communities_should_merge(
        nodes in 2_usize..20,
        edges in proptest::collection::vec((0_usize..20, 0_usize..20, -1.0..1.0_f64), 0..60),
        seed: u64,
    ) {
        let graph = random_graph(nodes, &edges);
        let found = louvain(&graph, 1.0, Seed(seed)).unwrap();
        let quality = modularity(&graph, &found, 1.0).unwrap();
        for a in 0..found.communities() as u32 {
            for b in 0..a {
                let merged: Vec<u32> = found.labels().iter().map(|&l| if l == a { b } else { l }).collect();
                let other = modularity(&graph, &Partition::new(&merged), 1.0).unwrap();
                prop_assert!(other <= quality + 1e-10, "{other} {quality}");
            }
        }
        let again = leiden(&graph, 1.0, 0.01, Seed(seed)).unwrap();
        prop_assert_eq!(again, leiden(&graph, 1.0, 0.01, Seed(seed)).unwrap());
    }

    #[test]
    fn agreement_is_symmetric_and_at_most_one(
        labels in proptest::collection::vec((0_u32..6, 0_u32..4), 1..60),
    ) {
        let (a, b): (Vec<u32>, Vec<u32>) = labels.into_iter().unzip();
        let (a, b) = (Partition::new(&a), Partition::new(&b));
        let (x, y) = (agreement(&a, &b).unwrap(), agreement(&b, &a).unwrap());
        prop_assert!((x.ami - y.ami).abs() < 1e-9 && (x.ari - y.ari).abs() < 1e-12);
        prop_assert!(x.ami <= 1.0 + 1e-9 && x.ari <= 1.0);
    }
}

#[test]
fn a_matrix_beside_itself_is_wholly_shared() {
    let values = blocks(100, &[2, 2], 2, 0.8, 12);
    let both = concatenate![Axis(1), values, values];
    let network = Network::new(
        both.view(),
        NetworkParams {
            threshold: 0.99,
            ..NetworkParams::default()
        },
    )
    .unwrap();
    assert_eq!(network.edges.len(), 6);
    let agents = [
        Agent::dimensions("a", values.view()),
        Agent::dimensions("b", values.view()),
    ];
    let found = with_run(|run| overlap(&agents, &OverlapParams::default(), run)).unwrap();
    assert_eq!(found.intersections.len(), 1);
    assert_eq!(found.intersections[0].count, 6);
}
