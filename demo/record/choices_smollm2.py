#!/usr/bin/env python3
"""Works out odd-one-out choices from the stored readout of SmolLM2-135M-Instruct.

    python choices_smollm2.py choices     # a seeded design and its choices, seconds
    python choices_smollm2.py agreement   # the choices against the author's table, with a permutation null

The agent sees three scenes through one prompt template and calls odd the one outside the most
similar pair. Similarity is the cosine of readout rows after two centrings that are part of the
agent: by row (how much the model wants to name any emotion at all) and by column (how much it likes
a word whatever the scene). Needs numpy, pandas and pyarrow; the versions used stand in the sidecars.
"""

import argparse
import itertools

import numpy as np
import pyarrow
import pyarrow.parquet
from readout_smollm2 import DEMO, READOUT, SCENES, TEMPLATES, provenance, table, write_json

SCRIPTS = ["choices_smollm2.py", "readout_smollm2.py", "templates.json"]
CHOICES = DEMO / "smollm2_choices.parquet"
SEED = 20170905
MAIN_TRIALS, CEILING_TRIPLES, CEILING_REPEATS = 60_000, 500, 10
FULL_SET = {"category": 20, "blend": 2, "neutral": 2}


def similarities(logprob, centred=("row", "column")):
    """Cosine of readout rows after centring, one scene x scene matrix for each template."""
    x = logprob.astype(np.float64)
    for what in centred:
        x = x - x.mean(axis={"row": 2, "column": 1}[what], keepdims=True)
    x = x / np.linalg.norm(x, axis=2, keepdims=True)
    return x @ x.transpose(0, 2, 1)


def odd_places(similarity, triplets):
    """Place (0, 1, 2) of the scene outside the most similar pair; `similarity` is one matrix per trial's template."""
    a, b, c = triplets.T
    return np.argmax(np.stack([similarity(b, c), similarity(a, c), similarity(a, b)]), axis=0)


def design():
    """Unordered triplets of the three splits; no triplet belongs to two of them."""
    rng = np.random.Generator(np.random.Philox(SEED))
    rows = {kind: [i for i, s in enumerate(SCENES) if s["kind"] == kind] for kind in FULL_SET}
    emotions = table(DEMO / "author_emotions.tsv")
    meant = [next((name for name, value in row.items() if value == "1"), None) for row in emotions]
    full_set = []
    for kind, wanted in FULL_SET.items():
        taken = set()
        for i in rng.permutation(rows[kind]):
            # No emotion twice among the scenes of one emotion: the 24 should differ.
            if len(taken) < wanted and (kind != "category" or meant[i] not in {meant[j] for j in taken}):
                taken.add(int(i))
        full_set += sorted(taken)
    full_set = sorted(full_set)
    full = np.array(list(itertools.combinations(full_set, 3)))
    everything = np.array(list(itertools.combinations(range(len(SCENES)), 3)))
    others = everything[~np.isin(everything, full_set).all(axis=1)]
    drawn = others[rng.choice(len(others), CEILING_TRIPLES + MAIN_TRIALS, replace=False)]
    ceiling = np.repeat(drawn[:CEILING_TRIPLES], CEILING_REPEATS, axis=0)
    arms = {"train": drawn[CEILING_TRIPLES:], "ceiling": ceiling, "fullset": full}
    triplets = np.concatenate(list(arms.values()))
    return {
        "full_set": full_set,
        "split": np.repeat(list(arms), [len(rows) for rows in arms.values()]),
        "triplets": rng.permuted(triplets, axis=1),
        "template": rng.integers(len(TEMPLATES), size=len(triplets)),
    }


def choices():
    plan = design()
    sims, template = similarities(np.load(READOUT)), plan["template"]
    odd = odd_places(lambda i, j: sims[template, i, j], plan["triplets"])
    first, second, third = plan["triplets"].astype(np.int32).T
    pyarrow.parquet.write_table(
        pyarrow.table({
            "a": first, "b": second, "c": third, "choice": odd.astype(np.int32),
            "template": template.astype(np.int32), "split": plan["split"],
        }),
        CHOICES, compression="zstd", compression_level=19,
    )
    write_json(CHOICES.with_suffix(".json"), {
        "Description": "Odd-one-out choices of SmolLM2-135M-Instruct, worked out from its stored readout.",
        "License": "CC0-1.0",
        "Rule": "the scene outside the pair with the highest cosine of readout rows (centred by row, then by column) under the trial's template",
        "Seed": SEED,
        "Trials": {split: int((plan["split"] == split).sum()) for split in ("train", "ceiling", "fullset")},
        "Full set": [SCENES[i]["key"] for i in plan["full_set"]],
        "a": "row of scenes.tsv, counted from 0, of the scene shown first",
        "b": "as a, shown second",
        "c": "as a, shown third",
        "choice": "place of the odd one out: 0 first, 1 second, 2 third",
        "template": {str(i): t["name"] for i, t in enumerate(TEMPLATES)},
        "split": {
            "train": "triplets drawn without replacement from all that are in no other split",
            "ceiling": f"{CEILING_TRIPLES} triplets, {CEILING_REPEATS} times each, template and order drawn anew each time",
            "fullset": "all triplets of the 24 scenes of the full set, once each",
        },
        "Notes": [
            "The rule looks at each scene alone, so order cannot matter and repeats differ by template only.",
            "The splits share no unordered triplet.",
        ],
        **provenance(SCRIPTS, [DEMO / "scenes.tsv", DEMO / "author_emotions.tsv", READOUT], ["numpy", "pyarrow"]),
    })


def agreement(permutations=1000):
    """Share of training trials whose odd one out is the one implied by the author's table."""
    trials = pyarrow.parquet.read_table(CHOICES).to_pandas()
    main = trials[trials.split == "train"]
    triplets, odd = main[["a", "b", "c"]].to_numpy(), main.choice.to_numpy()
    logprob, template = np.load(READOUT), main.template.to_numpy()
    rows = [list(row.values())[1:] for row in table(DEMO / "author_emotions.tsv")]
    values = np.array(rows, float)
    emotions, affect = values[:, :-2], values[:, -2:]
    affect = (affect - affect.mean(axis=0)) / affect.std(axis=0)
    distance = lambda x: ((x[:, None] - x[None]) ** 2).sum(axis=2)
    readings = {
        "34 emotions (dot product)": emotions @ emotions.T,
        "valence and arousal (-distance)": -distance(affect),
        "valence alone": -distance(affect[:, :1]),
        "34 emotions, then valence and arousal": emotions @ emotions.T - 1e-3 * distance(affect),
    }
    rng = np.random.Generator(np.random.Philox(SEED + 1))
    shuffles = [rng.permutation(len(SCENES)) for _ in range(permutations)]
    report = {}
    for name, similarity in readings.items():
        def score(order, odd=odd, among=True):
            a, b, c = order[triplets].T
            pairs = np.stack([similarity[b, c], similarity[a, c], similarity[a, b]])
            best = np.isclose(pairs, pairs.max(axis=0), rtol=0, atol=1e-12)
            clear = (best.sum(axis=0) == 1) & among
            hit = best[odd, np.arange(len(odd))] & clear
            return hit.sum() / clear.sum(), int(clear.sum())
        unshuffled = np.arange(len(SCENES))
        share, n = score(unshuffled)
        null = np.array([score(order)[0] for order in shuffles])
        report[name] = {
            "agreement": round(float(share), 4), "trials with a clear odd one out": n, "chance": round(1 / 3, 4),
            "null mean": round(float(null.mean()), 4), "null 97.5 %": round(float(np.quantile(null, 0.975)), 4),
            "p": (1 + int((null >= share).sum())) / (1 + permutations),
            "agreement by template": {
                t["name"]: round(float(score(unshuffled, among=template == i)[0]), 4)
                for i, t in enumerate(TEMPLATES)
            },
            "agreement under other centrings": {},
        }
        for centred in [(), ("column",), ("row",)]:
            sims = similarities(logprob, centred)
            other, _ = score(unshuffled, odd_places(lambda i, j: sims[template, i, j], triplets))
            report[name]["agreement under other centrings"][" and ".join(centred) or "none"] = round(float(other), 4)
        print(f"{name}: {share:.1%} of {n} trials, null {null.mean():.1%} (97.5 %: {np.quantile(null, .975):.1%}), p = {report[name]['p']:.4f}")
    write_json(DEMO / "smollm2_agreement.json", {
        "Description": "Share of the training choices that name the odd one out implied by the author's table. The null permutes scenes.",
        "Permutations": permutations, "Readings of the author's table": report,
        **provenance(SCRIPTS, [CHOICES, READOUT, DEMO / "author_emotions.tsv"], ["numpy"]),
    })


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["choices", "agreement"])
    choices() if parser.parse_args().mode == "choices" else agreement()
