"""What a compressed parameter is made of: codes and scales, never derived again.

The forms nest: `Sparse(mask, Quantized(...))` is a pruned and quantised weight. What
is inside a `Sparse` has the full shape; its entries outside the mask do not matter.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Integer, Shaped

from jdistill import kinds, ops, tree
from jdistill.mends import mend
from jdistill.typing import Tree


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Dense:
    """An array as it is.

    Example:
        >>> decode(Dense(jnp.ones(2)))
        Array([1., 1.], dtype=float32)
    """

    array: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Sparse:
    """`values` where `mask` is True, 0 elsewhere.

    Example:
        >>> decode(Sparse(jnp.array([True, False]), Dense(jnp.ones(2))))
        Array([1., 0.], dtype=float32)
    """

    mask: Any
    values: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Quantized:
    r"""Integer codes and the step sizes of their blocks.

    .. math:: \hat x = s \cdot (c - z)

    `codes` are int8, or uint8 from 0 to `2^bits - 1`. `scale` is float32, float16 or
    bfloat16, and each of its axes divides that of the codes: 1 is one scale for the
    axis, the same length one each, n are n groups of consecutive entries. A scale of
    lower rank gets axes of 1 at its front. `zero` are integers of the scale's shape,
    None for 0. `dtype` names the type of the values, which are computed in float32.

    Raises:
        ValueError: a scale that does not divide its codes, or a zero of another shape.

    Example:
        >>> codes = jnp.array([[2, 3, 4, 5]], jnp.uint8)
        >>> two = jnp.array([[0.5, 1.0]]), jnp.array([[2, 4]], jnp.uint8)
        >>> decode(Quantized(codes, *two, bits=4))
        Array([[0. , 0.5, 0. , 1. ]], dtype=float32)
    """

    codes: Any
    scale: Any
    zero: Any = None
    bits: int = dataclasses.field(kw_only=True, metadata={"static": True})
    dtype: str = dataclasses.field(
        default="float32", kw_only=True, metadata={"static": True}
    )

    def __post_init__(self):
        # inside a transformation the leaves may be no arrays
        codes, scale, zero = (
            getattr(x, "shape", None) for x in (self.codes, self.scale, self.zero)
        )
        if codes is None or scale is None:
            return
        if zero not in (None, scale):
            raise ValueError(f"zero has shape {zero} and its scale {scale}")
        blocks = ops.block_shape(scale, codes)
        for name in ("scale", "zero") if blocks != scale else ():
            if hasattr(getattr(self, name), "reshape"):
                object.__setattr__(self, name, getattr(self, name).reshape(blocks))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Codebook:
    """`centroids[indices]`: integers and the few values that they name.

    Example:
        >>> decode(Codebook(jnp.array([1, 0, 1]), jnp.array([-1.0, 2.0])))
        Array([ 2., -1.,  2.], dtype=float32)
    """

    indices: Any
    centroids: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Factors:
    """`left @ right`, each of them encoded: a matrix of low rank.

    Example:
        >>> decode(Factors(Dense(jnp.ones((2, 1))), Dense(jnp.ones((1, 2)))))
        Array([[1., 1.],
               [1., 1.]], dtype=float32)
    """

    left: Any
    right: Any


Encoded = Dense | Sparse | Quantized | Codebook | Factors


def decode(encoded: Encoded) -> Shaped[Array, "..."]:
    r"""The array that an encoding stands for.

    .. math:: Dense: a; \quad Sparse: m \odot v; \quad Quantized: s (c - z); \quad
        Codebook: c_i; \quad Factors: L R

    Args:
        encoded: any of the forms, nested.

    Returns:
        The array in its own type, bit-equal to what `apply` of the compression gave.

    Raises:
        TypeError: not one of the forms.

    Example:
        >>> codes = Quantized(jnp.array([2, 3], jnp.int8), jnp.array([0.5]), bits=8)
        >>> decode(Sparse(jnp.array([True, False]), codes))
        Array([1., 0.], dtype=float32)
    """
    match encoded:
        case Dense(array=array):
            return jnp.asarray(array)
        case Sparse(mask=mask, values=values):
            return _sparse(jnp.asarray(mask), decode(values))
        case Quantized(codes=codes, scale=scale, zero=zero, dtype=dtype):
            zero = None if zero is None else jnp.asarray(zero)
            values = ops.dequantize(jnp.asarray(codes), jnp.asarray(scale), zero)
            return values.astype(dtype)
        case Codebook(indices=indices, centroids=centroids):
            return _look_up(jnp.asarray(indices), jnp.asarray(centroids))
        case Factors(left=left, right=right):
            return decode(left) @ decode(right)
    raise TypeError(
        "an encoding is a Dense, Sparse, Quantized, Codebook or Factors, got "
        f"{type(encoded).__name__}"
    )


def step_sizes(encoded: Mapping[str, Encoded]) -> dict[str, Any]:
    """The step sizes of the quantised parameters, by path.

    Args:
        encoded: encodings by path, as `encode` of a compression gives them.

    Returns:
        Arrays of the parameters' ranks; parameters that are not quantised are left
        out.

    Raises:
        ValueError: codes with a zero point, which integer products do not take.

    Example:
        >>> codes = Quantized(jnp.array([2], jnp.int8), jnp.array([0.5]), bits=8)
        >>> step_sizes({'w': Sparse(jnp.array([True]), codes), 'b': Dense(codes.scale)})
        {'w': Array([0.5], dtype=float32)}
    """
    check_encoded(encoded)
    inner = {p: e.values if isinstance(e, Sparse) else e for p, e in encoded.items()}
    coded = {p: e for p, e in inner.items() if isinstance(e, Quantized)}
    for path, form in coded.items():
        if form.zero is not None:
            raise ValueError(
                f"the codes of {path!r} have a zero point, and integer products take "
                "symmetric codes alone"
            )
    return {path: form.scale for path, form in coded.items()}


def check_encoded(encoded: Any) -> None:
    """Refuses what no `encode` gave, such as parameters.

    Args:
        encoded: forms by path, or what is taken for them.

    Returns:
        Nothing.

    Raises:
        TypeError: names what is there.

    Example:
        >>> check_encoded({'w': 3})
        Traceback (most recent call last):
        TypeError: encoded['w'] must be a form that encode gives, got an int: ...
    """
    if not isinstance(encoded, Mapping):
        there = f"{kinds.got(encoded)}{mend('encoded', encoded)}"
        raise TypeError(f"encoded must be encode's forms by path, got {there}")
    for path, form in encoded.items():
        if not isinstance(form, Encoded):
            said = "a form that encode gives"
            there = f"{kinds.got(form)}{mend('encoded', form)}"
            raise TypeError(f"encoded[{path!r}] must be {said}, got {there}")


def integer_params(params: Tree, encoded: Mapping[str, Encoded]) -> Tree:
    """The parameters with int8 codes in the place of what is quantised.

    What `models.execute_int8` multiplies, where no float weight is to be stored.

    Args:
        params: the applied parameters.
        encoded: their encoding; a pruned weight has the code 0 outside its mask.

    Returns:
        A tree like `params`; what is not quantised stays as it is.

    Raises:
        ValueError: codes with a zero point, which integer products do not take.

    Example:
        >>> codes = Quantized(jnp.array([2], jnp.int8), jnp.array([0.5]), bits=8)
        >>> integer_params({'w': jnp.ones(1)}, {'w': codes})
        {'w': Array([2], dtype=int8)}
    """
    coded = step_sizes(encoded)  # refuses zero points

    def codes(form):
        if isinstance(form, Sparse):
            return jnp.where(jnp.asarray(form.mask), form.values.codes, 0)
        return jnp.asarray(form.codes)

    return tree.map_paths(
        lambda path, x: codes(encoded[path]) if path in coded else x, params
    )


def nest(outer: Encoded, inner: Encoded) -> Encoded:
    """The encoding of a parameter that two stages changed one after the other.

    Args:
        outer: what the first stage made of it.
        inner: what the second made of the first one's values.

    Returns:
        `inner` in the place of the plain values of `outer`.

    Raises:
        ValueError: the first stage left no plain values for the second.

    Example:
        >>> mask = jnp.array([True])
        >>> codes = Quantized(jnp.array([2], jnp.int8), jnp.array([0.5]), bits=8)
        >>> type(nest(Sparse(mask, Dense(jnp.ones(1))), codes).values).__name__
        'Quantized'
    """
    match outer, inner:
        case Dense(), _:
            return inner
        case _, Dense():
            return outer
        case Sparse(mask=first, values=values), Sparse(mask=second, values=rest):
            return Sparse(first & second, nest(values, rest))
        case Sparse(mask=mask, values=values), _:
            return Sparse(mask, nest(values, inner))
    raise ValueError(
        f"a parameter that is {type(outer).__name__} already cannot become "
        f"{type(inner).__name__}; give the two stages different where="
    )


def _sparse(mask: Bool[Array, "..."], values: Shaped[Array, "..."]) -> Array:
    return jnp.where(mask, values, jnp.zeros((), values.dtype))


def _look_up(indices: Integer[Array, "..."], centroids: Float[Array, " k"]) -> Array:
    return centroids[indices]
