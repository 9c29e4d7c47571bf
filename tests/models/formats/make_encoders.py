"""Makes the golden folders of encoders with transformers, and reads what was written.

    python make_encoders.py make ENCODERS
    python make_encoders.py check WRITTEN ENCODERS

As `make_goldens`; `golden.npz` holds tokens, their types and mask, and `wanted`:
logits, hidden states, or the vectors of sentences as sentence-transformers makes them.
"""

import json
import pathlib
import shutil
import sys

import numpy as np

SIZES = dict(
    vocab_size=61,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=20,
    attn_implementation="eager",
)
THIN = dict(
    vocab_size=61,
    dim=16,
    hidden_dim=24,
    n_layers=2,
    n_heads=4,
    max_position_embeddings=20,
    attn_implementation="eager",
)
MODULES = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
THREE = {"num_labels": 3, "id2label": {0: "no", 1: "perhaps", 2: "yes"}}


def cases():
    """Configuration and class of transformers by the names of the folders."""
    import transformers as t

    yield "bert", t.BertConfig(**SIZES), t.BertModel
    yield "bert_sentence", t.BertConfig(**SIZES), t.BertModel
    tanh = SIZES | dict(hidden_act="gelu_new", type_vocab_size=3, layer_norm_eps=1e-3)
    yield "bert_vocabulary", t.BertConfig(**tanh), t.BertForMaskedLM
    own = SIZES | dict(tie_word_embeddings=False)
    yield "bert_untied", t.BertConfig(**own), t.BertForMaskedLM
    three = t.BertConfig(**SIZES, **THREE)
    yield "bert_classes", three, t.BertForSequenceClassification
    yield "distilbert", t.DistilBertConfig(**THIN), t.DistilBertModel
    yield "distilbert_vocabulary", t.DistilBertConfig(**THIN), t.DistilBertForMaskedLM
    three = t.DistilBertConfig(**THIN, **THREE, activation="relu")
    yield "distilbert_classes", three, t.DistilBertForSequenceClassification
    yield "roberta", t.RobertaConfig(**SIZES, type_vocab_size=1), t.RobertaModel
    relu = SIZES | dict(hidden_act="relu", pad_token_id=3, bos_token_id=0)
    yield "roberta_vocabulary", t.RobertaConfig(**relu), t.RobertaForMaskedLM
    yield (
        "roberta_classes",
        t.RobertaConfig(**SIZES, **THREE),
        t.RobertaForSequenceClassification,
    )
    yield "xlm_roberta", t.XLMRobertaConfig(**SIZES), t.XLMRobertaForMaskedLM
    yield (
        "camembert",
        t.CamembertConfig(**SIZES),
        t.CamembertForSequenceClassification,
    )


def enlarge(model):
    """Weights, norms and biases that all matter."""
    import torch

    with torch.no_grad():
        for name, x in model.named_parameters():
            norm = x.ndim == 1 and "orm" in name
            x.copy_(torch.randn_like(x) * (0.3 if x.ndim == 2 else 0.5) + norm)


def batch(model, pad):
    """Two rows, the second with padding behind it; types where there are any."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(5, 61, (2, 12))
    mask = (np.arange(12)[None] < [[12], [9]]).astype(np.int32)
    types = np.zeros_like(tokens)
    if getattr(model.config, "type_vocab_size", 0) > 1:
        types[:, 5:] = 1
    return np.where(mask, tokens, pad).astype(np.int32), mask, types.astype(np.int32)


def outputs(model, tokens, mask, types, sentence):
    """What is compared, in float32."""
    import torch

    given = {"input_ids": tokens, "attention_mask": mask}
    if getattr(model.config, "type_vocab_size", 0):
        given["token_type_ids"] = types
    given = {name: torch.tensor(x).long() for name, x in given.items()}
    with torch.no_grad():
        made = model(**given)
    if hasattr(made, "logits"):
        return made.logits.numpy()
    hidden = made.last_hidden_state.numpy()
    if not sentence:
        return hidden
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    return mean / np.linalg.norm(mean, axis=-1, keepdims=True)


def modules(folder):
    """The files of sentence-transformers, as all-MiniLM-L6-v2 has them."""
    said = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.{x}"}
        for i, (x, path) in enumerate(MODULES)
    ]
    (folder / "modules.json").write_text(json.dumps(said))
    names = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    modes = {f"pooling_mode_{name}": name == "mean_tokens" for name in names}
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 16, **modes}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def make(folder, config, kind):
    """One folder, and the largest number that is compared."""
    import torch

    torch.manual_seed(0)
    model = kind(config).eval().float()
    enlarge(model)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    sentence = folder.name.endswith("sentence")
    if sentence:
        modules(folder)
    given = batch(model, config.pad_token_id)
    wanted = outputs(model, *given, sentence)
    names = ("tokens", "mask", "types", "wanted")
    stored = dict(zip(names, (*given, wanted), strict=True))
    np.savez(folder / "golden.npz", **stored)
    return float(np.abs(wanted).max())


def check(written, goldens):
    """How far outputs are that transformers computes of folders of the same names."""
    import torch

    kinds = {name: kind for name, _, kind in cases()}
    for folder in sorted(written.iterdir()):
        stored = np.load(goldens / folder.name / "golden.npz")
        model, found = kinds[folder.name].from_pretrained(
            folder, output_loading_info=True, dtype=torch.float32
        )
        given = (stored[name] for name in ("tokens", "mask", "types"))
        made = outputs(model.eval(), *given, folder.name.endswith("sentence"))
        apart = np.abs(made - stored["wanted"]).max() / np.abs(stored["wanted"]).max()
        faults = {kind: names for kind, names in found.items() if names}
        labels = getattr(model.config, "id2label", None)
        sys.stdout.write(f"{folder.name} {apart:.1e} {faults} {labels}\n")


def main():
    """All folders."""
    command, *roots = sys.argv[1:]
    if command == "check":
        check(*map(pathlib.Path, roots))
        return
    for name, config, kind in cases():
        folder = pathlib.Path(roots[0]) / name
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.write(f"{name} {make(folder, config, kind)}\n")


if __name__ == "__main__":
    main()
