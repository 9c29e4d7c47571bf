"""Contrast of an example's two embeddings with those of other examples in a memory."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jdistill.checks import above_zero
from jdistill.losses._checks import same_shape
from jdistill.losses._rows import flat, products, row_weights
from jdistill.typing import Number


def crd(
    student: Float[Array, "batch dim"],
    teacher: Float[Array, "batch dim"],
    *,
    memory: Mapping[str, Array],
    ids: Integer[Array, " batch"],
    temperature: Number | int = 0.07,
    normalizer: Number | int | None = None,
    mask: Float[Array, " batch"] | None = None,
) -> Float[Array, " batch"]:
    r"""Contrastive representation distillation with negatives from a memory.

    .. math:: L = -2 \log h(s, t) - \sum_m \log(1 - h(s, t_m)) - \sum_m
        \log(1 - h(s_m, t)), \quad
        h(s, t) = \frac{e^{\langle s, t \rangle / \tau}}
        {e^{\langle s, t \rangle / \tau} + N c}

    over the N entries m of the memory that belong to other examples. The first sum has
    the student as anchor, the second the teacher; the entries are constants.

    The paper writes N / M for N c, with M the size of the data set, and its authors'
    code divides the exponential by a constant Z besides, so that c = Z / M. They
    measure Z / M once, as the mean of the exponential over a first batch and a random
    memory. The default is that mean in closed form, over directions that are random
    and even: 2.2 at width 128. `normalizer=1 / M` is the paper's own form.

    In the authors' program the positive of an anchor, too, is what the memory holds of
    the other network, so the teacher's anchor moves no student by its positive. Here
    both are embeddings of this step, and the positive term reaches the student once
    more than there. The usual weight of 0.8 belongs to the authors' program.

    Args:
        student: projected embeddings s of length 1.
        teacher: projected embeddings t of length 1.
        memory: recent embeddings, as `objective.bank` keeps them: 'student' and
            'teacher' `[size, dim]`, 'ids' `[size]`, 'filled' `[size]`, 0 for an entry
            that holds nothing yet.
        ids: which example each row is.
        temperature: :math:`\tau`, above 0. The loss is not multiplied by its square,
            as it is no softened target.
        normalizer: c, above 0; by default as above.
        mask: 1 for real examples, 0 for padding.

    Returns:
        float32, in nats, a sum over negatives for each example; 0 for padding and
        where the memory has no entry of another example.

    Raises:
        ValueError: shapes differ, the memory lacks an array or has another width, or a
            number is not above 0.

    References:
        Tian, Krishnan, Isola, Contrastive representation distillation, ICLR 2020
        (arXiv:1910.10699).

    Example:
        >>> rows, ids = jnp.eye(2), jnp.arange(2)
        >>> memory = dict(student=rows, teacher=rows, ids=ids, filled=jnp.ones(2))
        >>> numbers = dict(temperature=1.0, normalizer=1.0)
        >>> crd(rows, rows, memory=memory, ids=ids, **numbers).round(4)
        Array([2.0128, 2.0128], dtype=float32)
    """
    same_shape(student, teacher)
    above_zero(temperature=temperature)
    if normalizer is not None:
        above_zero(normalizer=normalizer)
    _check_memory(memory, student.shape[1])
    others = (ids[:, None] != memory["ids"][None]) & (memory["filled"] > 0)[None]
    number = jnp.sum(others, axis=1)
    margin = _log_c(normalizer, temperature, student.shape[1])
    margin = margin + jnp.log(jnp.maximum(number, 1).astype(jnp.float32))

    weights, _ = row_weights(mask, student)
    student, teacher = (flat(x, weights) for x in (student, teacher))
    positives = jnp.sum(student * teacher, axis=1) / temperature - margin
    values = 2 * jax.nn.softplus(-positives)
    for anchor, side in ((student, "teacher"), (teacher, "student")):
        scores = products(anchor, memory[side].astype(jnp.float32)) / temperature
        negatives = jax.nn.softplus(scores - margin[:, None])
        values += jnp.sum(jnp.where(others, negatives, 0.0), axis=1)
    return weights * jnp.where(number > 0, values, 0.0)


def _log_c(normalizer, temperature, dim):
    if normalizer is not None:
        return jnp.log(jnp.asarray(normalizer, jnp.float32))
    # The integral of Amos' bound on the ratio of Bessel functions (Computation of
    # modified Bessel functions and their ratios, Mathematics of Computation, 1974).
    low, high = (dim - 1) / 2, (dim + 1) / 2
    root = jnp.sqrt(1 / jnp.square(jnp.asarray(temperature, jnp.float32)) + high**2)
    return root - high - low * jnp.log((low + root) / dim)


def _check_memory(memory, dim):
    needed = "student", "teacher", "ids", "filled"
    missing = [name for name in needed if name not in memory]
    if missing:
        raise ValueError(f"memory has no {missing[0]!r}; there are {sorted(memory)}")
    for side in needed[:2]:
        if memory[side].shape[1] != dim:
            raise ValueError(
                f"memory[{side!r}] has width {memory[side].shape[1]}, the embeddings "
                f"{dim}: they must be equal"
            )
