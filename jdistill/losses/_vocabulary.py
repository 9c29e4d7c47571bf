"""Losses over a vocabulary from hidden states and heads, without their logits."""

from collections.abc import Callable
from typing import Any

from jax.sharding import Mesh

from jdistill.checks import above_zero
from jdistill.losses._vocabulary_arguments import (
    check_axes,
    check_split,
    given_of,
    known_label,
    signature_of,
)
from jdistill.losses._vocabulary_blocks import Plan
from jdistill.losses._vocabulary_gradient import differentiable
from jdistill.losses._vocabulary_rows import row_of

FORMS = ("forward", "recompute")


def over_vocabulary(
    loss: Callable[..., Any],
    *,
    form: str = "forward",
    chunk: int = 512,
    block: int | None = None,
    valid: int | None = None,
    cap: float | None = None,
    teacher_cap: float | None = None,
    mesh: Mesh | None = None,
    tokens: str | None = "data",
    vocabulary: str | None = None,
) -> Callable[..., Any]:
    r"""A loss of logits as one of hidden states and heads, which never holds them all.

    .. math:: L_n = loss(z^s_n, z^t_n), \quad z_n = c \tanh(h_n W / c)

    `kl`, `reverse_kl`, `jsd`, `total_variation`, `skewed_kl`, `skewed_reverse_kl` and
    `soft_cross_entropy` become `values(hidden, teacher_hidden, *, head, teacher_head,
    weights=None, **numbers)`; `cross_entropy` and `label_smoothing` become
    `values(hidden, labels, *, head, weights=None, **numbers)`, and `sparse_kl` and
    `sparse_soft_cross_entropy` `values(hidden, target, *, head, ...)`:

    * `hidden`, `teacher_hidden`: h, `[*batch, dim]`, each side with its own dim. The
      products of a side are in the type of its hidden states, added up in float32.
    * `head`, `teacher_head`: W, `[dim, vocab]`; an embedding is given transposed.
    * `target`: a `SparseTarget` of `[*batch]`, which has no gradient.
    * `weights`: `[*batch]`; tokens of weight 0 are left out, cost next to nothing and
      have the value 0. The other weights multiply nothing.
    * `numbers`: the loss's own, such as `temperature`; they have no gradient.

    They return float32 `[*batch]`, equal to the loss of the whole logits, with its
    gradient at whichever of h and W it is asked for; that of W is added up in float32.

    The forms differ in time and memory. `'forward'` computes gradients beside the
    values, with as many products as whole logits take. By then it knows only
    `weights`, to which what comes down to the values is proportional in a mean or
    a sum; where it is not, gradients are computed anew. `'recompute'` keeps two numbers
    a token and side, and computes the logits a second time. With `block` they are
    blocked over the vocabulary as well: passes over the blocks find log-sum-exps, then
    values, then gradients.

    Args:
        loss: one of those above.
        form: 'forward' or 'recompute'.
        chunk: how many tokens there are logits of at a time, on each device.
        block: how many words at a time, on each device; None for all. It needs
            'recompute'.
        valid: the number of words, where heads are padded to more columns; those from
            there on are left out. Heads of different width need it.
        cap: c, what bounds the student's logits; None for no bound.
        teacher_cap: c of the teacher.
        mesh: the devices, where there are several: each works off its own tokens and
            words. Without it the compiler moves the tokens to where the head is.
        tokens: the mesh axis that splits the first axis of the batch; None for none.
        vocabulary: the mesh axis that splits the columns of the heads; None for none.

    Returns:
        A loss as said above.

    Raises:
        ValueError: the loss is another one, or an option is out of range; and when it
            is called, shapes or numbers that do not fit.

    References:
        Hsu et al., Liger Kernel: efficient Triton kernels for LLM training, 2024
        (arXiv:2410.10989): gradients beside the values, by chunks of tokens.
        Wijmans et al., Cut your losses in large-vocabulary language models, ICLR 2025
        (arXiv:2411.09009): blocks of the vocabulary.

    Example:
        >>> import jax.numpy as jnp
        >>> from jdistill.losses import kl
        >>> hidden, head = jnp.zeros((3, 2)), jnp.ones((2, 5))
        >>> values = over_vocabulary(kl, chunk=2)
        >>> values(hidden, hidden, head=head, teacher_head=head, temperature=2.0)
        Array([0., 0., 0.], dtype=float32)
    """
    row = row_of(loss)
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if block is not None and form == "forward":
        raise ValueError("blocks are computed twice: block= needs form='recompute'")
    sizes = {"chunk": chunk, "block": block, "valid": valid}
    bounds = {"cap": cap, "teacher_cap": teacher_cap}
    for name, size in (sizes | bounds).items():
        if size is not None:
            above_zero(**{name: size})
    plan = Plan(row, chunk, block, valid, {"student": cap, "teacher": teacher_cap})
    if mesh is not None:
        plan = plan._replace(tokens=tokens, words=vocabulary)
        check_axes(mesh, tokens=tokens, vocabulary=vocabulary)
    each = differentiable(plan, form, mesh)

    signature = signature_of(row)

    def values(*arrays: Any, **named: Any) -> Any:
        call = signature.bind(*arrays, **named)
        call.apply_defaults()
        given = given_of(plan, call.arguments)
        check_split(given, plan, mesh)
        found = known_label(plan, given, each(given))
        return found.reshape(call.arguments["hidden"].shape[:-1])

    values.__name__ = f"{loss.__name__} over a vocabulary"
    values.__dict__["__signature__"] = signature
    return values
