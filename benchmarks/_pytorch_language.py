"""What users of transformers write, for the figures of `language`."""

import pathlib

import torch
import transformers
from torch.nn import functional


def read(path: pathlib.Path):
    """A pretrained network from a GGUF file, in float32."""
    network = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    )
    return network.eval()


def half(network, layers: tuple[int, ...]):
    """A student of some of its layers, which own their parameters."""
    config = transformers.AutoConfig.for_model(**network.config.to_dict())
    config.num_hidden_layers = len(layers)
    student = transformers.AutoModelForCausalLM.from_config(config)
    weights = {}
    for name, value in network.state_dict().items():
        parts = name.split(".")
        if parts[:2] == ["model", "layers"]:
            if int(parts[2]) not in layers:
                continue
            parts[2] = str(layers.index(int(parts[2])))
        weights[".".join(parts)] = value
    student.load_state_dict(weights)
    return student.train()


def product(left, right):
    """One product, ten times."""
    left, right = torch.from_numpy(left), torch.from_numpy(right)

    def call():
        with torch.inference_mode():
            return [left @ right for _ in range(10)]

    return call


def prefill(network, tokens):
    """Reads a prompt: the cache, and the logits of its last token."""
    tokens = torch.from_numpy(tokens).long()

    def call():
        with torch.inference_mode():
            return network(tokens, use_cache=True, logits_to_keep=1).logits

    return call


def decode(network, tokens, *, steps: int):
    """The likeliest continuation of a prompt, of a fixed length."""
    tokens = torch.from_numpy(tokens).long()
    fixed = {"max_new_tokens": steps, "min_new_tokens": steps, "do_sample": False}

    def call():
        with torch.inference_mode():
            return network.generate(
                tokens, attention_mask=torch.ones_like(tokens), pad_token_id=0, **fixed
            )

    return call


def kd_step(teacher, student, tokens):
    """A step of AdamW on the divergence from a live teacher."""
    tokens = torch.from_numpy(tokens).long()
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-4)

    def call():
        with torch.inference_mode():
            soft = teacher(tokens, use_cache=False).logits
        logits = student(tokens, use_cache=False).logits
        optimizer.zero_grad()
        loss = divergence(logits, soft)
        loss.backward()
        optimizer.step()
        return loss.item()

    return call


def divergence(student, teacher):
    """Mean over tokens of the forward divergence."""
    return functional.kl_div(
        functional.log_softmax(student, dim=-1).flatten(0, 1),
        functional.log_softmax(teacher, dim=-1).flatten(0, 1),
        reduction="batchmean",
        log_target=True,
    )
