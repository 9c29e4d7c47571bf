"""A text classifier over averaged embeddings of hashed n-grams."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type, positive, rates
from jdistill.typing import Model


class _NgramClassifier(nn.Module):
    num_buckets: int
    dim: int
    hidden: tuple[int, ...]
    classes: int
    dropout: float
    token_dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, inputs, token_mask=None, token_weight=None, train: bool = False):
        if inputs.ndim != 2:
            raise ValueError(
                f"ngram_classifier takes ids [batch, steps], got {inputs.shape}"
            )
        gate = nn.Embed(
            self.num_buckets, 1, embedding_init=nn.initializers.zeros, name="gate"
        )
        embed = nn.Embed(self.num_buckets, self.dim, dtype=self.dtype, name="embed")
        weight = jnp.exp(gate(inputs)[..., 0])
        if token_mask is not None:
            weight *= token_mask
        if token_weight is not None:
            weight *= token_weight
        if train and self.token_dropout:
            kept = 1 - self.token_dropout
            weight *= jax.random.bernoulli(self.make_rng("dropout"), kept, weight.shape)
        total = jnp.maximum(weight.sum(-1, keepdims=True), 1e-6)
        share = (weight / total).astype(self.dtype)
        x = jnp.einsum("bs,bsd->bd", share, embed(inputs))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


def ngram_classifier(
    *,
    classes: int,
    num_buckets: int,
    dim: int = 64,
    hidden: Sequence[int] = (),
    dropout: float | int = 0.0,
    token_dropout: float | int = 0.0,
    dtype: str = "float32",
    taps: str | Sequence[str] = (),
) -> Model:
    r"""A fully connected classifier over a weighted mean of n-gram embeddings.

    .. math:: w_t = m_t r_t \exp(g_{i_t}), \quad
        h = \sum_t w_t E_{i_t} / \sum_t w_t, \quad logits = mlp(h)

    with the ids i, the token mask m, the batch's `token_weight` r (1 where it has
    none; inverse document frequencies, say), one embedding E and one learned gate g
    for each bucket. Gates begin at 0, where h is the plain mean over real tokens, and
    learn which n-grams to pass over.

    Args:
        classes: number of logits.
        num_buckets: ids are from 0 to below this.
        dim: length of an embedding.
        hidden: units of each hidden layer; none makes it linear in h.
        dropout: rate for h and after each hidden layer, in training.
        token_dropout: rate at which whole tokens are left out, in training.
        dtype: type it computes in; parameters and logits are float32.
        taps: `'embed'`, `'Dense_0'`, ...

    Returns:
        A model of ids `[batch, steps]` with `token_mask`; padding adds nothing, and a
        text without a token has h = 0.

    Raises:
        ValueError: a size or rate out of range.

    References:
        Joulin et al., Bag of tricks for efficient text classification, EACL 2017
        (arXiv:1607.01759).
        Iyyer et al., Deep unordered composition rivals syntactic methods for text
        classification, ACL 2015.

    Example:
        >>> model = ngram_classifier(classes=3, num_buckets=100, dim=4)
        >>> batch = {'inputs': jnp.array([[7, 9, 0]]),
        ...          'token_mask': jnp.array([[1, 1, 0]])}
        >>> params, _ = model.init(jax.random.key(0), batch)
        >>> model.apply(params, {}, batch)[0].logits.shape
        (1, 3)
    """
    positive(classes=classes, num_buckets=num_buckets, dim=dim, hidden=hidden)
    rates(dropout=dropout, token_dropout=token_dropout)
    module = _NgramClassifier(
        num_buckets,
        dim,
        tuple(hidden),
        classes,
        dropout,
        token_dropout,
        float_type(dtype),
    )
    return from_linen(module, taps=taps)
