"""A text classifier over averaged embeddings of hashed n-grams."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jdistill.checks import fraction, sizes
from jdistill.models._described import described
from jdistill.models._linen import from_linen
from jdistill.models._sizes import float_type, sequence
from jdistill.typing import Batch, Model, Tree


class _NgramClassifier(nn.Module):
    num_buckets: int
    dim: int
    hidden: tuple[int, ...]
    classes: int
    dropout: float
    token_dropout: float
    norm: int
    dtype: Any

    @nn.compact
    def __call__(self, inputs, token_mask=None, token_weight=None, train: bool = False):
        if inputs.ndim != 2:
            raise ValueError(
                f"ngram_classifier takes ids [batch, steps], got {inputs.shape}"
            )
        inputs %= self.num_buckets
        gate = nn.Embed(
            self.num_buckets, 1, embedding_init=nn.initializers.zeros, name="gate"
        )
        embed = nn.Embed(
            self.num_buckets,
            self.dim,
            dtype=self.dtype,
            embedding_init=nn.initializers.normal(0.1),
            name="embed",
        )
        weight = jnp.exp(gate(inputs)[..., 0].astype(jnp.float32))
        if token_mask is not None:
            weight *= token_mask
        if token_weight is not None:
            weight *= token_weight
        if train and self.token_dropout:
            kept = 1 - self.token_dropout
            weight *= jax.random.bernoulli(self.make_rng("dropout"), kept, weight.shape)
        total = jnp.sum(weight**self.norm, axis=-1, keepdims=True)
        total = jnp.maximum(total, 1e-6) ** (1 / self.norm)
        rows = embed(inputs)
        x = jnp.einsum("bs,bsd->bd", (weight / total).astype(rows.dtype), rows)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        for width in self.hidden:
            x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return nn.Dense(self.classes, dtype=self.dtype)(x).astype(jnp.float32)


@described
def ngram_classifier(
    *,
    classes: int,
    num_buckets: int,
    dim: int = 64,
    hidden: Sequence[int] = (),
    dropout: float | int = 0.0,
    token_dropout: float | int = 0.0,
    norm: int = 1,
    dtype: str | None = None,
    taps: str | Sequence[str] = (),
) -> Model:
    r"""A fully connected classifier over a weighted mean of n-gram embeddings.

    .. math:: w_t = m_t r_t \exp(g_{i_t}), \quad
        h = \sum_t w_t E_{i_t} / \|w\|_p, \quad logits = mlp(h)

    with the ids i, the token mask m, the batch's `token_weight` r (1 where it has
    none; inverse document frequencies, say), one embedding E and one learned gate g
    for each bucket. Gates begin at 0, where h is the plain mean over real tokens
    (p = 1), and learn which n-grams to pass over; `idf_gates` begins them at inverse
    document frequencies, with which p = 2 is the weighting of TF-IDF. Ids are taken
    modulo `num_buckets`, so that a small student reads a large teacher's tokens.

    Args:
        classes: number of logits.
        num_buckets: rows of the embedding.
        dim: length of an embedding.
        hidden: units of each hidden layer; none makes it linear in h.
        dropout: rate for h and after each hidden layer, in training.
        token_dropout: rate at which whole tokens are left out, in training.
        norm: p, 1 or 2.
        dtype: type it computes in, by default that of its parameters and inputs;
            logits are float32.
        taps: `'embed'`, `'Dense_0'`, ...

    Returns:
        A model of ids `[batch, steps]` with `token_mask`; padding adds nothing, and a
        text without a token has h = 0.

    Raises:
        ValueError: a size or rate out of range, or another `norm`.

    References:
        Joulin et al., Bag of tricks for efficient text classification, EACL 2017
        (arXiv:1607.01759).
        Iyyer et al., Deep unordered composition rivals syntactic methods for text
        classification, ACL 2015.

    Example:
        >>> model = ngram_classifier(classes=3, num_buckets=100, dim=4)
        >>> batch = {'inputs': jnp.array([[7, 9, 0]]),
        ...          'token_mask': jnp.array([[1, 1, 0]])}
        >>> params, _ = jax.jit(model.init)(jax.random.key(0), batch)
        >>> model.apply(params, {}, batch)[0].logits.shape
        (1, 3)
    """
    sizes(classes=classes, num_buckets=num_buckets, dim=dim, hidden=hidden)
    sequence(hidden=hidden)
    fraction(dropout=dropout, token_dropout=token_dropout)
    if norm not in (1, 2):
        raise ValueError(f"norm must be 1 (mean) or 2, got {norm}")
    module = _NgramClassifier(
        num_buckets,
        dim,
        tuple(hidden),
        classes,
        dropout,
        token_dropout,
        norm,
        float_type(dtype),
    )
    return from_linen(module, taps=taps)


def idf_gates(params: Tree, tokens: Batch) -> Tree:
    r"""Parameters of `ngram_classifier` whose gates weigh n-grams by their rarity.

    .. math:: g_i = \ln \frac{1 + \ln \frac{1 + n}{1 + df_i}}{1 + \ln (1 + n)}

    0 for an n-gram of no text, below 0 for those of many; the n texts are those of the
    training part. The divisor changes nothing in the model, which normalises weights,
    but leaves most gates at or near 0, where pruning finds them.

    Args:
        params: of a model of `ngram_classifier`.
        tokens: `inputs` and `token_mask` of the training part.

    Returns:
        The parameters with other gates.

    References:
        Salton and Buckley, Term-weighting approaches in automatic text retrieval,
        Information Processing & Management 1988.

    Example:
        >>> ids = np.array([[0, 1], [0, 2]])
        >>> tokens = {'inputs': ids, 'token_mask': np.ones((2, 2))}
        >>> params = {'gate': {'embedding': jnp.zeros((4, 1))}}
        >>> idf_gates(params, tokens)['gate']['embedding'][:, 0].round(1)
        Array([-0.7, -0.4, -0.4,  0. ], dtype=float32)
    """
    buckets = params["gate"]["embedding"].shape[0]
    ids, real = np.asarray(tokens["inputs"]), np.asarray(tokens["token_mask"]) != 0
    texts = np.broadcast_to(np.arange(len(ids))[:, None], ids.shape)
    pairs = np.unique(texts[real].astype(np.int64) * buckets + ids[real] % buckets)
    counts = np.bincount(pairs % buckets, minlength=buckets)
    rarity = 1 + np.log((1 + len(ids)) / (1 + counts))
    gates = np.log(rarity / (1 + np.log(1 + len(ids))))[:, None]
    return {**params, "gate": {"embedding": jnp.asarray(gates, jnp.float32)}}
