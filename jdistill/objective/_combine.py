"""The weighted sum of terms, as sums and counts that add over batches and devices."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jdistill.counting import weighted_mean
from jdistill.typing import Aux, Needs, Objective, Term, value_at


def combine(**terms: Term) -> Objective:
    r"""The weighted sum of terms.

    .. math:: L = \sum_i w_i(t) \, s_i / n_i

    s_i and n_i are the sum and the count of `weighted_mean`. A term that nothing counts
    for adds 0, and so does its gradient.

    Args:
        terms: by name; the names are those of the metrics.

    Returns:
        An objective; 'loss' among its metrics is the sum over the share of the step
        that the batch is.

    Raises:
        ValueError: there is no term, or one is called 'loss'.
        TypeError: something is not a term.

    Example:
        >>> from jdistill import losses
        >>> from jdistill.objective import on_labels, on_logits
        >>> both = combine(ce=0.1 * on_labels(losses.cross_entropy),
        ...                kd=0.9 * on_logits(losses.kl, temperature=4.0))
        >>> sorted(both.count({"label": jnp.array([0, 1, 1])}))
        ['ce', 'kd']
    """
    _check_terms(terms)

    def init(key, views, batch):
        return {
            name: _named(name, term.init)(_key(key, name), views, batch)
            if term.init
            else Aux()
            for name, term in terms.items()
        }

    def count(batch):
        return {name: _total(term.count(batch)) for name, term in terms.items()}

    def compute(views, batch, *, aux, step, key, counts=None):
        metrics, loss = {}, jnp.zeros((), jnp.float32)
        own = count(batch)
        counts = own if counts is None else counts
        for name, term in terms.items():
            values = _named(name, term.values)(
                views, batch, aux=aux.get(name, Aux()), step=step, key=_key(key, name)
            )
            metrics[name] = _named(name, weighted_mean)(values, term.count(batch))
            mean = metrics[name][0] / _or_one(counts[name])
            loss += jnp.asarray(value_at(term.weight, step), jnp.float32) * mean
        share = sum(own.values()) / _or_one(sum(counts.values()))
        return loss, metrics | {"loss": (loss, share)}

    def update(aux, views, batch, *, step):
        return {
            name: term.update(aux[name], views, batch, step=step)
            if term.update
            else aux.get(name, Aux())
            for name, term in terms.items()
        }

    remembers = _needs(term for term in terms.values() if term.update)
    needs = _needs(terms.values())
    return Objective(init, count, compute, update, needs, remembers, tuple(terms))


def _needs(terms: Iterable[Term]) -> Needs:
    needs: frozenset[tuple[str, str]] = frozenset()
    for term in terms:
        if term.needs is None:
            return None
        needs |= term.needs
    return needs


def _check_terms(terms: Mapping[str, Any]) -> None:
    if not terms:
        raise ValueError("an objective needs a term, such as ce=on_labels(...)")
    if "loss" in terms:
        raise ValueError("'loss' names the sum of the terms; call the term otherwise")
    for name, term in terms.items():
        if not isinstance(term, Term):
            raise TypeError(f"{name!r} is no Term but a {type(term).__name__}")


def _key(key, name):
    return None if key is None else jax.random.fold_in(key, zlib.crc32(name.encode()))


def _total(weights):
    return jnp.sum(weights.astype(jnp.float32))


def _or_one(count):
    return jnp.where(count > 0, count, 1.0)


def _named(name, function):
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"term {name!r}: {error}") from error

    return call
