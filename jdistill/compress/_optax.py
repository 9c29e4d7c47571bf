"""Compressions under any optax optimiser: one step, for the learner and for others."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jdistill import kinds
from jdistill.checks import check_key
from jdistill.compress._encoded import Encoded
from jdistill.compress._gradient import masked, pull_back
from jdistill.compress._partition import filled, joined, moving
from jdistill.compress._uses import Products
from jdistill.typing import Compression, Tree


class Optimizer(NamedTuple):
    """One step of training compressed parameters, as `optimize` makes it.

    * `init(params, learned, state) -> opt_state`
    * `update(grads, params, learned, state, opt_state, *, step, direct=None,
      stats=None, key=None, **extra) -> (params, learned, state, opt_state)`: `grads`
      are taken at the applied parameters, None for what never moves; `direct` is a
      pair of gradients at `params` and `learned` to add, of penalties, the first None
      where there are none; `step` is the number of this step, from 1; `extra` goes to
      the optimiser.
    """

    init: Callable[[Tree, Tree, Tree], Tree]
    update: Callable[..., tuple[Tree, Tree, Tree, Tree]]


class OptaxState(NamedTuple):
    """The state of `as_optax`: the optimiser's, the compression's and the step."""

    inner: Tree
    learned: Tree
    state: Tree
    step: Any


def optimize(compression: Compression, tx: Any) -> Optimizer:
    r"""A step of the optimiser and then of the compression.

    .. math:: (g_w, g_\lambda) = pull\_back(g) + g_{direct}, \quad
        (w, \lambda) \leftarrow (w, \lambda) + trainable \odot tx(g_w, g_\lambda),

    and then `update` of the compression at the new parameters. The optimiser sees
    `{'params': w, 'learned': \lambda}`, and `w` alone where nothing is learned, so
    that labels and masks written for the parameters fit. In the places of parameters
    that never move (`freeze`) it sees None: they have no gradient and no moments.
    Parameters of less than float32 it sees in float32, so that its moments and its
    step are, and the step is rounded once, where it lands.

    Args:
        compression: what makes the applied parameters.
        tx: any optax transformation.

    Returns:
        `init` and `update`.

    Example:
        >>> from jdistill import compress
        >>> c = compress.magnitude(sparsity=0.5, where='w')
        >>> optimiser, params = optimize(c, optax.sgd(1.0)), {'w': jnp.array([3., 1.])}
        >>> learned, state = c.init(params)
        >>> params, *_ = optimiser.update({'w': jnp.ones(2)}, params, learned, state,
        ...     optimiser.init(params, learned, state), step=1)
        >>> params
        {'w': Array([2., 0.], dtype=float32)}
    """
    kinds.compression(compression=compression)
    kinds.optimiser(tx=tx)
    step_of = _step(compression, optax.with_extra_args_support(tx))

    def update(grads, params, learned, state, opt_state, *, step, **rest):
        new, _ = step_of(grads, params, learned, state, opt_state, step=step, **rest)
        return new

    def init(params, learned, state):
        return tx.init(_seen(compression, params, learned, state))

    return Optimizer(init, update)


def as_optax(
    compression: Compression,
    tx: Any,
    *,
    products: Products | None = None,
    key: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """A compression as an optax transformation, for a training loop of one's own.

    The loop takes gradients at `applied(compression, params, opt_state)` and passes
    them to `update`. `optax.apply_updates` then lands on the compressed parameters
    exactly: a masked weight is 0 under every optimiser. The compression's state and
    its learned leaves live in the optimiser's state.

    Args:
        compression: what makes the applied parameters.
        tx: any optax transformation.
        products: how products read the weights, as `ops.uses` finds it; a compression
            without `where` needs it, and others take axes and layers from it.
        key: a random key, for compressions that draw numbers.

    Returns:
        The transformation; its `update` needs `params` and also takes `stats`.

    Raises:
        ValueError: `update` is called without `params`.

    Example:
        >>> from jdistill import compress
        >>> c = compress.magnitude(sparsity=0.5, where='w')
        >>> tx, params = as_optax(c, optax.sgd(0.5)), {'w': jnp.array([3.0, 1.0])}
        >>> opt_state = tx.init(params)
        >>> loss = lambda p: jnp.sum(p['w'])
        >>> grads = jax.grad(loss)(applied(c, params, opt_state))
        >>> updates, opt_state = tx.update(grads, opt_state, params)
        >>> optax.apply_updates(params, updates)
        {'w': Array([2.5, 0. ], dtype=float32)}
    """
    kinds.compression(compression=compression)
    kinds.optimiser(tx=tx)
    if key is not None:
        check_key(key)
    step_of = _step(compression, optax.with_extra_args_support(tx))

    def init(params):
        learned, state = compression.init(params, key=key, products=products)
        inner = tx.init(_seen(compression, params, learned, state))
        return OptaxState(inner, learned, state, jnp.zeros((), jnp.int32))

    def update(updates, state, params=None, *, stats=None, **extra):
        if params is None:
            raise ValueError("update of as_optax needs params: tx.update(g, state, p)")
        step = state.step + 1
        new, steps = step_of(
            updates, params, state.learned, state.state, state.inner,
            step=step, stats=stats,
            key=None if key is None else jax.random.fold_in(key, step), **extra,
        )  # fmt: skip
        after, learned, compressed, inner = new
        steps = filled(steps, params)
        moved = optax.apply_updates(params, steps)
        steps = jax.tree.map(_land, params, steps, moved, after)
        return steps, OptaxState(inner, learned, compressed, step)

    return optax.GradientTransformationExtraArgs(init, update)


def applied(compression: Compression, params: Tree, opt_state: Tree) -> Tree:
    """The parameters that the model sees, in a training loop of one's own.

    Args:
        compression: the one given to `as_optax`.
        params: the raw parameters.
        opt_state: the optimiser's state, `as_optax` being anywhere inside it.

    Returns:
        Like `params`; gradients are taken here.

    Raises:
        ValueError: no or several states of `as_optax` are in `opt_state`.

    Example:
        >>> from jdistill import compress
        >>> c = compress.identity()
        >>> applied(c, {'w': 1.0}, as_optax(c, optax.sgd(0.1)).init({'w': 1.0}))
        {'w': 1.0}
    """
    kinds.compression(compression=compression)
    state = _state_in(opt_state)
    return compression.apply(params, state.learned, state.state)


def encoded(
    compression: Compression, params: Tree, opt_state: Tree
) -> Mapping[str, Encoded]:
    """The parameters as `artifact.pack` writes them, after a loop of one's own.

    Args:
        compression: the one given to `as_optax`.
        params: the raw parameters.
        opt_state: the optimiser's state, `as_optax` being anywhere inside it.

    Returns:
        A form for each path; decoded they are what `applied` gives, bit for bit.

    Raises:
        ValueError: no or several states of `as_optax` are in `opt_state`.

    Example:
        >>> from jdistill import compress
        >>> c = compress.magnitude(sparsity=0.5, where='w')
        >>> tx, params = as_optax(c, optax.sgd(0.5)), {'w': jnp.array([3.0, 1.0])}
        >>> forms = encoded(c, params, tx.init(params))
        >>> type(forms['w']).__name__
        'Sparse'
    """
    kinds.compression(compression=compression)
    state = _state_in(opt_state)
    return compression.encode(params, state.learned, state.state)


def _state_in(opt_state: Tree) -> OptaxState:
    leaves = jax.tree.leaves(opt_state, is_leaf=lambda x: isinstance(x, OptaxState))
    found = [x for x in leaves if isinstance(x, OptaxState)]
    if len(found) != 1:
        raise ValueError(f"opt_state holds {len(found)} states of as_optax, not one")
    return found[0]


def _step(
    compression: Compression, tx: Any
) -> Callable[..., tuple[tuple[Tree, Tree, Tree, Tree], Tree]]:
    def step_of(
        grads, params, learned, state, opt_state, *, step,
        direct=None, stats=None, key=None, **extra,
    ):  # fmt: skip
        trainable = compression.trainable(params, learned, state)
        part = moving(params, trainable)
        grads = filled(_at(part, grads), params)
        pulled, own = pull_back(compression, params, learned, state, grads)
        pulled = _at(part, pulled)
        if direct is not None:
            raw, further = direct
            pulled = pulled if raw is None else jax.tree.map(jnp.add, pulled, raw)
            own = jax.tree.map(jnp.add, own, further)
        steps, opt_state = tx.update(
            _wide(_join(pulled, own)), opt_state, _wide(_join(part, learned)), **extra
        )
        steps, steps_learned = _split(steps, learned)
        steps = masked(steps, _at(part, trainable))
        new = compression.update(
            joined(optax.apply_updates(part, steps), params),
            optax.apply_updates(learned, steps_learned),
            state,
            step=step, grads=grads, stats=stats, key=key,
        )  # fmt: skip
        return (*new, opt_state), steps

    return step_of


def _at(part: Tree, tree: Tree) -> Tree:
    """The tree's leaves where the part has some, None elsewhere."""
    return jax.tree.map(
        lambda mine, x: None if mine is None else x,
        part, tree, is_leaf=lambda x: x is None,
    )  # fmt: skip


def _seen(compression: Compression, params: Tree, learned: Tree, state: Tree) -> Tree:
    """What an optimiser sees."""
    trainable = compression.trainable(params, learned, state)
    return _wide(_join(moving(params, trainable), learned))


def _wide(values: Tree) -> Tree:
    """Floating-point numbers of less than float32 as float32, others as they are.

    A second moment of bfloat16 stops after some steps: 0.999 v rounds to v.
    """

    def wide(x: Any) -> Any:
        kind = jnp.result_type(x)
        if not jnp.issubdtype(kind, jnp.floating):
            return x
        wider = jnp.promote_types(kind, jnp.float32)
        return x if kind == wider else jnp.asarray(x, wider)

    return jax.tree.map(wide, values)


def _join(params: Tree, learned: Tree) -> Tree:
    bare = not jax.tree.leaves(learned)
    return params if bare else {"params": params, "learned": learned}


def _split(joined: Tree, learned: Tree) -> tuple[Tree, Tree]:
    bare = not jax.tree.leaves(learned)
    return (joined, learned) if bare else (joined["params"], joined["learned"])


def _land(start: Any, step: Any, moved: Any, end: Any) -> Any:
    """The step that ends where the compression set a value, `step` elsewhere."""
    exact = jnp.asarray(end, step.dtype) - jnp.asarray(start, step.dtype)
    return jnp.where(moved == end, step, exact)
