"""Several students in one program, which may teach each other."""

from typing import Any

import jax

from jdistill import kinds
from jdistill.typing import Model, Outputs


def peers(**models: Model) -> Model:
    r"""Several networks as one model, on the same batch in the same step.

    Deep mutual learning: each learns from the labels and from the others, whose
    gradient is stopped,

    .. math:: L = \sum_k \left( CE_k + \frac{1}{K - 1} \sum_{l \ne k}
        KL(p_l \| p_k) \right).

    Terms read what one of them gives as a tap of the student, `taps('student',
    'a/logits')`, and its features as `'a/<tap>'`. The model's own logits are those of
    the first, so metrics are its. Parameters and state are dictionaries by name:
    `Frozen(frozen.params['a'], frozen.state['a'])` is one of them.

    Args:
        models: two or more, by name.

    Returns:
        A model.

    Raises:
        ValueError: fewer than two networks.
        TypeError: one is no model.

    References:
        Zhang, Xiang, Hospedales, Lu, Deep mutual learning, CVPR 2018
        (arXiv:1706.00384).

    Example:
        >>> from jdistill.models import mlp
        >>> both = peers(a=mlp(widths=(4,), classes=3), b=mlp(widths=(8,), classes=3))
        >>> batch = {'inputs': jax.numpy.ones((2, 5))}
        >>> params, state = jax.jit(both.init)(jax.random.key(0), batch)
        >>> sorted(both.apply(params, state, batch)[0].features)
        ['a/logits', 'b/logits']
    """
    if len(models) < 2:
        raise ValueError(f"peers needs two networks or more, got {[*models]}")
    kinds.model(**models)

    def keys(key: Any) -> dict[str, Any]:
        if key is None:
            return dict.fromkeys(models)
        return dict(zip(models, jax.random.split(key, len(models)), strict=True))

    def init(key, batch):
        each = keys(key)
        found = {name: model.init(each[name], batch) for name, model in models.items()}
        params = {name: params for name, (params, _) in found.items()}
        return params, {name: state for name, (_, state) in found.items()}

    def apply(params, state, batch, /, *, train=False, key=None):
        each, features, after, logits = keys(key), {}, {}, []
        for name, model in models.items():
            outputs, after[name] = model.apply(
                params[name], state[name], batch, train=train, key=each[name]
            )
            logits.append(outputs.logits)
            if outputs.logits is not None:
                features[f"{name}/logits"] = outputs.logits
            features |= {f"{name}/{tap}": x for tap, x in outputs.features.items()}
        return Outputs(logits[0], features), after

    return Model(init, apply, name=f"peers {', '.join(models)}")
