"""T5 in float64 NumPy, one query at a time, written from the paper."""

import math

import numpy as np

from tests.models.transformers.reference import ACTIVATIONS


def bucket(distance, number, most, both_ways):
    """The bucket of a key `distance` tokens before its query."""
    first = 0
    if both_ways:
        number //= 2
        first = number if distance < 0 else 0
        distance = abs(distance)
    distance, exact = max(distance, 0), number // 2
    if distance < exact:
        return first + distance
    share = math.log(distance / exact) / math.log(most / exact)
    return first + min(number - 1, exact + int(share * (number - exact)))


def norm(params, x, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * params["scale"]


def attention(config, params, x, keys, bias, causal=False):
    """`bias(distance)` gives a number of each head, or 0."""
    width, outs = config.head_dim, []
    for h in range(config.heads):
        part = slice(h * width, (h + 1) * width)
        q, k, v = (
            y @ params[name]["kernel"][:, part]
            for y, name in ((x, "query"), (keys, "key"), (keys, "value"))
        )
        rows = []
        for t in range(len(x)):
            last = t + 1 if causal else len(keys)
            score = np.array([q[t] @ k[s] + bias(t - s)[h] for s in range(last)])
            p = np.exp(score - score.max())
            rows.append(p / p.sum() @ v[:last])
        outs.append(np.stack(rows))
    return np.concatenate(outs, -1) @ params["out"]["kernel"]


def network(config, params, x):
    act, up = ACTIVATIONS[config.activation], x @ params["up"]["kernel"]
    hidden = act(x @ params["gate"]["kernel"]) * up if config.gated else act(up)
    return hidden @ params["down"]["kernel"]


def side(config, params, x, source=None):
    """What the encoder gives, or the decoder with a source."""
    causal, eps = source is not None, config.norm_eps
    table = params["position"]["embedding"]

    def bias(distance):
        return table[bucket(distance, config.buckets, config.max_distance, not causal)]

    depth = config.decoder_depth if causal else config.depth
    for index in range(depth):
        own = _slice(params["layers"], index)
        y = norm(own["attention_norm"], x, eps)
        x = x + attention(config, own["attention"], y, y, bias, causal)
        if causal:
            y = norm(own["cross_norm"], x, eps)
            nothing = lambda distance: np.zeros(config.heads)  # noqa: E731
            x = x + attention(config, own["cross"], y, source, nothing)
        x = x + network(config, own["mlp"], norm(own["mlp_norm"], x, eps))
    return norm(params["norm"], x, eps)


def write(config, params, source, inputs):
    """Logits `[steps, vocab]` of one pair."""
    table = params["embed"]["embedding"]
    read = side(config, params["encoder"], table[source])
    hidden = side(config, params["decoder"], table[inputs], read)
    if config.scaled:
        hidden = hidden / np.sqrt(config.dim)
    return hidden @ (table.T if config.tied else params["head"]["kernel"])


def _slice(tree, index):
    return {
        k: _slice(v, index) if isinstance(v, dict) else v[index]
        for k, v in tree.items()
    }
