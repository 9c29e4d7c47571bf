"""Hidden states and the matrix that makes logits of them."""

from jdistill import tree
from jdistill.typing import Array, Model, Tree


def offer_head(
    model: Model,
    *,
    hidden: str,
    weight: str,
    transposed: bool = False,
    cap: float | None = None,
    words: int | None = None,
) -> Model:
    r"""The model with its last hidden states and the matrix that makes logits of them.

    .. math:: z = h W

    A loss over a large vocabulary reads `h` and `W` (`objective.hidden`,
    `objective.head`) and never holds all logits at once. The last layer is without a
    bias.

    Args:
        model: a model that taps what its last matrix reads.
        hidden: the name of that tap, `[batch, ..., dim]`.
        weight: the path of the matrix `[dim, classes]`, which may be an embedding.
        transposed: whether it is `[classes, dim]`, as an embedding is.
        cap: c where the logits are `c tanh(z / c)`.
        words: how many columns of the matrix are of real ids, None for all.

    Returns:
        The same model; where its logits are not read they are not computed.

    Raises:
        ValueError: in its `apply`, there is no such tap; in its `head`, no such
            parameter.

    Example:
        >>> import jax
        >>> from jdistill.models import mlp
        >>> net = offer_head(mlp(widths=(4,), classes=3, taps='Dense_0'),
        ...                  hidden='Dense_0', weight='Dense_1/kernel')
        >>> batch = {'inputs': jax.numpy.ones((2, 5))}
        >>> params, state = jax.jit(net.init)(jax.random.key(0), batch)
        >>> net.head(params).shape
        (4, 3)
    """

    def apply(params, state, batch, /, *, train=False, key=None):
        outputs, state = model.apply(params, state, batch, train=train, key=key)
        if hidden not in outputs.features:
            raise ValueError(
                f"the model has no tap {hidden!r}; there are {sorted(outputs.features)}"
            )
        return outputs._replace(hidden=outputs.features[hidden]), state

    def head(params: Tree) -> Array:
        tree.select(params, (weight,))
        matrix = tree.flatten(params)[weight]
        return matrix.T if transposed else matrix

    return model._replace(apply=apply, head=head, cap=cap, words=words)
