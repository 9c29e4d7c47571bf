"""Which tensor of a GGUF file is which of a decoder's parameters."""

from jdistill.models.formats._changes import (
    Change,
    added,
    interleaved,
    joined,
    transpose,
)
from jdistill.models.formats._gguf_families import FAMILIES, Family, architecture_of
from jdistill.models.formats._rows import Row
from jdistill.models.transformers import DecoderConfig

LAYER = "blk.{layer}."


def rows_of(config: DecoderConfig) -> list[Row]:
    """The table of a decoder, with the rows that its configuration has.

    Args:
        config: of a family that GGUF has an architecture for.

    Example:
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64)
        >>> [row.name for row in rows_of(config)][:3]
        ['token_embd.weight', 'output_norm.weight', 'blk.{layer}.attn_norm.weight']
    """
    family = FAMILIES[architecture_of(config.family)]
    rows = [Row("token_embd.weight", ("embed/embedding",))]
    if config.position_offset is not None:
        rows.append(Row("position_embd.weight", ("position/embedding",)))
    rows += _norm(config, "output_norm", "norm")
    if not config.tied:
        rows.append(Row("output.weight", ("head/kernel",), (transpose,)))
    return rows + _norms(config) + _attention(config, family) + _network(config)


def _norm(config: DecoderConfig, name: str, path: str) -> list[Row]:
    offset = (added(config.norm_offset),) if config.norm_offset else ()
    rows = [Row(f"{name}.weight", (f"{path}/scale",), offset)]
    if config.norm == "layer":
        rows.append(Row(f"{name}.bias", (f"{path}/bias",)))
    return rows


def _norms(config: DecoderConfig) -> list[Row]:
    names = {"attn_norm": "attention_norm", "ffn_norm": "mlp_norm"}
    if config.post_norms:
        names["post_attention_norm"] = "attention_post_norm"
        names["post_ffw_norm"] = "mlp_post_norm"
    if config.qk_norm:
        names["attn_q_norm"] = "attention/query_norm"
        names["attn_k_norm"] = "attention/key_norm"
    return [
        row
        for name, path in names.items()
        for row in _norm(config, LAYER + name, f"layers/{path}")
    ]


def _product(
    name: str, path: str, *, bias: bool, changes: tuple[Change, ...] = ()
) -> list[Row]:
    rows = [Row(f"{LAYER}{name}.weight", (f"{path}/kernel",), (*changes, transpose))]
    if bias:
        rows.append(Row(f"{LAYER}{name}.bias", (f"{path}/bias",), changes))
    return rows


def _attention(config: DecoderConfig, family: Family) -> list[Row]:
    at = "layers/attention/"
    out = _product("attn_output", f"{at}out", bias=config.out_bias)
    if family.fused:
        return _fused(config, at) + out
    rows = []
    for name, part, heads in (
        ("attn_q", "query", config.heads),
        ("attn_k", "key", config.kv_heads),
        ("attn_v", "value", 0),
    ):
        turned = (interleaved(heads),) if family.interleaved and heads else ()
        rows += _product(name, at + part, bias=config.qkv_bias, changes=turned)
    return rows + out


def _fused(config: DecoderConfig, at: str) -> list[Row]:
    query, key = (n * config.head_dim for n in (config.heads, config.kv_heads))
    parts, apart = ("query", "key", "value"), joined(query, key, key)
    kernels, biases = (
        tuple(f"{at}{part}/{leaf}" for part in parts) for leaf in ("kernel", "bias")
    )
    rows = [Row(f"{LAYER}attn_qkv.weight", kernels, (transpose, apart))]
    if config.qkv_bias:
        rows.append(Row(f"{LAYER}attn_qkv.bias", biases, (apart,)))
    return rows


def _network(config: DecoderConfig) -> list[Row]:
    parts = ("up", "gate", "down") if config.gated else ("up", "down")
    return [
        row
        for part in parts
        for row in _product(f"ffn_{part}", f"layers/mlp/{part}", bias=config.mlp_bias)
    ]
