"""SmolLM2 in numpy: a Llama forward pass in f32 from a GGUF file, and its tokenizer.

Everything that the model computes stands here, so that the recorded log-probabilities can be
made again with numpy, `gguf` (which unpacks the 4-bit weights) and `tokenizers` alone.
"""

from dataclasses import dataclass

import numpy as np
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL_TOKEN = 3  # value of tokenizer.ggml.token_type for tokens such as <|im_start|>


@dataclass(frozen=True)
class Shape:
    """Sizes of the network, read from the GGUF header."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    rope_base: float
    norm_eps: float

    @property
    def head_width(self):
        return self.width // self.heads


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def rotate(x, cos, sin):
    """RoPE on neighbouring pairs (2i, 2i+1): the order in which GGUF stores q and k rows."""
    even, odd = x[..., 0::2], x[..., 1::2]
    out = np.empty_like(x)
    out[..., 0::2] = even * cos - odd * sin
    out[..., 1::2] = even * sin + odd * cos
    return out


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


class SmolLM2:
    """The network and tokenizer of one GGUF file."""

    def __init__(self, path):
        reader = GGUFReader(path)
        field = lambda name: reader.fields[name].contents()
        if field("general.architecture") != "llama" or field("tokenizer.ggml.pre") != "smollm":
            raise SystemExit(f"{path} is no SmolLM2 file: expected architecture llama, pre-tokenizer smollm")
        self.shape = Shape(
            layers=field("llama.block_count"),
            width=field("llama.embedding_length"),
            heads=field("llama.attention.head_count"),
            kv_heads=field("llama.attention.head_count_kv"),
            rope_base=field("llama.rope.freq_base"),
            norm_eps=np.float32(field("llama.attention.layer_norm_rms_epsilon")),
        )
        self.weights = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
        self.tokenizer = self._read_tokenizer(field)
        self.end = field("tokenizer.ggml.eos_token_id")

    @staticmethod
    def _read_tokenizer(field):
        tokens, kinds = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.token_type")
        merges = [tuple(merge.split(" ")) for merge in field("tokenizer.ggml.merges")]
        tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(
            [AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, kinds) if kind == CONTROL_TOKEN]
        )
        return tokenizer

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def logits(self, ids):
        """Next-token logits after the token sequence `ids`, one for each token of the vocabulary."""
        s, w, n = self.shape, self.weights, len(ids)
        half = np.arange(0, s.head_width, 2, dtype=np.float64) / s.head_width
        angle = np.arange(n)[:, None] * s.rope_base**-half
        # Shape n × 1 × head_width/2: the same rotation for each head.
        cos, sin = (f(angle).astype(np.float32)[:, None, :] for f in (np.cos, np.sin))
        future = np.triu(np.full((n, n), -np.inf, np.float32), 1)

        x = w["token_embd.weight"][ids]
        for layer in range(s.layers):
            get = lambda name: w[f"blk.{layer}.{name}.weight"]
            h = rms_norm(x, get("attn_norm"), s.norm_eps)
            q = rotate((h @ get("attn_q").T).reshape(n, s.heads, -1), cos, sin)
            k = rotate((h @ get("attn_k").T).reshape(n, s.kv_heads, -1), cos, sin)
            v = (h @ get("attn_v").T).reshape(n, s.kv_heads, -1)
            # Query heads 0..g share key/value head 0, the next g share head 1, and so on.
            k, v = (np.repeat(a, s.heads // s.kv_heads, axis=1).transpose(1, 0, 2) for a in (k, v))
            score = q.transpose(1, 0, 2) @ k.transpose(0, 2, 1) / np.float32(np.sqrt(s.head_width)) + future
            score = np.exp(score - score.max(axis=-1, keepdims=True))
            mixed = (score / score.sum(axis=-1, keepdims=True)) @ v
            x = x + mixed.transpose(1, 0, 2).reshape(n, s.width) @ get("attn_output").T
            h = rms_norm(x, get("ffn_norm"), s.norm_eps)
            gate = h @ get("ffn_gate").T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ get("ffn_up").T)) @ get("ffn_down").T
        # The output layer is tied to the token embedding.
        return rms_norm(x[-1], w["output_norm.weight"], s.norm_eps) @ w["token_embd.weight"].T

    def continue_greedily(self, text, length):
        ids = self.encode(text)
        start = len(ids)
        while len(ids) < start + length and (token := int(self.logits(ids).argmax())) != self.end:
            ids.append(token)
        return self.tokenizer.decode(ids[start:])
