"""How config.json says what differs from layer to layer: rotation and window."""

from collections.abc import Sequence
from typing import Any

from jdistill.models.formats._hf_facts import Facts
from jdistill.models.transformers import DecoderConfig

KINDS = ("full_attention", "sliding_attention")
_LLAMA3 = (
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
)


def rotation(facts: Facts) -> dict[str, Any]:
    """Base and scaling, the same in each layer: `rope_theta` or `rope_parameters`.

    Args:
        facts: of config.json.

    Raises:
        ValueError: a kind of scaling that is not read.
    """
    inner = _rope(facts)
    theta = inner.number("rope_theta", facts.number("rope_theta"))
    return {"theta": theta, **_scaling(inner)}


def said_rotation(config: DecoderConfig) -> dict[str, Any]:
    """The old spelling of `rotation`.

    Args:
        config: whose first layer with rotary positions stands for all.
    """
    turns = [t for t in _each(config.theta) if t] or [10000.0]
    said: dict[str, Any] = {"rope_theta": turns[0], "rope_scaling": None}
    factor = _each(config.position_factor)[0]
    if config.rope_scaling is not None:
        *rest, before = config.rope_scaling
        values = dict(zip(_LLAMA3, [*rest, int(before)], strict=True))
        said["rope_scaling"] = {"rope_type": "llama3", **values}
    elif factor != 1:
        said["rope_scaling"] = {"rope_type": "linear", "factor": factor}
    return said


def two_rotations(facts: Facts, kinds: Sequence[str]) -> dict[str, Any]:
    """Gemma 3's: one base where a layer sees all, one where it has a window.

    Args:
        facts: of config.json.
        kinds: `KINDS` layer by layer.
    """
    new = facts.object("rope_parameters")
    full, near = (new.object(kind) for kind in KINDS)
    if facts.get("rope_scaling") is not None:
        full = facts.object("rope_scaling")
    theta = full.number("rope_theta", facts.number("rope_theta"))
    local = near.number("rope_theta", facts.number("rope_local_base_freq"))
    scaling = _scaling(full)
    if scaling["rope_scaling"] is not None:
        raise ValueError(
            "rope_type 'llama3' is not read where only some layers see all"
        )
    if _scaling(near)["position_factor"] != 1:
        raise ValueError("rope_type must be 'default' where a layer has a window")
    by = {
        KINDS[0]: (theta, scaling["position_factor"]),
        KINDS[1]: (local, 1.0),
    }
    return {
        "theta": tuple(by[kind][0] for kind in kinds),
        "position_factor": tuple(by[kind][1] for kind in kinds),
    }


def said_two_rotations(config: DecoderConfig) -> dict[str, Any]:
    """The old spelling of `two_rotations`.

    Args:
        config: the first layer of either kind stands for its kind.
    """
    given = config.theta, config.position_factor, config.window
    rows = list(zip(*map(_each, given), strict=True))
    full = next(((t, f) for t, f, w in rows if not w), (1e6, 1.0))
    local = next((t for t, _, w in rows if w), 1e4)
    scaled = {"rope_type": "linear", "factor": full[1]} if full[1] != 1 else None
    return {
        "rope_theta": full[0],
        "rope_local_base_freq": local,
        "rope_scaling": scaled,
    }


def windows(facts: Facts, kinds: Sequence[str]) -> dict[str, Any]:
    """The window of each layer whose kind has one.

    Args:
        facts: of config.json; `sliding_window` may be null.
        kinds: `KINDS` layer by layer, where `layer_types` does not say.
    """
    kinds = layer_kinds(facts, kinds)
    size = 0 if facts.get("sliding_window") is None else facts.whole("sliding_window")
    return {"window": tuple(size if kind == KINDS[1] else 0 for kind in kinds)}


def layer_kinds(facts: Facts, kinds: Sequence[str]) -> Sequence[str]:
    """What `layer_types` says, or the family's kinds.

    Args:
        facts: of config.json.
        kinds: where the file says nothing.
    """
    return facts.each("layer_types", len(kinds), KINDS) or kinds


def said_windows(config: DecoderConfig) -> dict[str, Any]:
    """The size, which layers have it, and from which on.

    Args:
        config: the first layer with a window stands for all.
    """
    window = _each(config.window)
    sizes = [w for w in window if w]
    first = window.index(sizes[0]) if sizes else len(window)
    return {
        "sliding_window": sizes[0] if sizes else None,
        "use_sliding_window": bool(sizes),
        "max_window_layers": first,
        "layer_types": [KINDS[bool(w)] for w in window],
    }


def _each(values: Any) -> list[Any]:
    """One value a layer, which a configuration has once it is made."""
    return list(values)


def _rope(facts: Facts) -> Facts:
    new = facts.get("rope_parameters") is not None
    return facts.object("rope_parameters" if new else "rope_scaling")


def _scaling(inner: Facts) -> dict[str, Any]:
    kind = inner.get("rope_type", inner.get("type", "default"))
    if kind == "default":
        return {"position_factor": 1.0, "rope_scaling": None}
    if kind == "linear":
        factor = inner.number("factor")
        return {"position_factor": factor, "rope_scaling": None}
    if kind == "llama3":
        four = tuple(inner.number(key) for key in _LLAMA3)
        return {"position_factor": 1.0, "rope_scaling": four}
    raise ValueError(f"rope_type must be 'default', 'linear' or 'llama3', got {kind!r}")
