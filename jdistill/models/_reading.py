"""A network that reads what was prepared for it, beside what others read."""

from jdistill import kinds
from jdistill.typing import Batch, Model

EXAMPLES = ("id", "mask", "label", "label_mask", "weight")
"""Entries of a batch that are of the examples, however they are prepared."""


def reading(model: Model, name: str) -> Model:
    """The network on the entries of a batch that begin with a name.

    `data.beside(own, teacher=...)` prepares each text in several ways; where the batch
    has `teacher_inputs` and `teacher_token_mask`, `reading(model, 'teacher')` sees them
    as `inputs` and `token_mask`, and nothing of what the student reads. Several
    networks of one step so read one batch, each in its own way.

    Args:
        model: any model.
        name: what the entries begin with, before an underscore.

    Returns:
        A model of the same parameters and state, without `spec`: a file cannot say
        how its texts are prepared.

    Raises:
        ValueError: `name` is no name; in use, the batch has no inputs of this name.

    Example:
        >>> import jax.numpy as jnp
        >>> from jdistill.models import from_function
        >>> net = reading(from_function(lambda p, x: x @ p), 'teacher')
        >>> batch = {'inputs': jnp.ones((1, 9)), 'teacher_inputs': jnp.ones((1, 2))}
        >>> net.apply(jnp.ones((2, 3)), {}, batch)[0].logits
        Array([[2., 2., 2.]], dtype=float32)
    """
    kinds.model(model=model)
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"name must be a word, such as 'teacher', got {name!r}")

    def init(key, batch: Batch):
        return model.init(key, _own(batch, name))

    def apply(params, state, batch: Batch, /, *, train=False, key=None):
        return model.apply(params, state, _own(batch, name), train=train, key=key)

    said = f"{model.name or 'a model'} that reads {name}_inputs"
    return model._replace(init=init, apply=apply, spec=None, name=said)


def _own(batch: Batch, name: str) -> Batch:
    """What is of the examples, and what is of this network, without its name."""
    begin = f"{name}_"
    own = {n.removeprefix(begin): x for n, x in batch.items() if n.startswith(begin)}
    if "inputs" not in own:
        raise ValueError(
            f"the batch has no {begin}inputs; there are {', '.join(sorted(batch))}: "
            f"prepare it with data.beside(own, {name}=...)"
        )
    return {n: batch[n] for n in EXAMPLES if n in batch} | own
