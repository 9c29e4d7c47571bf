"""Losses of frames labelled by CTC, whose outputs are mostly one class, the blank.

What counts is every real frame: a frame that a loss leaves out has the value 0 and is
still one of those that the mean is taken over. For tokens without a blank, `kl` and the
other losses of logits take `[batch, steps, classes]` as they are.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jdistill.checks import whole
from jdistill.losses._checks import same_shape
from jdistill.losses._logits import kl
from jdistill.typing import Number


def ctc_kl(
    student_logits: Float[Array, "*batch steps classes"],
    teacher_logits: Float[Array, "*batch steps classes"],
    *,
    blank: int = 0,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch steps"]:
    r"""`kl` of each frame, without the frames that the teacher calls blank.

    .. math:: L_n = T^2 KL(p_n, q_n) \text{ where } \arg\max_c p_{n,c} \ne blank,
        \text{ else } 0, \quad p = softmax(z_t / T), \quad q = softmax(z_s / T)

    Teacher and student seldom put their labels into the same frames, and most frames
    are blank: with all of them the student mostly learns to be blank. A loss against
    the transcript has to be beside it.

    Args:
        student_logits: the student's logits z_s of each frame n.
        teacher_logits: the teacher's logits z_t.
        blank: the class of the blank; -1 is the last.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared, for each frame. Blank frames are 0 and count
        as frames; the mean over the others alone is larger by a factor of all frames
        over those.

    Raises:
        ValueError: shapes differ, there is no such class, or the temperature is not
            above 0.

    References:
        Hilmes, Rossenbach, Schlueter, Analyzing the importance of blank for CTC-based
        knowledge distillation, Interspeech 2025 (arXiv:2506.01503), who compare it with
        all frames (`kl`) and with frames around the labels.

    Example:
        >>> teacher = jnp.array([[[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]]])
        >>> ctc_kl(jnp.zeros_like(teacher), teacher).round(4)
        Array([[0.    , 0.9213]], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    blank = _index(blank, teacher_logits.shape[-1])
    values = kl(student_logits, teacher_logits, temperature=temperature)
    return jnp.where(jnp.argmax(teacher_logits, axis=-1) == blank, 0.0, values)


def ctc_kl_without_blank(
    student_logits: Float[Array, "*batch steps classes"],
    teacher_logits: Float[Array, "*batch steps classes"],
    *,
    blank: int = 0,
    temperature: Number | int = 1.0,
) -> Float[Array, "*batch steps"]:
    r"""`kl` of each frame between the classes other than the blank.

    .. math:: L_n = T^2 \sum_{c \ne blank} \hat p_{n,c} (\log \hat p_{n,c} - \log
        \hat q_{n,c})

    p-hat and q-hat are the softmax of z_t / T and z_s / T over the classes other than
    the blank. Every frame counts, also those that the teacher calls blank: what they
    would be otherwise is what is learnt. Whether a frame is blank at all, the student
    learns from the transcript.

    Args:
        student_logits: the student's logits z_s of each frame n.
        teacher_logits: the teacher's logits z_t.
        blank: the class of the blank; -1 is the last.
        temperature: T, above 0; the same for both.

    Returns:
        float32, in nats times T squared, for each frame; 0 where both agree up to the
        blank.

    Raises:
        ValueError: shapes differ, there is no such class, or the temperature is not
            above 0.

    References:
        Min, Hao, Chai, Chen, Visual alignment constraint for continuous sign language
        recognition, ICCV 2021 (arXiv:2104.02330), between two heads of one network.

    Example:
        >>> teacher = jnp.array([[[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]]])
        >>> ctc_kl_without_blank(jnp.zeros_like(teacher), teacher).round(4)
        Array([[0.    , 0.6031]], dtype=float32)
    """
    same_shape(student_logits, teacher_logits)
    blank = _index(blank, teacher_logits.shape[-1])
    ours = jnp.delete(student_logits, blank, axis=-1)
    theirs = jnp.delete(teacher_logits, blank, axis=-1)
    return kl(ours, theirs, temperature=temperature)


def _index(blank, classes):
    if classes < 2:
        raise ValueError(f"a blank needs 2 classes or more, got {classes}")
    whole(blank=blank, least=-classes, most=classes - 1)
    return blank % classes
