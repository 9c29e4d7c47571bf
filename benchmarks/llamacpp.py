"""What llama.cpp makes of the GGUF files that are written here, beside our logits.

    python -m benchmarks.llamacpp write MODEL.gguf FOLDER
    python -m benchmarks.llamacpp run FOLDER

The first reads a network and writes `F32.gguf`, `F16.gguf` and `Q8_0.gguf` (int8 codes
in groups of 32, the embedding's too), each with our logits of the file as it is read
again. The second, with `llama-cpp-python` and without us, runs each and prints a line:
the largest difference of logits, the mean divergence and how often the likeliest token
is the same. llama.cpp rounds activations to the type of the weights before a product,
to 8 bits beside Q8_0, so only F32 can be close.
"""

import argparse
import json
import pathlib
from typing import Any

import numpy as np

TEXT = (
    "The tower is 324 metres tall, about the same height as an 81-storey building, and "
    "the tallest structure in Paris. Its base is square, measuring 125 metres on each "
    "side. During its construction, it surpassed the Washington Monument to become the "
    "tallest man-made structure in the world, a title it held for 41 years."
)
KERNELS = r"embed/embedding|layers/(attention|mlp)/\w+/kernel"


def write(args: argparse.Namespace) -> None:
    """The files, with tokens and logits beside each."""
    from jdistill import models

    folder = pathlib.Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    read = models.from_gguf(args.model)
    said = models.gguf_metadata(args.model)
    tokens = read.tokenizer.encode(TEXT)
    if read.tokenizer.begins:
        tokens = np.append(np.int32(read.tokenizer.special["bos"]), tokens)
    eight, encoded = in_eight_bits(read)
    for name, network, options in (
        ("F32", read, {}),
        ("F16", read, {"floats": "F16"}),
        ("Q8_0", eight, {"encoded": encoded}),
    ):
        path = folder / f"{name}.gguf"
        models.to_gguf(network, path, metadata=said, **options)
        logits = logits_of(models.from_gguf(path), tokens)
        np.savez(folder / f"{name}.npz", tokens=tokens, logits=logits)


def in_eight_bits(read: Any) -> tuple[Any, Any]:
    """The network with int8 weights in groups of 32, and their codes."""
    import jax.numpy as jnp

    from jdistill import compress, ops
    from jdistill.typing import Frozen

    def logits(params, batch):
        return read.model.apply(params, {}, batch)[0].logits

    batch = {"inputs": jnp.zeros((1, 3), jnp.int32)}
    params = read.frozen.params
    coding = compress.fake_quant(where=KERNELS, group_size=32, scale_dtype="float16")
    at = coding.init(params, products=ops.uses(logits, params, batch))
    applied = Frozen(coding.apply(params, *at), {})
    return read._replace(frozen=applied), coding.encode(params, *at)


def logits_of(read: Any, tokens: np.ndarray) -> np.ndarray:
    """`[steps, vocab]`."""
    import jax

    apply = jax.jit(lambda params, batch: read.model.apply(params, {}, batch)[0].logits)
    return np.asarray(apply(read.frozen.params, {"inputs": tokens[None]}))[0]


def run(args: argparse.Namespace) -> None:
    """One line for each file."""
    import llama_cpp

    folder = pathlib.Path(args.folder)
    for path in sorted(folder.glob("*.gguf")):
        stored = np.load(path.with_suffix(".npz"))
        tokens, ours = stored["tokens"], stored["logits"]
        options = {"n_ctx": 512, "n_threads": 2, "verbose": False}
        # keys and values in float32; llama.cpp keeps them in float16 by default
        options |= {
            "type_k": llama_cpp.GGML_TYPE_F32,
            "type_v": llama_cpp.GGML_TYPE_F32,
        }
        network = llama_cpp.Llama(str(path), logits_all=True, **options)
        network.eval(tokens.tolist())
        theirs = np.array(network.scores[: len(tokens)])
        same = network.tokenize(TEXT.encode(), add_bos=bool(tokens[0] == 2))
        row = {
            "kind": path.stem,
            "bytes": path.stat().st_size,
            "same_tokens": same == tokens.tolist(),
            "tokens": len(tokens),
            "logit_difference": float(np.abs(ours - theirs).max()),
            "logit_largest": float(np.abs(ours).max()),
            "kl": divergence(ours, theirs),
            "agreement": float((ours.argmax(-1) == theirs.argmax(-1)).mean()),
            "llama_cpp_python": llama_cpp.__version__,
        }
        print(json.dumps(row), flush=True)


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The mean over tokens, in nats."""
    ours, theirs = (x - x.max(-1, keepdims=True) for x in (ours, theirs))
    ours, theirs = (
        x - np.log(np.exp(x.astype(np.float64)).sum(-1, keepdims=True))
        for x in (ours, theirs)
    )
    return float((np.exp(ours) * (ours - theirs)).sum(-1).mean())


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    writer = commands.add_parser("write")
    writer.add_argument("model", help="a GGUF file")
    writer.add_argument("folder")
    runner = commands.add_parser("run")
    runner.add_argument("folder")
    args = parser.parse_args()
    {"write": write, "run": run}[args.command](args)


if __name__ == "__main__":
    main()
