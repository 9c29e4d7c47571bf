"""config.json as the hub has it: old words, and what is left unsaid."""

import dataclasses

import numpy as np
import pytest

from jdistill.models.formats._hf_config import family_of, read_config, write_config

LLAMA = dict(
    model_type="llama",
    hidden_size=2048,
    intermediate_size=8192,
    max_position_embeddings=131072,
    num_attention_heads=32,
    num_hidden_layers=16,
    num_key_value_heads=8,
    rms_norm_eps=1e-05,
    rope_theta=500000.0,
    tie_word_embeddings=True,
    vocab_size=128256,
)
SCALED = dict(
    factor=32.0,
    high_freq_factor=4.0,
    low_freq_factor=1.0,
    original_max_position_embeddings=8192,
    rope_type="llama3",
)
QWEN = dict(
    model_type="qwen2",
    hidden_size=896,
    intermediate_size=4864,
    max_position_embeddings=32768,
    max_window_layers=21,
    num_attention_heads=14,
    num_hidden_layers=24,
    num_key_value_heads=2,
    rope_theta=1000000.0,
    sliding_window=32768,
    use_sliding_window=False,
)
GEMMA = dict(
    hidden_size=2560,
    intermediate_size=10240,
    model_type="gemma3_text",
    num_hidden_layers=34,
    rope_scaling={"factor": 8.0, "rope_type": "linear"},
    sliding_window=1024,
)


def read(said, names=()):
    name, text = family_of(said)
    return read_config(name, text, {*names, *map(str, range(999))})


def test_llama_3_is_scaled():
    config = read(LLAMA | {"rope_scaling": SCALED})
    assert config.rope_scaling == (32.0, 1.0, 4.0, 8192)
    assert (config.head_dim, config.kv_heads, config.tied) == (64, 8, True)
    assert set(config.theta) == {500000.0} and set(config.window) == {0}
    new = {k: v for k, v in LLAMA.items() if k != "rope_theta"}
    new["rope_parameters"] = SCALED | {"rope_theta": 500000.0}
    assert read(new) == config
    assert write_config(config)["rope_scaling"] == SCALED


@pytest.mark.parametrize("kind", ["rope_type", "type"])
def test_positions_may_be_divided(kind):
    config = read(LLAMA | {"rope_scaling": {kind: "linear", "factor": 4}})
    assert set(config.position_factor) == {4.0}


def test_arrays_decide_on_biases_and_on_the_head():
    names = ["model.layers.0.self_attn.q_proj.bias", "lm_head.weight"]
    config = read(QWEN, names)
    assert (config.qkv_bias, config.out_bias, config.mlp_bias) == (True, False, False)
    assert not config.tied and read(QWEN).tied and not read(QWEN).qkv_bias


def test_qwen_has_windows_only_where_they_are_used():
    assert set(read(QWEN).window) == {0}
    used = read(QWEN | {"use_sliding_window": True})
    assert used.window == (0,) * 21 + (32768,) * 3
    kinds = ["full_attention", "sliding_attention"] * 12
    assert read(QWEN | {"layer_types": kinds}).window == (0,) * 24
    both = QWEN | {"layer_types": kinds, "use_sliding_window": True}
    assert read(both).window == (0, 32768) * 12
    assert set(read(QWEN | {"max_window_layers": 0}).window) == {0}


def test_gemma_3_within_a_network_that_sees_leaves_most_unsaid():
    config = read({"model_type": "gemma3", "text_config": GEMMA, "vision_config": {}})
    assert config.family == "gemma3" and config.vocab == 262208
    assert (config.heads, config.kv_heads, config.head_dim) == (8, 4, 256)
    full = [i for i, size in enumerate(config.window) if not size]
    assert full == [5, 11, 17, 23, 29] and set(config.window) == {0, 1024}
    for i in range(34):
        wanted = (1e6, 8.0) if i in full else (1e4, 1.0)
        assert (config.theta[i], config.position_factor[i]) == wanted
    assert config.score_scale == 1 / 16 and config.norm_offset == 1
    np.testing.assert_allclose(config.embed_scale, 2560**0.5)


def test_gemma_2_has_a_window_in_every_other_layer_and_caps():
    config = read({"model_type": "gemma2"})
    assert config.window == (4096, 0) * 13
    assert (config.attention_cap, config.logit_cap) == (50.0, 30.0)
    free = read({"model_type": "gemma2", "final_logit_softcapping": None})
    assert free.logit_cap is None


def test_mistral_has_its_window_everywhere_or_nowhere():
    assert set(read({"model_type": "mistral"}).window) == {4096}
    free = {"model_type": "mistral", "sliding_window": None}
    assert set(read(free).window) == {0}


def test_neox_turns_a_quarter_of_each_head():
    said = dict(
        model_type="gpt_neox",
        hidden_size=512,
        num_attention_heads=8,
        num_hidden_layers=6,
        intermediate_size=2048,
        vocab_size=50304,
        rotary_pct=0.25,
        rotary_emb_base=20000,
    )
    config = read(said)
    assert config.rotary_dim == 16 and config.parallel and config.theta[0] == 20000
    assert not read(said | {"use_parallel_residual": False}).parallel
    assert (
        write_config(read(said, ["gpt_neox.layers.0.mlp.dense_h_to_4h.bias"]))[
            "rotary_emb_base"
        ]
        == 20000
    )


def test_gpt_2_and_opt_take_positions_from_a_table():
    small = read({"model_type": "gpt2"})
    assert (small.position_offset, small.rotary_dim, small.mlp_dim) == (0, 0, 3072)
    assert (small.dim, small.max_steps, small.activation) == (768, 1024, "gelu_tanh")
    opt = read({"model_type": "opt"})
    assert (opt.position_offset, opt.max_steps, opt.activation) == (2, 2048, "relu")


def test_smollm_3_does_not_turn_in_every_fourth_layer():
    theta = read({"model_type": "smollm3", "num_hidden_layers": 8}).theta
    assert theta == (2e6, 2e6, 2e6, 0.0) * 2


def test_a_network_of_text_and_images_may_be_of_any_known_family():
    said = {"model_type": "llava", "text_config": LLAMA, "tie_word_embeddings": False}
    assert family_of(said)[0] == "llama"
    with pytest.raises(ValueError, match="'whisper_text' is not known"):
        family_of({"model_type": "whisper", "text_config": {}})


def test_gemma_3_has_no_cap_of_scores_whatever_its_file_says():
    capped = read(GEMMA | {"attn_logit_softcapping": 5.0})
    assert capped.attention_cap is None and capped == read(GEMMA)
    said = dataclasses.replace(capped, attention_cap=5.0)
    with pytest.raises(ValueError, match=r"cannot say .*'attention_cap': 5"):
        write_config(said)
