"""The families of Hugging Face's decoders, as data."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jdistill.models.formats import _hf_forms as forms
from jdistill.models.formats._hf_facts import Facts
from jdistill.models.formats._hf_layers import said_rotation
from jdistill.models.transformers import DecoderConfig

ACTIVATIONS = {
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
_PREFIXES = (
    (r"(model\.)?language_model\.(model\.)?(?=lm_head\.)", ""),
    (r"(model\.)?language_model\.(model\.)?", "model."),
    (r"(?=(layers|embed_tokens|norm)\.)", "model."),
)


class Family(NamedTuple):
    """One family.

    * `kind`: its `model_type`. `architecture`: the class that transformers makes.
    * `fixed`: fields of a configuration that are so in every file.
    * `read(facts, sizes) -> fields`: those that files say in the family's own way.
    * `write(config)`: the inverse.
    * `biases`: what is said of biases of (query, key and value; out; MLP).
    * `defaults`: what is meant where a file says nothing.
    * `only`: values of keys that are read; others are another network.
    * `keys`: of sizes, where they are its own; '' where there is none.
    * `eps`, `activation`: keys. `activations`: ours by their words, the first of
      several for writing.
    * `prefixes`: what a name may begin with, and how we spell it.
    """

    kind: str
    architecture: str
    fixed: Mapping[str, Any]
    read: Callable[[Facts, Mapping[str, int]], dict[str, Any]]
    write: Callable[[DecoderConfig], dict[str, Any]]
    biases: Mapping[tuple[bool, bool, bool], dict[str, Any]]
    defaults: Mapping[str, Any]
    only: Mapping[str, Any] = {}
    keys: Mapping[str, str] = {}
    eps: str = "rms_norm_eps"
    activation: str = "hidden_act"
    activations: Mapping[str, str] = ACTIVATIONS
    prefixes: tuple[tuple[str, str], ...] = _PREFIXES


def _sizes(vocab, dim, depth, heads, mlp, steps) -> dict[str, int]:
    return {
        "vocab_size": vocab,
        "hidden_size": dim,
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "intermediate_size": mlp,
        "max_position_embeddings": steps,
    }


_NO, _ALL = (False, False, False), (True, True, True)
_QKV = (True, False, False)
_ATTENTION = {
    _NO: {"attention_bias": False},
    (True, True, False): {"attention_bias": True},
}
_LLAMA = {
    (a, a, m): {"attention_bias": a, "mlp_bias": m}
    for a in (False, True)
    for m in (False, True)
}
_LAYER = {"norm": "layer", "gated": False}
_GEMMA = {"norm_offset": 1.0, "post_norms": True}
_COMMON = {"rope_theta": 1e4, "hidden_act": "silu", "rms_norm_eps": 1e-6}
_QWEN = {
    **_COMMON,
    **_sizes(151936, 4096, 32, 32, 22016, 32768),
    "num_key_value_heads": 32,
    "use_sliding_window": False,
    "sliding_window": 4096,
    "max_window_layers": 28,
}
_GEMMA_SAYS = {
    "rms_norm_eps": 1e-6,
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 2304,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "intermediate_size": 9216,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}
_NOT_BOTH_WAYS = {"use_bidirectional_attention": False}

FAMILIES: Mapping[str, Family] = {
    "llama": Family(
        "llama",
        "LlamaForCausalLM",
        {},
        forms.plain,
        said_rotation,
        _LLAMA,
        {
            **_COMMON,
            **_sizes(32000, 4096, 32, 32, 11008, 2048),
        },
    ),
    "mistral": Family(
        "mistral",
        "MistralForCausalLM",
        {},
        forms.mistral,
        forms.said_mistral,
        {_NO: {}},
        {
            **_COMMON,
            **_sizes(32000, 4096, 32, 32, 14336, 131072),
            "num_key_value_heads": 8,
            "sliding_window": 4096,
        },
    ),
    "qwen2": Family(
        "qwen2",
        "Qwen2ForCausalLM",
        {},
        forms.qwen,
        forms.said_qwen,
        {_QKV: {}},
        _QWEN,
    ),
    "qwen3": Family(
        "qwen3",
        "Qwen3ForCausalLM",
        {"qk_norm": True},
        forms.qwen,
        forms.said_qwen,
        _ATTENTION,
        {**_QWEN, "head_dim": 128},
    ),
    "smollm3": Family(
        "smollm3",
        "SmolLM3ForCausalLM",
        {},
        forms.smollm3,
        forms.said_smollm3,
        _LLAMA,
        {
            **_COMMON,
            "rope_theta": 2e6,
            **_sizes(128256, 2048, 36, 16, 11008, 32768),
            "num_key_value_heads": 4,
            "no_rope_layer_interval": 4,
        },
    ),
    "gemma2": Family(
        "gemma2",
        "Gemma2ForCausalLM",
        _GEMMA,
        forms.gemma2,
        forms.said_gemma2,
        _ATTENTION,
        {
            **_GEMMA_SAYS,
            "vocab_size": 256000,
            "max_position_embeddings": 8192,
            "rope_theta": 1e4,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
        },
        _NOT_BOTH_WAYS,
        activation="hidden_activation",
    ),
    "gemma3": Family(
        "gemma3_text",
        "Gemma3ForCausalLM",
        {**_GEMMA, "qk_norm": True},
        forms.gemma3,
        forms.said_gemma3,
        _ATTENTION,
        {
            **_GEMMA_SAYS,
            "vocab_size": 262208,
            "max_position_embeddings": 131072,
            "rope_theta": 1e6,
            "rope_local_base_freq": 1e4,
            "sliding_window_pattern": 6,
        },
        _NOT_BOTH_WAYS,
        activation="hidden_activation",
    ),
    "gpt2": Family(
        "gpt2",
        "GPT2LMHeadModel",
        {**_LAYER, "position_offset": 0, "rotary_dim": 0},
        forms.gpt2,
        forms.said_gpt2,
        {_ALL: {}},
        {
            "vocab_size": 50257,
            "n_embd": 768,
            "n_layer": 12,
            "n_head": 12,
            "n_positions": 1024,
            "layer_norm_epsilon": 1e-5,
            "activation_function": "gelu_new",
            "scale_attn_weights": True,
        },
        {"scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False},
        keys={
            "dim": "n_embd",
            "depth": "n_layer",
            "heads": "n_head",
            "kv_heads": "",
            "head_dim": "",
            "mlp_dim": "n_inner",
            "max_steps": "n_positions",
        },
        eps="layer_norm_epsilon",
        activation="activation_function",
        activations={"gelu_new": "gelu_tanh", **ACTIVATIONS},
        prefixes=((r"(?=(wte|wpe|h|ln_f)\.)", "transformer."),),
    ),
    "opt": Family(
        "opt",
        "OPTForCausalLM",
        {**_LAYER, "position_offset": 2, "rotary_dim": 0, "norm_eps": 1e-5},
        forms.opt,
        forms.said_opt,
        {_ALL: {"enable_bias": True}, _NO: {"enable_bias": False}},
        {
            "vocab_size": 50272,
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "ffn_dim": 3072,
            "max_position_embeddings": 2048,
            "activation_function": "relu",
        },
        {
            "do_layer_norm_before": True,
            "layer_norm_elementwise_affine": True,
            "_remove_final_layer_norm": False,
        },
        keys={"kv_heads": "", "head_dim": "", "mlp_dim": "ffn_dim"},
        eps="",
        activation="activation_function",
        prefixes=(
            (r"decoder\.", "model.decoder."),
            (
                r"(?=(embed_tokens|embed_positions|layers|final_layer_norm)\.)",
                "model.decoder.",
            ),
        ),
    ),
    "neox": Family(
        "gpt_neox",
        "GPTNeoXForCausalLM",
        _LAYER,
        forms.neox,
        forms.said_neox,
        {(a, a, True): {"attention_bias": a} for a in (False, True)},
        {
            **_sizes(50432, 6144, 44, 64, 24576, 2048),
            "layer_norm_eps": 1e-5,
            "hidden_act": "gelu",
            "rotary_pct": 0.25,
            "rotary_emb_base": 1e4,
            "use_parallel_residual": True,
        },
        keys={"kv_heads": "", "head_dim": ""},
        eps="layer_norm_eps",
        prefixes=(
            (r"lm_head\.", "embed_out."),
            (r"(?=(embed_in|layers|final_layer_norm)\.)", "gpt_neox."),
        ),
    ),
}
"""The families by the names that a configuration has."""
