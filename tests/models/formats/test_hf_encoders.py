"""Encoders in folders of Hugging Face: what is read, written and refused."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jdistill.models import EncoderConfig, from_hf, to_gguf, to_hf
from tests.models.formats.encoder_golden import NAMES, ROOT, golden, made, said
from tests.models.formats.golden import ROOT as DECODERS
from tests.models.formats.golden import assert_not_written, letters

MEAN = {"pooling_mode_mean_tokens": True}


def altered(name, tmp_path, change=lambda arrays: arrays, **config):
    """A copy of a golden folder with other arrays and other words in config.json."""
    folder = tmp_path / "altered"
    shutil.copytree(ROOT / name, folder)
    (folder / "config.json").write_text(json.dumps(said(name) | config))
    arrays = change(load_file(folder / "model.safetensors"))
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def renamed(*pairs):
    def change(arrays):
        for old, new in pairs:
            arrays = {name.replace(old, new): x for name, x in arrays.items()}
        return arrays

    return change


def more(**arrays):
    return lambda theirs: theirs | {k.replace("__", "."): v for k, v in arrays.items()}


def equal(read, other):
    same = jax.tree.map(np.array_equal, read.frozen, other.frozen)
    return read.config == other.config and all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_transformers(name):
    case = golden(name)
    got = made(case.pretrained, case.batch)
    real = case.batch["token_mask"] > 0 if got.ndim == 3 else slice(None)
    limit = 1e-5 * np.abs(case.wanted).max()
    np.testing.assert_allclose(got[real], case.wanted[real], rtol=0, atol=limit)


def test_rows_without_an_id_are_known_as_what_pads_the_embedding(tmp_path):
    own = golden("bert_vocabulary").pretrained
    size = own.config.vocab
    to_hf(own._replace(tokenizer=letters(size - 9)), tmp_path / "out")
    again = from_hf(tmp_path / "out")
    assert again.config == dataclasses.replace(own.config, words=size - 9)
    assert again.model.words == size - 9
    assert from_hf(tmp_path / "out", head="none").model.words is None
    to_hf(again, tmp_path / "again")
    assert from_hf(tmp_path / "again").config == again.config
    with pytest.raises(ValueError, match=f"config.words is {size - 9} of {size}"):
        to_hf(again._replace(tokenizer=None), tmp_path / "other")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_written_bit_for_bit(name, tmp_path):
    read = golden(name).pretrained
    to_hf(read, tmp_path / "out")
    theirs = load_file(ROOT / name / "model.safetensors")
    ours = load_file(tmp_path / "out" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    if name == "bert_untied":  # a copy that nothing reads
        copied = theirs["cls.predictions.decoder.bias"]
        theirs["cls.predictions.bias"] = copied
    assert all(ours[k].tobytes() == v.tobytes() for k, v in theirs.items())
    assert equal(from_hf(tmp_path / "out"), read)
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    new = said(name)
    different = {k for k in written.keys() & new.keys() if written[k] != new[k]}
    own = {"label2id", "hidden_act", *(f"{x}_token_id" for x in ("bos", "eos", "pad"))}
    assert different <= own and written["architectures"] == new["architectures"]


def test_the_configuration_says_what_the_family_and_the_file_do():
    found = {name: golden(name).pretrained.config for name in NAMES}
    heads = {name: config.head for name, config in found.items()}
    assert heads["bert"] == "none" and heads["bert_sentence"] == "sentence"
    assert heads["roberta_classes"] == "classes"
    roberta = found["roberta_vocabulary"]
    assert (roberta.position_offset, roberta.max_steps) == (4, 16)
    assert (roberta.activation, roberta.head_activation) == ("relu", "gelu")
    assert found["distilbert"].token_types == 0 and found["roberta"].token_types == 1
    assert found["bert"].pooler == "tanh" and found["distilbert"].pooler is None
    assert found["distilbert_classes"].labels == ("no", "perhaps", "yes")
    assert found["camembert"].labels == ("LABEL_0", "LABEL_1")
    assert not found["bert_untied"].tied


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("bert", [("encoder.", "bert.encoder."), ("pooler", "bert.pooler")]),
        ("bert_classes", [("bert.", "")]),
        ("distilbert_classes", [("distilbert.", "")]),
        ("roberta_vocabulary", [("roberta.", "")]),
        (
            "bert_vocabulary",
            [("LayerNorm.weight", "LayerNorm.gamma"), ("Norm.bias", "Norm.beta")],
        ),
        ("bert_vocabulary", [("cls.predictions.bias", "cls.predictions.decoder.bias")]),
    ],
)
def test_other_spellings_of_names_are_the_same_arrays(name, pairs, tmp_path):
    theirs = load_file(ROOT / name / "model.safetensors")
    assert all(any(old in k for k in theirs) for old, _ in pairs)
    got = from_hf(altered(name, tmp_path, renamed(*pairs)))
    assert equal(got, golden(name).pretrained)


def test_what_another_head_would_read_is_passed_over(tmp_path):
    square, vector = np.ones((16, 16), "f4"), np.ones(16, "f4")
    change = more(
        bert__pooler__dense__weight=square,
        bert__pooler__dense__bias=vector,
        cls__seq_relationship__weight=np.ones((2, 16), "f4"),
        cls__seq_relationship__bias=np.ones(2, "f4"),
        bert__embeddings__position_ids=np.arange(20)[None],
    )
    got = from_hf(altered("bert_vocabulary", tmp_path, change))
    assert equal(got, golden("bert_vocabulary").pretrained)


def test_a_matrix_that_repeats_the_embedding_is_no_head_of_its_own(tmp_path):
    words = "roberta.embeddings.word_embeddings"

    def twice(arrays):
        return arrays | {
            "lm_head.decoder.weight": arrays[f"{words}.weight"],
            "lm_head.decoder.bias": arrays["lm_head.bias"],
        }

    got = from_hf(altered("roberta_vocabulary", tmp_path, twice))
    assert equal(got, golden("roberta_vocabulary").pretrained)
    shutil.rmtree(tmp_path / "altered")
    folder = altered("roberta_vocabulary", tmp_path, twice, tie_word_embeddings=False)
    assert not from_hf(folder).config.tied
    shutil.rmtree(tmp_path / "altered")
    other = more(lm_head__decoder__bias=np.ones(61, "f4"))
    with pytest.raises(ValueError, match="are one array, and differ"):
        from_hf(altered("roberta_vocabulary", tmp_path, other))


def test_a_head_is_the_one_that_is_asked_for(tmp_path):
    body = from_hf(ROOT / "bert_classes", head="none")
    assert body.config.head == "none" and "head" not in body.frozen.params
    wanted = golden("bert_classes").pretrained.frozen.params["pooler"]
    same = jax.tree.map(np.array_equal, body.frozen.params["pooler"], wanted)
    assert all(jax.tree.leaves(same))
    vectors = from_hf(ROOT / "distilbert_vocabulary", head="sentence")
    assert (vectors.config.pooling, vectors.config.unit) == ("mean", True)
    states = from_hf(ROOT / "bert_sentence", head="none")
    assert equal(
        states,
        golden("bert_sentence").pretrained._replace(
            config=dataclasses.replace(
                golden("bert_sentence").pretrained.config, head="none", pooling="first"
            )
        ),
    )
    message = r"has no head 'vocabulary'; it has \['classes', 'sentence', 'none'\]"
    with pytest.raises(ValueError, match=message):
        from_hf(ROOT / "bert_classes", head="vocabulary")
    with pytest.raises(ValueError, match="head='none' is for encoders, and 'llama'"):
        from_hf(DECODERS / "llama", head="none")
    both = more(classifier__weight=np.ones((2, 16), "f4"))
    with pytest.raises(ValueError, match=r"several heads, .'vocabulary', 'classes'.: "):
        from_hf(altered("bert_vocabulary", tmp_path, both))


def test_names_that_are_missing_or_unknown_are_listed(tmp_path):
    folder = altered("bert", tmp_path, renamed((".key.", ".keys.")))
    with pytest.raises(
        ValueError,
        match=r"missing arrays: bert\.encoder\.layer\.\*\.attention\.self\.key\.bias "
        r"\(2\), .*; unknown arrays: .*self\.keys\.weight \(2\)$",
    ):
        from_hf(folder)
    shutil.rmtree(tmp_path / "altered")
    answers = more(qa_outputs__weight=np.ones((2, 16), "f4"))
    with pytest.raises(ValueError, match=r"unknown arrays: qa_outputs\.weight$"):
        from_hf(altered("distilbert", tmp_path, answers))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("bert", dict(model_type="electra"), "'electra' is not known; .*bert, camembe"),
        ("bert", dict(position_embedding_type="relative_key"), "a form of 'bert' that"),
        ("bert", dict(is_decoder=True), "is_decoder=True is a form of 'bert' that is"),
        ("bert", dict(hidden_act="mish"), "hidden_act must be one of"),
        ("bert", dict(hidden_size="16"), "hidden_size must be a whole number"),
        ("bert", dict(num_attention_heads=3), "heads must divide dim=16, got 3"),
        ("bert", dict(num_hidden_layers=10**9), "cannot make up 1000000000 layers"),
        ("bert", dict(num_hidden_layers=1), r"unknown arrays: .*layer\.1\."),
        (
            "bert",
            dict(max_position_embeddings=21),
            r"is \[20, 16\], and position/",
        ),
        (
            "roberta",
            dict(pad_token_id=-2),
            "pad_token_id must be a whole number f",
        ),
        (
            "roberta",
            dict(max_position_embeddings=2),
            "max_steps must be a whole number",
        ),
        ("bert_classes", dict(id2label={"1": "a"}), "id2label must name classes 0, 1"),
        ("bert_classes", dict(id2label={"0": "a"}), r"classifier.weight' is \[3, 16\]"),
    ],
)
def test_a_configuration_that_is_not_read_is_named(name, change, message, tmp_path):
    with pytest.raises(ValueError, match=message) as found:
        from_hf(altered(name, tmp_path, **change))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("bert", dict(family="electra"), "family must be one of 'bert', 'camembert'"),
        ("bert", dict(token_types=0), "type_vocab_size must be a whole num"),
        ("bert", dict(position_offset=2), "cannot say {'position_offset': 2}"),
        ("bert", dict(pooler="relu"), "config.json of 'bert' cannot say {'pooler'"),
        ("bert", dict(pooling="max"), "cannot say {'pooling': 'max'}"),
        ("distilbert", dict(norm_eps=1e-5), "cannot say {'norm_eps': 1e-05}"),
        ("roberta", dict(position_offset=0), "pad_token_id must be a whole number"),
        ("bert", dict(activation="tanh"), "hidden_act must be one of .*, got ''"),
    ],
)
def test_what_config_json_cannot_say_is_not_written(name, change, message, tmp_path):
    assert_not_written(golden(name).pretrained, change, message, tmp_path)


def test_other_files_hold_decoders_only(tmp_path):
    with pytest.raises(TypeError, match="to_gguf writes decoders, got EncoderConfig"):
        to_gguf(golden("bert").pretrained, tmp_path / "a.gguf")
    with pytest.raises(TypeError, match=r"config must be one of .*'EncoderConfig'"):
        to_hf(golden("bert").pretrained._replace(config=None), tmp_path / "out")


def modules(folder, *kinds, pooling=MEAN, inside=""):
    said = [{"path": inside, "type": f"models.{kinds[0]}"}]
    said += [{"path": f"{i}_{x}", "type": f"models.{x}"} for i, x in enumerate(kinds)][
        1:
    ]
    (folder / "modules.json").write_text(json.dumps(said))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def test_a_folder_of_sentences_may_keep_its_network_inside(tmp_path):
    (tmp_path / "altered").mkdir()
    shutil.copytree(ROOT / "bert", tmp_path / "altered" / "0_Transformer")
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    place = dict(pooling=pooling, inside="0_Transformer")
    modules(tmp_path / "altered", "Transformer", "Pooling", **place)
    read = from_hf(tmp_path / "altered")
    assert (read.config.pooling, read.config.unit) == ("first", False)
    to_hf(read, tmp_path / "out")
    assert equal(from_hf(tmp_path / "out"), read)
    case = golden("bert")
    got = made(read, case.batch)
    np.testing.assert_allclose(got, case.wanted[:, 0], rtol=0, atol=3e-5)


@pytest.mark.parametrize(
    ("kinds", "more", "message"),
    [
        (("Transformer", "Pooling", "Dense"), {}, "modules .*'Dense'.* are not read"),
        (("Transformer", "Pooling"), {"inside": "../x"}, "'../x' is no folder inside"),
        (("Transformer", "Pooling"), {"inside": "/x"}, "'/x' is no folder inside"),
        (
            ("Transformer", "Pooling"),
            {"pooling": {"pooling_mode_lasttoken": True}},
            "pooling by .'pooling_mode_lasttoken'. is not read",
        ),
        (
            ("Transformer", "Pooling"),
            {"pooling": MEAN | {"pooling_mode_max_tokens": True}},
            "is not read, only one of",
        ),
    ],
)
def test_a_vector_made_in_another_way_is_refused(kinds, more, message, tmp_path):
    folder = altered("bert_sentence", tmp_path)
    modules(folder, *kinds, **more)
    with pytest.raises(ValueError, match=message):
        from_hf(folder)
    assert from_hf(folder, head="none").config.head == "none"


def test_modules_that_are_no_list_are_refused(tmp_path):
    folder = altered("bert_sentence", tmp_path)
    for content in ("{}", "[1]", "{", '[{"type": "a"}]'):
        (folder / "modules.json").write_text(content)
        with pytest.raises(ValueError, match=r"modules.json"):
            from_hf(folder)


def test_fields_make_the_configuration_again():
    config = golden("bert_classes").pretrained.config
    assert EncoderConfig(**json.loads(json.dumps(config.as_dict()))) == config
