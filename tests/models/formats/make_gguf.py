"""Makes the golden GGUF files: `python make_gguf.py FOLDER`.

Needs torch, transformers and, on the path, `conversion` and `gguf-py` of llama.cpp; the
tests need none of them. Each file is what llama.cpp's own converter makes of a tiny
random network; the `.npz` beside it holds tokens and the logits of transformers in
float32.
"""

import json
import pathlib
import sys
import tempfile

import numpy as np

SIZES = dict(
    vocab_size=48,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    attn_implementation="eager",
)
GEMMA = SIZES | dict(head_dim=8, query_pre_attn_scalar=8, sliding_window=4)
GPT = dict(vocab_size=48, n_embd=16, n_layer=2, n_head=4, n_positions=32)
NEOX = {k: v for k, v in SIZES.items() if k != "num_key_value_heads"}
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=5e5,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=8192,
)
ROPES = dict(
    full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
    sliding_attention=dict(rope_type="default", rope_theta=1e4),
)


def cases():
    """Configurations and how their matrices are stored, by the names of the files."""
    import transformers as t

    tied = SIZES | dict(tie_word_embeddings=True)
    yield "llama", t.LlamaConfig(**tied), "F32"
    whole = SIZES | dict(hidden_size=32, intermediate_size=64)
    yield "llama_q8", t.LlamaConfig(**whole), "Q8_0"
    llama3 = dict(attention_bias=True, head_dim=8, rope_parameters=LLAMA3)
    yield "llama3", t.LlamaConfig(**SIZES, **llama3), "F32"
    yield "mistral", t.MistralConfig(**SIZES, sliding_window=None), "BF16"
    four = tied | dict(num_hidden_layers=4, pad_token_id=0)
    yield "smollm3", t.SmolLM3Config(**four), "F32"
    yield "qwen2", t.Qwen2Config(**tied), "F16"
    yield "qwen3", t.Qwen3Config(**SIZES, head_dim=8), "F32"
    yield "gemma", t.GemmaConfig(**SIZES, head_dim=8), "F32"
    caps = dict(attn_logit_softcapping=2.0, final_logit_softcapping=3.0)
    yield "gemma2", t.Gemma2Config(**GEMMA, **caps), "F32"
    six = GEMMA | dict(num_hidden_layers=6)
    yield "gemma3", t.Gemma3TextConfig(**six, rope_parameters=ROPES), "F32"
    yield "gpt2", t.GPT2Config(**GPT, attn_implementation="eager"), "F32"
    yield "gptneox", t.GPTNeoXConfig(**NEOX, rotary_pct=0.5), "F32"


def enlarge(model, kind):
    """Weights, norms and biases that all matter, and that a kind of blocks can hold."""
    import gguf
    import torch

    kind = gguf.GGMLQuantizationType[kind]
    deep = model.config.num_hidden_layers > 4
    with torch.no_grad():
        for name, x in model.named_parameters():
            std = (0.1 if deep else 0.2) if x.ndim == 2 else 0.5
            x.copy_(torch.randn_like(x) * std + (x.ndim == 1 and "norm" in name))
            if x.ndim == 2:
                held = gguf.quants.quantize(x.numpy(), kind)
                x.copy_(torch.tensor(gguf.quants.dequantize(held, kind)))


def convert(folder, file, kind):
    """What llama.cpp's converter writes, without a tokenizer."""
    import gguf
    from conversion import get_model_class
    from conversion.base import ModelBase

    hparams = ModelBase.load_hparams(folder, False)
    kinds = {
        "F32": gguf.LlamaFileType.ALL_F32,
        "F16": gguf.LlamaFileType.MOSTLY_F16,
        "BF16": gguf.LlamaFileType.MOSTLY_BF16,
        "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
    }
    made = get_model_class(hparams["architectures"][0])(folder, kinds[kind], file)
    # older spellings, which the converter reads
    made.hparams = {"n_ctx": 32, "rotary_pct": 0.5} | made.hparams
    made.set_vocab = lambda: made.gguf_writer.add_tokenizer_model("none")
    made.write()


def make(config, file, kind, steps=14):
    """One file, and the largest logit."""
    import torch
    import transformers as t

    torch.manual_seed(0)
    model = t.AutoModelForCausalLM.from_config(config).eval().float()
    enlarge(model, kind)
    with tempfile.TemporaryDirectory() as name:
        name = pathlib.Path(name) / "tiny"
        model.save_pretrained(name)
        vocab = {str(i): i for i in range(48)}
        words = json.dumps({"model": {"vocab": vocab}, "added_tokens": []})
        (name / "tokenizer.json").write_text(words)
        convert(name, file, kind)
    tokens = np.random.default_rng(0).integers(3, 48, (2, steps))
    with torch.no_grad():
        logits = model(torch.tensor(tokens)).logits.numpy()
    stored = dict(tokens=tokens.astype(np.int32), logits=logits)
    np.savez(file.with_suffix(".npz"), **stored)
    return float(np.abs(logits).max())


def main():
    """All files."""
    root = pathlib.Path(sys.argv[1])
    for name, config, kind in cases():
        size = make(config, root / f"{name}.gguf", kind)
        sys.stdout.write(f"{name} {size}\n")


if __name__ == "__main__":
    main()
