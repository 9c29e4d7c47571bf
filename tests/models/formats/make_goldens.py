"""Makes the golden folders with transformers, and reads with it what was written.

    python make_goldens.py make GOLDENS
    python make_goldens.py check WRITTEN GOLDENS

Needs torch and transformers, which the tests do not. Each folder holds what
`save_pretrained` writes of a tiny random network, and `golden.npz` with tokens and the
logits of those tokens in float32. The weights are large enough that every part shows.
"""

import json
import pathlib
import shutil
import sys

import numpy as np

SIZES = dict(
    vocab_size=61,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    attn_implementation="eager",
)
GEMMA = SIZES | dict(head_dim=6, query_pre_attn_scalar=5, sliding_window=4)
GPT = dict(vocab_size=61, n_embd=16, n_layer=2, n_head=4, n_positions=32)
OPT = dict(
    vocab_size=61,
    hidden_size=16,
    ffn_dim=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=30,
    word_embed_proj_dim=16,
)
NEOX = {k: v for k, v in SIZES.items() if k != "num_key_value_heads"}
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=500.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=16,
)
GEMMA3_ROPE = dict(
    full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e5),
    sliding_attention=dict(rope_type="default", rope_theta=100.0),
)


def cases():
    """Configurations by the names of their folders."""
    import transformers as t

    yield "llama", t.LlamaConfig(**SIZES, tie_word_embeddings=True)
    yield (
        "llama_biased",
        t.LlamaConfig(
            **SIZES,
            attention_bias=True,
            mlp_bias=True,
            head_dim=6,
            rope_parameters=LLAMA3,
        ),
    )
    linear = dict(rope_type="linear", factor=4.0, rope_theta=1e4)
    yield "llama_linear", t.LlamaConfig(**SIZES, rope_parameters=linear)
    yield "smollm3", t.SmolLM3Config(**SIZES, no_rope_layer_interval=2, pad_token_id=0)
    yield "mistral", t.MistralConfig(**SIZES, head_dim=6, sliding_window=5)
    yield "mistral_unbounded", t.MistralConfig(**SIZES, sliding_window=None)
    yield "qwen2", t.Qwen2Config(**SIZES)
    yield (
        "qwen2_windows",
        t.Qwen2Config(
            **SIZES,
            use_sliding_window=True,
            sliding_window=4,
            max_window_layers=1,
            tie_word_embeddings=True,
        ),
    )
    yield "qwen3", t.Qwen3Config(**SIZES, head_dim=6)
    yield "qwen3_biased", t.Qwen3Config(**SIZES, head_dim=6, attention_bias=True)
    yield (
        "gemma2",
        t.Gemma2Config(
            **GEMMA, attn_logit_softcapping=2.0, final_logit_softcapping=3.0
        ),
    )
    six = GEMMA | dict(num_hidden_layers=7)
    yield "gemma3", t.Gemma3TextConfig(**six, rope_parameters=GEMMA3_ROPE)
    yield "gpt2", t.GPT2Config(**GPT, attn_implementation="eager")
    yield (
        "gpt2_unscaled",
        t.GPT2Config(
            **GPT,
            n_inner=20,
            scale_attn_weights=False,
            activation_function="relu",
            tie_word_embeddings=False,
        ),
    )
    yield "opt", t.OPTConfig(**OPT)
    yield "opt_plain", t.OPTConfig(**OPT, enable_bias=False)
    yield "neox", t.GPTNeoXConfig(**NEOX, rotary_pct=0.5)
    yield (
        "neox_in_turn",
        t.GPTNeoXConfig(
            **NEOX, rotary_pct=1.0, use_parallel_residual=False, attention_bias=False
        ),
    )


def enlarge(model):
    """Weights, norms and biases that all matter, and no more than float32 bears."""
    import torch

    layers = model.config.num_hidden_layers
    layers += getattr(model.config, "num_decoder_layers", 0)
    with torch.no_grad():
        for name, x in model.named_parameters():
            std = (0.2 if layers > 3 else 0.3) if x.ndim == 2 else 0.5
            x.copy_(torch.randn_like(x) * std + (x.ndim == 1 and "norm" in name))


def make(config, folder, steps=14):
    """One folder, and the largest logit."""
    import torch
    import transformers as t

    torch.manual_seed(0)
    model = t.AutoModelForCausalLM.from_config(config).eval().float()
    enlarge(model)
    model.save_pretrained(folder)
    tokens = np.random.default_rng(0).integers(3, 61, (2, steps))
    with torch.no_grad():
        logits = model(torch.tensor(tokens)).logits.numpy()
    np.savez(folder / "golden.npz", tokens=tokens.astype(np.int32), logits=logits)
    return float(np.abs(logits).max())


def nest(folder, whole):
    """The text part of a network that also sees, as the hub names it."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder, whole)
    said = json.loads((folder / "config.json").read_text())
    nested = {"model_type": "gemma3", "text_config": said}
    (whole / "config.json").write_text(json.dumps(nested))
    arrays = load_file(folder / "model.safetensors")
    named = {f"language_model.{name}": x for name, x in arrays.items()}
    named["vision_tower.patch.weight"] = np.zeros((2, 2), np.float32)
    save_file(named, whole / "model.safetensors", metadata={"format": "pt"})


def check(written, goldens):
    """How far logits are that transformers computes of folders of the same names."""
    import torch
    import transformers as t

    for folder in sorted(written.iterdir()):
        stored = np.load(goldens / folder.name / "golden.npz")
        model, found = t.AutoModelForCausalLM.from_pretrained(
            folder, output_loading_info=True, dtype=torch.float32
        )
        with torch.no_grad():
            logits = model.eval()(torch.tensor(stored["tokens"]).long()).logits.numpy()
        apart = np.abs(logits - stored["logits"]).max() / np.abs(stored["logits"]).max()
        faults = {kind: names for kind, names in found.items() if names}
        sys.stdout.write(f"{folder.name} {type(model).__name__} {apart:.1e} {faults}\n")


def main():
    """All folders."""
    command, *roots = sys.argv[1:]
    if command == "check":
        check(*map(pathlib.Path, roots))
        return
    root = pathlib.Path(roots[0])
    for name, config in cases():
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.write(f"{name} {make(config, folder)}\n")
        (folder / "generation_config.json").unlink(missing_ok=True)
    shutil.rmtree(root / "gemma3_nested", ignore_errors=True)
    nest(root / "gemma3", root / "gemma3_nested")


if __name__ == "__main__":
    main()
