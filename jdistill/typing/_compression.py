"""What parameters go through before the model sees them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from jdistill.typing._values import Key, Tree


class InitCompression(Protocol):
    """What a compression begins with."""

    def __call__(
        self,
        params: Tree,
        /,
        *,
        key: Key | None = None,
        products: Mapping[str, Any] | None = None,
    ) -> tuple[Tree, Tree]:
        """`(learned, state)`."""
        ...


class UpdateCompression(Protocol):
    """What a compression chooses anew after a step."""

    def __call__(
        self,
        params: Tree,
        learned: Tree,
        state: Tree,
        /,
        *,
        step: Any,
        grads: Tree = None,
        stats: Mapping[str, Any] | None = None,
        key: Key | None = None,
    ) -> tuple[Tree, Tree, Tree]:
        """`(params, learned, state)`."""
        ...


class Compression(NamedTuple):
    """A transformation of parameters: optax for what the model sees.

    * `init(params, *, key, products=None) -> (learned, state)`: `learned` are leaves
      that training moves (step sizes, centroids), often `()`. `products` says how
      matrix products and convolutions read each weight (`ops.uses`): the default of
      `where`, and which axes are summed over, kept, or number layers.
    * `update(params, learned, state, *, step, grads=None, stats=None, key=None) ->
      (params, learned, state)`: masks, ranges, assignments. `grads` are taken at the
      applied parameters; `stats` come from calibration, an `Observed` by weight path.
    * `apply(params, learned, state) -> params`: what the model sees.
    * `encode(params, learned, state) -> {path: Encoded}` for every leaf; decoding
      gives what `apply` gives, bit for bit.
    * `trainable(params, learned, state) -> tree like params`: what the optimiser may
      move; each leaf True, False or an array of booleans.
    * `kinds`: which kinds of change it makes, in order; `chain` refuses wrong orders.
    * `statistics`: what it needs to know of the inputs of products, as `ops.observe`
      takes them; `train.compress_now` finds them.
    """

    init: InitCompression
    update: UpdateCompression
    apply: Callable[[Tree, Tree, Tree], Tree]
    encode: Callable[[Tree, Tree, Tree], Mapping[str, Any]]
    trainable: Callable[[Tree, Tree, Tree], Tree]
    kinds: tuple[str, ...] = ()
    statistics: tuple[Callable[[Any, int, Any], Mapping[str, Any]], ...] = ()

    def __repr__(self) -> str:
        return f"Compression({', '.join(self.kinds) or 'none'})"


class Observed(NamedTuple):
    """What calibration has observed of the inputs of one layer of a weight.

    * `axes`, `index`: which axes of the weight number layers, and which layer it is.
    * `values`: statistics by name; those like the weight lack `axes`.
    """

    axes: tuple[int, ...]
    index: tuple[Any, ...]
    values: Mapping[str, Any]
