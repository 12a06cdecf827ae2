"""Optional check of smollm2.py against Hugging Face transformers, which reads the same GGUF file.

    python compare_with_transformers.py --model SmolLM2-135M-Instruct.Q4_1.gguf

Needs torch, transformers and accelerate besides what smollm2.py needs.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from readout_smollm2 import SCENES, TEMPLATES, prompt
from smollm2 import SmolLM2, log_softmax
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True, type=Path)
path = parser.parse_args().model
ours = SmolLM2(path)
theirs = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)

worst = 0.0
for template in TEMPLATES:
    for scene in SCENES[::40]:
        text = prompt(template, scene["caption"])
        ids = ours.encode(text)
        assert tokenizer(text)["input_ids"] == ids, f"tokens differ: {text!r}"
        with torch.no_grad():
            expected = theirs(torch.tensor([ids])).logits[0, -1].numpy()
        worst = max(worst, float(np.abs(log_softmax(ours.logits(ids)) - log_softmax(expected)).max()))
print(f"largest difference of a next-token log-probability over {len(TEMPLATES) * len(SCENES[::40])} prompts: {worst:.2e}")
assert worst < 1e-3
print(ours.continue_greedily(prompt(TEMPLATES[0], SCENES[0]["caption"]), 30))
