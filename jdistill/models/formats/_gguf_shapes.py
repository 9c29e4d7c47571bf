"""Whether the tensors of a GGUF file are as large as its metadata say."""

from collections.abc import Mapping

from jdistill.models.transformers import DecoderConfig


def check_shapes(config: DecoderConfig, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Holds the sizes of a configuration against tensors, before they mean memory.

    Args:
        config: as the metadata say.
        shapes: of the tensors by name.

    Raises:
        ValueError: a tensor is missing or of another shape.

    Example:
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64)
        >>> check_shapes(config, {'token_embd.weight': (50, 8)})
        Traceback (most recent call last):
        ValueError: 'token_embd.weight' is [50, 8], the metadata say [50, 16]
    """
    for name, shape in _expected(config, shapes).items():
        if name not in shapes:
            raise ValueError(f"the file has no {name!r}")
        if shapes[name] != shape:
            raise ValueError(
                f"{name!r} is {[*shapes[name]]}, the metadata say {[*shape]}"
            )


def _expected(config: DecoderConfig, shapes) -> dict[str, tuple[int, ...]]:
    query, key = (n * config.head_dim for n in (config.heads, config.kv_heads))
    expected = {"token_embd.weight": (config.vocab, config.dim)}
    if config.position_offset is not None:
        rows = config.max_steps + config.position_offset
        expected["position_embd.weight"] = rows, config.dim
    if "blk.0.attn_qkv.weight" in shapes:
        expected["blk.0.attn_qkv.weight"] = query + 2 * key, config.dim
    else:
        expected["blk.0.attn_q.weight"] = query, config.dim
        expected["blk.0.attn_k.weight"] = key, config.dim
    expected["blk.0.ffn_up.weight"] = config.mlp_dim, config.dim
    return expected
