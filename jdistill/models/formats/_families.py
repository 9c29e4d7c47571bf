"""The tables of rows of Hugging Face's families, from a decoder's configuration."""

from collections.abc import Callable, Iterator, Mapping

from jdistill.models.formats._changes import Change, joined, transpose, woven
from jdistill.models.formats._rows import Row
from jdistill.models.transformers import DecoderConfig

Rows = Iterator[Row]


def hf_rows(config: DecoderConfig) -> tuple[Row, ...]:
    """Every array of a file of the configuration's family, by Hugging Face's names.

    Args:
        config: sizes and family.

    Example:
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64)
        >>> [row.name for row in hf_rows(config)][:2]
        ['model.embed_tokens.weight', 'model.norm.weight']
    """
    return tuple(TABLES[config.family](config))


def _llama(config: DecoderConfig) -> Rows:
    """Llama's names, which most families took over."""
    yield Row("model.embed_tokens.weight", ("embed/embedding",))
    yield from _norm("model.norm", "norm", bias=False)
    yield from _head(config, "lm_head.weight")
    at, attention, mlp = "model.layers.{layer}", "layers/attention", "layers/mlp"
    for name, short in (("query", "q"), ("key", "k"), ("value", "v")):
        theirs = f"{at}.self_attn.{short}_proj"
        yield from _product(theirs, f"{attention}/{name}", config.qkv_bias)
    yield from _product(f"{at}.self_attn.o_proj", f"{attention}/out", config.out_bias)
    for name in ("gate", "up", "down"):
        yield from _product(f"{at}.mlp.{name}_proj", f"{mlp}/{name}", config.mlp_bias)
    if config.qk_norm:
        yield from _norm(f"{at}.self_attn.q_norm", f"{attention}/query_norm", False)
        yield from _norm(f"{at}.self_attn.k_norm", f"{attention}/key_norm", False)
    # of Gemma the same name is the norm behind attention, not the one before the MLP
    norms = {
        "attention_norm": "input_layernorm",
        "mlp_norm": "post_attention_layernorm",
    }
    if config.post_norms:
        norms |= {
            "attention_post_norm": "post_attention_layernorm",
            "mlp_norm": "pre_feedforward_layernorm",
            "mlp_post_norm": "post_feedforward_layernorm",
        }
    for ours, theirs in norms.items():
        yield from _norm(f"{at}.{theirs}", f"layers/{ours}", bias=False)


def _gpt2(config: DecoderConfig) -> Rows:
    """GPT-2's names; its products are stored `[in, out]`."""
    yield Row("transformer.wte.weight", ("embed/embedding",))
    yield Row("transformer.wpe.weight", ("position/embedding",))
    yield from _norm("transformer.ln_f", "norm")
    yield from _head(config, "lm_head.weight")
    at = "transformer.h.{layer}"
    width = config.heads * config.head_dim
    yield from _fused(f"{at}.attn.c_attn", config.qkv_bias, joined(*[width] * 3))
    yield from _product(
        f"{at}.attn.c_proj", "layers/attention/out", config.out_bias, change=()
    )
    for theirs, ours in (("c_fc", "up"), ("c_proj", "down")):
        path = f"layers/mlp/{ours}"
        yield from _product(f"{at}.mlp.{theirs}", path, config.mlp_bias, change=())
    yield from _norm(f"{at}.ln_1", "layers/attention_norm")
    yield from _norm(f"{at}.ln_2", "layers/mlp_norm")


def _opt(config: DecoderConfig) -> Rows:
    yield Row("model.decoder.embed_tokens.weight", ("embed/embedding",))
    yield Row("model.decoder.embed_positions.weight", ("position/embedding",))
    yield from _norm("model.decoder.final_layer_norm", "norm")
    yield from _head(config, "lm_head.weight")
    at, attention = "model.decoder.layers.{layer}", "layers/attention"
    for name, short in (("query", "q"), ("key", "k"), ("value", "v")):
        theirs = f"{at}.self_attn.{short}_proj"
        yield from _product(theirs, f"{attention}/{name}", config.qkv_bias)
    theirs = f"{at}.self_attn.out_proj"
    yield from _product(theirs, f"{attention}/out", config.out_bias)
    yield from _product(f"{at}.fc1", "layers/mlp/up", config.mlp_bias)
    yield from _product(f"{at}.fc2", "layers/mlp/down", config.mlp_bias)
    yield from _norm(f"{at}.self_attn_layer_norm", "layers/attention_norm")
    yield from _norm(f"{at}.final_layer_norm", "layers/mlp_norm")


def _neox(config: DecoderConfig) -> Rows:
    """GPT-NeoX's names; query, key and value are joined head by head."""
    yield Row("gpt_neox.embed_in.weight", ("embed/embedding",))
    yield from _norm("gpt_neox.final_layer_norm", "norm")
    yield from _head(config, "embed_out.weight")
    at = "gpt_neox.layers.{layer}"
    fused = f"{at}.attention.query_key_value"
    yield from _fused(fused, config.qkv_bias, woven(config.heads, 3), (transpose,))
    theirs = f"{at}.attention.dense"
    yield from _product(theirs, "layers/attention/out", config.out_bias)
    for theirs, ours in (("dense_h_to_4h", "up"), ("dense_4h_to_h", "down")):
        path = f"layers/mlp/{ours}"
        yield from _product(f"{at}.mlp.{theirs}", path, config.mlp_bias)
    yield from _norm(f"{at}.input_layernorm", "layers/attention_norm")
    yield from _norm(f"{at}.post_attention_layernorm", "layers/mlp_norm")


TABLES: Mapping[str, Callable[[DecoderConfig], Rows]] = {
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "qwen3", "smollm3", "gemma2", "gemma3"), _llama
    ),
    "gpt2": _gpt2,
    "opt": _opt,
    "neox": _neox,
}
"""The table by family."""


def _product(
    theirs: str, ours: str, bias: bool, change: tuple[Change, ...] = (transpose,)
) -> Rows:
    yield Row(f"{theirs}.weight", (f"{ours}/kernel",), change)
    if bias:
        yield Row(f"{theirs}.bias", (f"{ours}/bias",))


def _fused(
    theirs: str, bias: bool, split: Change, change: tuple[Change, ...] = ()
) -> Rows:
    """Query, key and value in one product."""
    ours = [f"layers/attention/{name}" for name in ("query", "key", "value")]
    kernels = tuple(f"{path}/kernel" for path in ours)
    yield Row(f"{theirs}.weight", kernels, (*change, split))
    if bias:
        yield Row(f"{theirs}.bias", tuple(f"{path}/bias" for path in ours), (split,))


def _norm(theirs: str, ours: str, bias: bool = True) -> Rows:
    yield Row(f"{theirs}.weight", (f"{ours}/scale",))
    if bias:
        yield Row(f"{theirs}.bias", (f"{ours}/bias",))


def _head(config: DecoderConfig, theirs: str) -> Rows:
    if not config.tied:
        yield Row(theirs, ("head/kernel",), (transpose,))
