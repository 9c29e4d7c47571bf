"""Makes golden folders of encoder-decoders; transformers reads what was written.

    python -m tests.models.formats.make_encoder_decoders make ENCODER_DECODERS
    python -m tests.models.formats.make_encoder_decoders check WRITTEN ENCODER_DECODERS

Needs torch and transformers, which the tests do not. Each folder holds what
`save_pretrained` writes of a tiny random network, and `golden.npz` with sources, the
beginnings of texts and the logits of those in float32. The second source is padded.
"""

import pathlib
import shutil
import sys

import numpy as np

from tests.models.formats.make_goldens import enlarge

SIZES = dict(
    vocab_size=61,
    d_model=16,
    d_kv=6,
    d_ff=24,
    num_layers=3,
    num_decoder_layers=2,
    num_heads=4,
    decoder_start_token_id=0,
)


def cases():
    """Configurations by the names of their folders."""
    import transformers as t

    yield "t5", t.T5Config(**SIZES)
    yield (
        "t5_1_1",
        t.T5Config(
            **SIZES,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False,
            relative_attention_num_buckets=8,
            relative_attention_max_distance=11,
        ),
    )


def logits_of(model, stored):
    """Of the texts in a stored golden."""
    import torch

    names = ("input_ids", "attention_mask", "decoder_input_ids")
    given = (stored[name] for name in ("source", "source_mask", "inputs"))
    batch = {n: torch.tensor(x).long() for n, x in zip(names, given, strict=True)}
    with torch.no_grad():
        return model(**batch).logits.numpy()


def make(config, folder, steps=(34, 20)):
    """One folder, and the largest logit."""
    import torch
    import transformers as t

    torch.manual_seed(0)
    model = t.AutoModelForSeq2SeqLM.from_config(config).eval().float()
    if not config.scale_decoder_outputs:  # a head of its own
        model.lm_head.weight = torch.nn.Parameter(torch.empty(61, 16))
    enlarge(model)
    model.save_pretrained(folder)
    source, text = (
        np.random.default_rng(i).integers(3, 61, (2, steps[i])) for i in (0, 1)
    )
    text[:, 0] = config.decoder_start_token_id
    mask = np.arange(steps[0]) < np.array([[steps[0]], [25]])
    stored = {
        "source": source.astype(np.int32),
        "source_mask": mask.astype(np.float32),
        "inputs": text.astype(np.int32),
    }
    logits = logits_of(model, stored)
    np.savez(folder / "golden.npz", **stored, logits=logits)
    return float(np.abs(logits).max())


def check(written, goldens):
    """How far logits are that transformers computes of folders of the same names."""
    import torch
    import transformers as t

    for folder in sorted(written.iterdir()):
        stored = np.load(goldens / folder.name / "golden.npz")
        model, found = t.AutoModelForSeq2SeqLM.from_pretrained(
            folder, output_loading_info=True, dtype=torch.float32
        )
        logits = logits_of(model.eval(), stored)
        apart = np.abs(logits - stored["logits"]).max() / np.abs(stored["logits"]).max()
        faults = {kind: names for kind, names in found.items() if names}
        sys.stdout.write(f"{folder.name} {type(model).__name__} {apart:.1e} {faults}\n")


def main():
    """All folders."""
    command, *roots = map(pathlib.Path, sys.argv[1:])
    if command.name == "check":
        check(*roots)
        return
    for name, config in cases():
        folder = roots[0] / name
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.write(f"{name} {make(config, folder)}\n")
        (folder / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
