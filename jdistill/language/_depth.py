"""Networks of fewer layers: which to keep, and what is left."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import kinds
from jdistill.batching import batched
from jdistill.checks import whole, whole_list
from jdistill.models import DecoderConfig, EncoderConfig, EncoderDecoderConfig
from jdistill.typing import Batch, Frozen, Model, Split, Tree

Config = DecoderConfig | EncoderConfig | EncoderDecoderConfig


def keep_layers(
    params: Tree,
    config: Config,
    layers: Sequence[int],
    *,
    source_layers: Sequence[int] | None = None,
) -> tuple[Tree, Any]:
    """A network of some of its layers, in order: decoder, encoder or both in one.

    Args:
        params: those of the whole network.
        config: its sizes.
        layers: numbers of the layers that stay, rising, from 0; of an encoder-decoder
            those of the decoder.
        source_layers: those of the encoder that reads the source, of an
            encoder-decoder; None for all.

    Returns:
        The parameters and the configuration of the smaller network; rotation and
        window stay with their layers.

    Raises:
        ValueError: the numbers do not rise, there is no such layer, or no source.
        TypeError: the configuration is of another network.

    References:
        Sanh et al., DistilBERT, arXiv:1910.01108, for students begun like this.

    Example:
        >>> config = DecoderConfig(vocab=9, dim=4, depth=3, heads=1, kv_heads=1,
        ...                        head_dim=4, mlp_dim=8, max_steps=16,
        ...                        window=(4, 0, 4))
        >>> params = {'layers': {'x': jnp.arange(3)}, 'norm': {}}
        >>> small, less = keep_layers(params, config, [0, 2])
        >>> small['layers']['x'], less.depth, less.window
        (Array([0, 2], dtype=int32), 2, (4, 4))
    """
    if isinstance(config, EncoderDecoderConfig):
        return _both(params, config, layers, source_layers)
    check_config(config)
    kinds.mapping(params=params)
    if "layers" not in params:
        raise ValueError(f"params have no 'layers'; there are {sorted(params)}")
    if source_layers is not None:
        name = type(config).__name__
        raise ValueError(f"source_layers= are an encoder-decoder's, and this is {name}")
    chosen = _chosen("layers", layers, config.depth)
    own: dict[str, Any] = {}
    if isinstance(config, DecoderConfig):
        names = ("theta", "position_factor", "window")
        own = {name: tuple(getattr(config, name)[i] for i in chosen) for name in names}
    small = dataclasses.replace(config, depth=len(chosen), **own)
    return _cut(params, chosen), small


def check_config(config: Any) -> None:
    """Refuses what is no configuration of a network of tokens.

    Args:
        config: of a decoder, an encoder or both in one.

    Raises:
        TypeError: it is something else.

    Example:
        >>> check_config(7)
        Traceback (most recent call last):
        TypeError: config must be a DecoderConfig, an EncoderConfig or an \
EncoderDecoderConfig, got an int
    """
    if not isinstance(config, Config):
        raise TypeError(
            "config must be a DecoderConfig, an EncoderConfig or an "
            f"EncoderDecoderConfig, got {kinds.got(config)}"
        )


def _both(params: Tree, config: EncoderDecoderConfig, layers: Any, source: Any):
    depth = config.decoder_depth or config.depth
    chosen = _chosen("layers", layers, depth)
    source = range(config.depth) if source is None else source
    read = _chosen("source_layers", source, config.depth)
    sides = {"encoder": read, "decoder": chosen}
    small = {name: _cut(params[name], kept) for name, kept in sides.items()}
    less = dataclasses.replace(config, depth=len(read), decoder_depth=len(chosen))
    return {**params, **small}, less


def _chosen(name: str, layers: Sequence[int], depth: int) -> list[int]:
    chosen = whole_list(**{name: layers}, least=0)
    rising = all(a < b for a, b in itertools.pairwise(chosen))
    if not chosen or not rising or not 0 <= chosen[0] <= chosen[-1] < depth:
        raise ValueError(
            f"{name} must be rising numbers from 0 to {depth - 1}, got {chosen}"
        )
    return chosen


def _cut(params: Tree, chosen: Sequence[int]) -> Tree:
    index = np.array(chosen)
    return {**params, "layers": jax.tree.map(lambda x: x[index], params["layers"])}


def spread(depth: int, number: int) -> tuple[int, ...]:
    """Layers at equal distances, the first and the last among them.

    Args:
        depth: layers that there are.
        number: how many to keep.

    Returns:
        Their numbers, rising; for one layer the first.

    Raises:
        ValueError: there are not as many.

    References:
        Gandhi et al., Distil-Whisper, arXiv:2311.00430.

    Example:
        >>> spread(12, 4)
        (0, 4, 7, 11)
    """
    _check_number(depth, number)
    return tuple(round(i) for i in np.linspace(0, depth - 1, number).tolist())


def block_influence(
    model: Model, frozen: Frozen, batches: Iterable[Batch] | Split
) -> np.ndarray:
    r"""How much each layer turns what goes through it.

    .. math:: 1 - E_t \cos(x_{l, t}, x_{l+1, t})

    Args:
        model: with the taps 'embed' `[batch, steps, dim]`, what the first layer reads,
            and 'layers' `[depth, batch, steps, dim]`, what each gives:
            `models.decoder(config, taps=('embed', 'layers'))`.
        frozen: its variables.
        batches: of tokens, or a split; padding is left out.

    Returns:
        `[depth]`, float64; layers of small influence are missed least.

    Raises:
        ValueError: a tap is missing, or there is no token.

    References:
        Men et al., ShortGPT, arXiv:2403.03853.

    Example:
        >>> from jdistill.models import decoder
        >>> config = DecoderConfig(vocab=9, dim=4, depth=3, heads=1, kv_heads=1,
        ...                        head_dim=4, mlp_dim=8, max_steps=16)
        >>> model = decoder(config, taps=('embed', 'layers'))
        >>> batch = {'inputs': jnp.array([[1, 2, 3]])}
        >>> frozen = Frozen(*model.init(jax.random.key(0), batch))
        >>> block_influence(model, frozen, [batch]).shape
        (3,)
    """

    @jax.jit
    def sums(frozen: Frozen, batch: Batch) -> tuple[Any, Any]:
        outputs, _ = model.apply(frozen.params, frozen.state, batch, train=False)
        missing = {"embed", "layers"} - set(outputs.features)
        if missing:
            raise ValueError(f"the model lacks the taps {sorted(missing)}")
        after = outputs.features["layers"].astype(jnp.float32)
        first = outputs.features["embed"].astype(jnp.float32)[None]
        before = jnp.concatenate([first, after[:-1]])
        real = batch.get("token_mask")
        weights = jnp.ones(after.shape[1:3]) if real is None else jnp.asarray(real)
        norms = jnp.linalg.norm(before, axis=-1) * jnp.linalg.norm(after, axis=-1)
        cosine = (before * after).sum(-1) / jnp.maximum(norms, 1e-30)
        turned = jnp.where(weights[None] > 0, 1 - cosine, 0.0)
        return turned.sum((1, 2)), (weights > 0).sum()

    kinds.model(model=model)
    kinds.variables(frozen=frozen)
    total, count = np.zeros(()), 0
    for batch in batched(batches):
        turned, tokens = sums(frozen, batch)
        total, count = total + np.asarray(turned, np.float64), count + int(tokens)
    if not count:
        raise ValueError("the batches have no token to measure influence on")
    return total / count


def most_influential(influence: Any, number: int) -> tuple[int, ...]:
    """The layers of largest influence; of equals the first.

    Args:
        influence: `[depth]`, of `block_influence`.
        number: how many to keep.

    Returns:
        Their numbers, rising.

    Raises:
        ValueError: there are not as many.

    Example:
        >>> most_influential([0.5, 0.1, 0.2, 0.6], 3)
        (0, 2, 3)
    """
    values = np.asarray(influence)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        there = f"{values.dtype}{list(values.shape)}"
        raise ValueError(f"influence must be a number a layer, got {there}")
    _check_number(len(values), number)
    kept = np.argsort(-values, kind="stable")[:number]
    return tuple(sorted(kept.tolist()))


def _check_number(depth: int, number: int) -> None:
    whole(depth=depth, most=2**31)
    whole(number=number, most=depth)
