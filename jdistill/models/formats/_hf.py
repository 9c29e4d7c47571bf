"""Networks in folders of Hugging Face: config.json and safetensors files."""

import json
import os
import pathlib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jdistill import kinds, tokenizers, tree
from jdistill.checks import whole
from jdistill.files import filling
from jdistill.models._sizes import float_type
from jdistill.models.formats._hf_config import family_of
from jdistill.models.formats._hf_facts import read_json
from jdistill.models.formats._hf_kinds import Kind, kind_named, kind_of
from jdistill.models.formats._hf_sentence import Sentence, read_sentence
from jdistill.models.formats._pretrained import Pretrained, padded, unpadded
from jdistill.models.formats._rows import Source, read_rows, summary, write_rows
from jdistill.models.formats._safetensors import open_folder, write_folder
from jdistill.typing import Frozen, Tokenizer, Tree
from jdistill.words import check_path

_BUFFERS = re.compile(
    r"(.*\.)?(rotary_emb\.inv_freq|(attn|attention)\.(masked_)?bias|position_ids"
    r"|token_type_ids)"
)
_NOT_TEXT = re.compile(
    r"(model\.)?(vision_tower|vision_model|visual|multi_modal_\w+)\..*"
)
_OLD = {".gamma": ".weight", ".beta": ".bias"}
_SHARD = 5_000_000_000


def from_hf(
    folder: str | os.PathLike[str],
    *,
    dtype: str = "float32",
    compute_dtype: str = "float32",
    remat: str = "none",
    head: str | None = None,
    shardings: Callable[[Tree], Tree] | None = None,
) -> Pretrained:
    """A pretrained decoder, encoder or both in one from a folder of Hugging Face.

    The files are mapped and read one array at a time, so that the peak of memory is
    hardly above the parameters. The arrays decide which products have a bias and
    whether the head is the embedding's transpose.

    Args:
        folder: with `config.json`; with `model.safetensors`, or the files that
            `model.safetensors.index.json` names; and, for a tokenizer, with
            `tokenizer.json` (`tokenizers.from_hf`, which reads the ids that end a text
            here too). One of sentence-transformers has `modules.json` too.
        dtype: of the parameters; 'float32' where they are trained.
        compute_dtype: what the network computes in.
        remat: what the backward pass computes again, as of `decoder`.
        head: of an encoder, as of `EncoderConfig`; None for the one that there is.
        shardings: from the shapes of the parameters to where each goes, such as
            `lambda shapes: train.shardings(shapes, mesh, rules)`; each device's part is
            read alone. None for the default device.

    Returns:
        The model, its frozen variables, its configuration and its tokenizer.

    Raises:
        ValueError: a file is missing, cut off or altered; the family or a form of it
            is not known; an array is missing, unknown or of the wrong shape; the file
            does not have the head; the tokenizer is that of another network.

    References:
        Wolf et al., arXiv:1910.03771.

    Example:
        >>> from_hf('/nowhere')
        Traceback (most recent call last):
        ValueError: no file at /nowhere/config.json
    """
    check_path(folder=folder)
    kept, (path, sentence) = float_type(dtype), _home(pathlib.Path(folder), head)
    said = read_json(path / "config.json")
    name, text = _named(path / "config.json", lambda: family_of(said))
    kind = kind_named(name)
    source = _spelt(open_folder(path), kind.families[name].prefixes)
    config, source = _named(
        path / "config.json",
        lambda: kind.read(name, text, source, head=head, sentence=sentence),
    )
    tokenizer = _tokenizer(path)
    config = _named(path, lambda: padded(config, tokenizer))
    model = kind.make(config, dtype=compute_dtype, remat=remat)
    like = jax.eval_shape(model.init, jax.random.key(0), {})[0]
    homes = None if shardings is None else shardings(like)
    params = _named(
        path,
        lambda: read_rows(kind.rows(config), source, like, dtype=kept, shardings=homes),
    )
    return Pretrained(model, Frozen(params, {}), config, tokenizer)


def to_hf(
    pretrained: Pretrained,
    folder: str | os.PathLike[str],
    *,
    dtype: str | None = None,
    shard_bytes: int = _SHARD,
) -> None:
    """Writes a folder that transformers loads: config.json and safetensors files.

    A network that writes texts has a generation_config.json too, of the ids that begin
    and end them alone: nothing there cuts a distribution that is drawn from.

    An encoder of sentences is written so that sentence-transformers loads it too. The
    folder appears whole or not at all. A trained network is written by
    `pretrained._replace(frozen=Frozen(params, state))`.

    Args:
        pretrained: `config` and `frozen.params` are written, and the tokenizer.
        folder: where to; it must be missing or empty.
        dtype: of the arrays, None for that of the parameters.
        shard_bytes: the most bytes of a file.

    Returns:
        None.

    Raises:
        ValueError: the folder holds something, config.json cannot say what the
            configuration does, or the parameters are not its.

    Example:
        >>> import tempfile
        >>> from jdistill.models import DecoderConfig, decoder
        >>> config = DecoderConfig(vocab=50, dim=16, depth=2, heads=4, kv_heads=2,
        ...                        head_dim=4, mlp_dim=32, max_steps=64)
        >>> model = decoder(config)
        >>> made = Pretrained(model, Frozen(*model.init(jax.random.key(0), {})), config)
        >>> folder = tempfile.mkdtemp()
        >>> to_hf(made, folder)
        >>> from_hf(folder).config == config
        True
    """
    kinds.instance(
        Pretrained, "a Pretrained (models.from_hf...)", {"pretrained": pretrained}
    )
    check_path(folder=folder)
    whole(shard_bytes=shard_bytes)
    kept = None if dtype is None else float_type(dtype)
    kind, params = kind_of(pretrained.config), pretrained.frozen.params
    config = unpadded(pretrained.config, pretrained.tokenizer)
    said = kind.write(config)
    _fits(kind, config, params)
    source = write_rows(kind.rows(config), params, dtype=kept)
    source = kind.written(config, source)
    said["torch_dtype"] = np.dtype(next(iter(source.names.values())).dtype).name
    said = _special(pretrained.tokenizer) | said

    with filling(folder) as path:
        (path / "config.json").write_text(json.dumps(said, indent=2) + "\n")
        write_folder(source, path, shard_bytes)
        if pretrained.tokenizer is not None:
            tokenizers.to_hf(pretrained.tokenizer, path)
            if kind.make(config).decoding is not None:
                ids = json.dumps(_generation(said), indent=2) + "\n"
                (path / "generation_config.json").write_text(ids)
        kind.beside(config, path)


def _home(
    folder: pathlib.Path, head: str | None
) -> tuple[pathlib.Path, Sentence | None]:
    """Where the network is, and how it makes vectors of texts if the folder says so."""
    sentence = None if head not in (None, "sentence") else read_sentence(folder)
    return (folder / sentence.path if sentence else folder), sentence


def _tokenizer(folder: pathlib.Path) -> Tokenizer | None:
    """The folder's; None where it has none."""
    there = (folder / "tokenizer.json").is_file()
    return tokenizers.from_hf(folder) if there else None


def _special(tokenizer: Tokenizer | None) -> dict[str, Any]:
    """Ids that config.json says too; null, since transformers has ids of its own."""
    special = {} if tokenizer is None else tokenizer.special
    ends = () if tokenizer is None else tokenizer.ends
    end = None if not ends else ends[0] if len(ends) == 1 else list(ends)
    ids = {f"{role}_token_id": special.get(role) for role in ("bos", "pad")}
    return ids | {"eos_token_id": end}


def _generation(said: Mapping[str, Any]) -> dict[str, Any]:
    """What transformers writes texts by: where they begin and end, nothing drawn."""
    roles = ("bos", "eos", "pad", "decoder_start")
    ids = {key: said.get(key) for key in (f"{role}_token_id" for role in roles)}
    return {key: found for key, found in ids.items() if found is not None}


def _spelt(source: Source, prefixes: Collection[tuple[str, str]]) -> Source:
    """The arrays of the text network by the family's names, without buffers."""
    theirs: dict[str, str] = {}
    for name in source.names:
        if _BUFFERS.fullmatch(name) or _NOT_TEXT.fullmatch(name):
            continue
        ours = _spell(name, prefixes)
        if ours in theirs:
            raise ValueError(f"{name!r} and {theirs[ours]!r} are one array")
        theirs[ours] = name
    kinds = {ours: source.names[name] for ours, name in theirs.items()}
    whole = [
        name for name, x in kinds.items() if not jnp.issubdtype(x.dtype, np.floating)
    ]
    if whole:
        raise ValueError(f"arrays that hold no real numbers: {summary(whole)}")
    return Source(kinds, lambda name: source.get(theirs[name]))


def _spell(name: str, prefixes: Collection[tuple[str, str]]) -> str:
    for old, new in _OLD.items():
        if name.endswith(old):
            name = name.removesuffix(old) + new
    for pattern, ours in prefixes:
        if found := re.match(pattern, name):
            return ours + name[found.end() :]
    return name


def _fits(kind: Kind, config: Any, params: Tree) -> None:
    """Refuses parameters that are not of the configuration's shapes."""
    like = jax.eval_shape(kind.make(config).init, jax.random.key(0), {})[0]
    shapes = {path: x.shape for path, x in tree.flatten(like).items()}
    for path, x in tree.flatten(params).items():
        if path in shapes and np.shape(x) != shapes[path]:
            raise ValueError(
                f"{path} is {list(np.shape(x))}, and the configuration makes it "
                f"{list(shapes[path])}"
            )


def _named(path: pathlib.Path, make: Callable[[], Any]) -> Any:
    """A fault of a file, with its path."""
    try:
        return make()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
