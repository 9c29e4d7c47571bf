"""An encoder in float64 NumPy, one text and one head at a time, from the papers."""

import numpy as np

from tests.models.transformers.reference import ACTIVATIONS, _layer_norm, _slice

ACTS = ACTIVATIONS | {"tanh": np.tanh}


def encode(config, params, tokens, types):
    """What the head makes of one text: logits, or vectors where there are none."""

    def norm(part, x):
        return _layer_norm(x, part["scale"], part["bias"], config.norm_eps)

    def linear(part, x):
        return x @ part["kernel"] + part["bias"]

    x = params["embed"]["embedding"][tokens]
    if config.token_types:
        x = x + params["type"]["embedding"][types]
    places = np.arange(len(tokens)) + config.position_offset
    x = norm(params["embed_norm"], x + params["position"]["embedding"][places])
    for index in range(config.depth):
        own = _slice(params["layers"], index)
        y = linear(own["attention"]["out"], _mixed(config, own["attention"], linear, x))
        x = norm(own["attention_norm"], x + y)
        y = ACTS[config.activation](linear(own["mlp"]["up"], x))
        x = norm(own["mlp_norm"], x + linear(own["mlp"]["down"], y))
    return _head(config, params, linear, norm, x)


def _head(config, params, linear, norm, x):
    if config.head == "none":
        return x
    if config.head == "vocabulary":
        act = ACTS[config.head_activation or config.activation]
        y = norm(params["transform_norm"], act(linear(params["transform"], x)))
        tied = params["embed"]["embedding"].T
        table = tied if config.tied else params["head"]["kernel"]
        return y @ table + params["head"]["bias"]
    vector = {"first": x[0], "mean": x.mean(0), "max": x.max(0)}[config.pooling]
    if config.head == "sentence":
        return vector / np.sqrt(vector @ vector) if config.unit else vector
    if config.pooler:
        vector = ACTS[config.pooler](linear(params["pooler"], vector))
    return linear(params["head"], vector)


def _mixed(config, params, linear, x):
    size = config.dim // config.heads
    outs = []
    for h in range(config.heads):
        q, k, v = (
            linear(params[name], x)[:, h * size : (h + 1) * size]
            for name in ("query", "key", "value")
        )
        rows = []
        for t in range(len(x)):
            score = k @ q[t] / np.sqrt(size)
            p = np.exp(score - score.max())
            rows.append(p / p.sum() @ v)
        outs.append(np.stack(rows))
    return np.concatenate(outs, axis=-1)
