"""A decoder in float64 NumPy, one token at a time, written from the papers."""

import numpy as np
from scipy.special import erf


def _rms(x, scale, eps, offset):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * (offset + scale)


def _layer_norm(x, scale, bias, eps):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * scale + bias


ACTIVATIONS = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_tanh": lambda x: (
        x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    ),
    "relu": lambda x: np.maximum(x, 0),
}


def _rotated(x, position, theta, rotary, factor):
    out = x.copy()
    for i in range(rotary // 2):
        angle = position / factor * theta ** (-2 * i / rotary) if theta else 0.0
        a, b = x[i], x[i + rotary // 2]
        out[i] = a * np.cos(angle) - b * np.sin(angle)
        out[i + rotary // 2] = b * np.cos(angle) + a * np.sin(angle)
    return out


def decode(config, params, tokens):
    """Logits `[steps, vocab]` of one text."""
    norm = {
        "rms": lambda p, x: _rms(x, p["scale"], config.norm_eps, config.norm_offset),
        "layer": lambda p, x: _layer_norm(x, p["scale"], p["bias"], config.norm_eps),
    }[config.norm]
    linear = lambda p, x: x @ p["kernel"] + p.get("bias", 0.0)  # noqa: E731
    x = params["embed"]["embedding"][tokens] * config.embed_scale
    if config.position_offset is not None:
        places = np.arange(len(tokens)) + config.position_offset
        x = x + params["position"]["embedding"][places]
    for index in range(config.depth):
        own = _slice(params["layers"], index)
        y = _attention(config, own["attention"], norm, linear, index)(
            norm(own["attention_norm"], x)
        )
        y = norm(own["attention_post_norm"], y) if config.post_norms else y
        z = norm(own["mlp_norm"], x if config.parallel else x + y)
        act = ACTIVATIONS[config.activation]
        up = linear(own["mlp"]["up"], z)
        z = act(linear(own["mlp"]["gate"], z)) * up if config.gated else act(up)
        z = linear(own["mlp"]["down"], z)
        z = norm(own["mlp_post_norm"], z) if config.post_norms else z
        x = x + y + z
    hidden = norm(params["norm"], x)
    table = params["embed"]["embedding"].T if config.tied else params["head"]["kernel"]
    logits, cap = hidden @ table, config.logit_cap
    return logits if cap is None else cap * np.tanh(logits / cap)


def _attention(config, params, norm, linear, index):
    group, dim = config.heads // config.kv_heads, config.head_dim
    theta, factor = config.theta[index], config.position_factor[index]
    window = config.window[index]

    def head(name, x, number, steps):
        y = linear(params[name], x).reshape(steps, -1, dim)[:, number]
        if name == "value":
            return y
        if config.qk_norm:
            y = norm(params[f"{name}_norm"], y)
        turn = [
            _rotated(y[t], t, theta, config.rotary_dim, factor) for t in range(steps)
        ]
        return np.stack(turn)

    def run(x):
        steps, outs = len(x), []
        for h in range(config.heads):
            q = head("query", x, h, steps)
            k = head("key", x, h // group, steps)
            v = head("value", x, h // group, steps)
            rows = []
            for t in range(steps):
                first = max(0, t - window + 1) if window else 0
                score = k[first : t + 1] @ q[t] * (config.score_scale or dim**-0.5)
                if config.attention_cap:
                    score = config.attention_cap * np.tanh(score / config.attention_cap)
                p = np.exp(score - score.max())
                rows.append(p / p.sum() @ v[first : t + 1])
            outs.append(np.stack(rows))
        return linear(params["out"], np.concatenate(outs, axis=-1))

    return run


def _slice(tree, index):
    return {
        k: _slice(v, index) if isinstance(v, dict) else v[index]
        for k, v in tree.items()
    }
