import jax
import numpy as np
import pytest

from benchmarks import language
from jdistill import models
from jdistill.language import keep_layers, spread
from jdistill.typing import Frozen


@pytest.fixture(scope="module")
def read():
    config = models.DecoderConfig(
        vocab=11,
        dim=8,
        depth=4,
        heads=2,
        kv_heads=1,
        head_dim=4,
        mlp_dim=12,
        max_steps=32,
        tied=True,
    )
    model = models.decoder(config)
    params, state = jax.jit(model.init)(jax.random.key(0), {})
    return models.Pretrained(model, Frozen(params, state), config)


def test_the_product_is_of_the_factors(read):
    left, right = language.factors(read.config, 6)
    found = language.product(read, 6)()
    assert left.shape == (6, 8) and right.shape == (8, 12) and len(found) == 10
    np.testing.assert_allclose(found[9], left @ right, rtol=1e-4, atol=1e-5)


def test_the_prompt_is_read_as_the_whole_network_reads_it(read):
    tokens = language.tokens_of(1, 9, 11)
    logits, cache = language.prefill(read, tokens)()
    whole = jax.jit(read.model.apply)(read.frozen.params, {}, {"inputs": tokens})[0]
    np.testing.assert_allclose(logits, whole.logits[:, -1], atol=1e-5)
    assert cache["length"].tolist() == [9]


def test_as_many_tokens_are_written_as_are_timed(read):
    tokens = language.tokens_of(1, 5, 11)
    assert language.decode(read, tokens, steps=7)().shape == (1, 7)


@pytest.mark.parametrize("cached", [False, True])
def test_a_student_of_half_the_layers_learns_from_either_teacher(read, cached):
    step = language.kd_step(read, language.tokens_of(2, 6, 11), cached=cached)
    first, last = [np.divide(*x["kd"]) for x in (step(), step())]
    assert 0 < last < first


def test_what_the_live_teacher_teaches_is_the_forward_kl(read):
    tokens = language.tokens_of(2, 6, 11)
    params = jax.tree.map(lambda x: 4 * x, read.frozen.params)  # far from alike
    read = read._replace(frozen=Frozen(params))
    found = np.divide(*language.kd_step(read, tokens, cached=False)()["kd"])
    layers = spread(read.config.depth, read.config.depth // 2)
    params, config = keep_layers(read.frozen.params, read.config, layers)
    student = models.decoder(config)
    log_q, log_p = (
        np.asarray(jax.nn.log_softmax(model.apply(p, {}, {"inputs": tokens})[0].logits))
        for model, p in ((student, params), (read.model, read.frozen.params))
    )
    forward = (np.exp(log_p) * (log_p - log_q)).sum(-1).mean()
    assert found == pytest.approx(forward, rel=1e-4)


def test_both_sides_do_the_same_work(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra 'bench'")
    pytest.importorskip("transformers", reason="needs transformers")
    from benchmarks import _pytorch_language as theirs

    student, teacher = torch.randn(2, 2, 3, 5)
    p, q = teacher.softmax(-1), student.log_softmax(-1)
    expected = (p * (p.log() - q)).sum(-1).mean()
    torch.testing.assert_close(theirs.divergence(student, teacher), expected)
