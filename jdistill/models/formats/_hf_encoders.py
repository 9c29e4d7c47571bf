"""The families of Hugging Face's encoders, as data, and their tables of rows."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jdistill.models.formats._changes import transpose
from jdistill.models.formats._rows import Row
from jdistill.models.transformers import EncoderConfig

_TABLES = ("embed", "position", "type")
_KEYS = {
    "vocab": "vocab_size",
    "dim": "hidden_size",
    "depth": "num_hidden_layers",
    "heads": "num_attention_heads",
    "mlp_dim": "intermediate_size",
    "max_steps": "max_position_embeddings",
    "token_types": "type_vocab_size",
    "norm_eps": "layer_norm_eps",
    "activation": "hidden_act",
}
_DEFAULTS = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
}
_AT = "encoder.layer.{layer}"
_BODY = {
    "embed": "embeddings.word_embeddings",
    "position": "embeddings.position_embeddings",
    "type": "embeddings.token_type_embeddings",
    "embed_norm": "embeddings.LayerNorm",
    **{
        f"layers/attention/{name}": f"{_AT}.attention.self.{name}"
        for name in ("query", "key", "value")
    },
    "layers/attention/out": f"{_AT}.attention.output.dense",
    "layers/attention_norm": f"{_AT}.attention.output.LayerNorm",
    "layers/mlp/up": f"{_AT}.intermediate.dense",
    "layers/mlp/down": f"{_AT}.output.dense",
    "layers/mlp_norm": f"{_AT}.output.LayerNorm",
}
_THIN = "transformer.layer.{layer}"
_DISTIL = {
    "embed": "embeddings.word_embeddings",
    "position": "embeddings.position_embeddings",
    "embed_norm": "embeddings.LayerNorm",
    **{
        f"layers/attention/{name}": f"{_THIN}.attention.{short}_lin"
        for name, short in (("query", "q"), ("key", "k"), ("value", "v"))
    },
    "layers/attention/out": f"{_THIN}.attention.out_lin",
    "layers/attention_norm": f"{_THIN}.sa_layer_norm",
    "layers/mlp/up": f"{_THIN}.ffn.lin1",
    "layers/mlp/down": f"{_THIN}.ffn.lin2",
    "layers/mlp_norm": f"{_THIN}.output_layer_norm",
}


class EncoderFamily(NamedTuple):
    """One family.

    * `kind`: its `model_type`. `stem`: what the classes of transformers begin with.
    * `prefix`: of the body's names, where a head stands beside it.
    * `body`: what our parts are called in it.
    * `heads`: by head, what our parts are called; `pooler` among them.
    * `bias`, `matrix`: arrays that make logits of a vocabulary. Where the matrix is
      stored its own bias is what counts, and `bias` nothing or a copy.
    * `pooler`: activation of a classifier's. `head_activation`: of a vocabulary's
      transform, None for that of the layers.
    * `defaults`: what is meant where a file says nothing.
    * `fixed`: fields that no file says.
    * `only`: values of keys that are read; others are another network.
    * `keys`: of fields, '' where there is none.
    * `offset`: whether positions begin behind the id of padding.
    """

    kind: str
    stem: str
    prefix: str
    body: Mapping[str, str]
    heads: Mapping[str, Mapping[str, str]]
    bias: str
    matrix: str
    pooler: str
    defaults: Mapping[str, Any]
    fixed: Mapping[str, Any] = {}
    only: Mapping[str, Any] = {}
    keys: Mapping[str, str] = _KEYS
    offset: bool = False
    head_activation: str | None = None

    @property
    def architectures(self) -> dict[str, str]:
        """The class that transformers makes, by head."""
        return {
            "none": f"{self.stem}Model",
            "sentence": f"{self.stem}Model",
            "vocabulary": f"{self.stem}ForMaskedLM",
            "classes": f"{self.stem}ForSequenceClassification",
        }

    @property
    def prefixes(self) -> tuple[tuple[str, str], ...]:
        """What a name of the body may begin with, and how we spell it."""
        firsts = dict.fromkeys(
            name.split(".")[0] for name in (*self.body.values(), "pooler")
        )
        return ((rf"(?=({'|'.join(firsts)})\.)", self.prefix),)


_ONLY = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}


def _after_roberta(kind: str, stem: str, **defaults: Any) -> EncoderFamily:
    """RoBERTa and those after it: positions behind the id of padding, a head apart."""
    return EncoderFamily(
        kind,
        stem,
        "roberta.",
        _BODY,
        {
            "none": {"pooler": "roberta.pooler.dense"},
            "vocabulary": {
                "transform": "lm_head.dense",
                "transform_norm": "lm_head.layer_norm",
            },
            "classes": {"pooler": "classifier.dense", "head": "classifier.out_proj"},
        },
        "lm_head.bias",
        "lm_head.decoder.weight",
        "tanh",
        {**_DEFAULTS, "pad_token_id": 1, **defaults},
        only=_ONLY,
        offset=True,
        head_activation="gelu",
    )


ENCODERS: Mapping[str, EncoderFamily] = {
    "bert": EncoderFamily(
        "bert",
        "Bert",
        "bert.",
        _BODY,
        {
            "none": {"pooler": "bert.pooler.dense"},
            "vocabulary": {
                "transform": "cls.predictions.transform.dense",
                "transform_norm": "cls.predictions.transform.LayerNorm",
            },
            "classes": {"pooler": "bert.pooler.dense", "head": "classifier"},
        },
        "cls.predictions.bias",
        "cls.predictions.decoder.weight",
        "tanh",
        _DEFAULTS,
        only=_ONLY,
    ),
    "distilbert": EncoderFamily(
        "distilbert",
        "DistilBert",
        "distilbert.",
        _DISTIL,
        {
            "none": {},
            "vocabulary": {
                "transform": "vocab_transform",
                "transform_norm": "vocab_layer_norm",
            },
            "classes": {"pooler": "pre_classifier", "head": "classifier"},
        },
        "vocab_projector.bias",
        "vocab_projector.weight",
        "relu",
        {
            "vocab_size": 30522,
            "dim": 768,
            "n_layers": 6,
            "n_heads": 12,
            "hidden_dim": 3072,
            "max_position_embeddings": 512,
            "activation": "gelu",
        },
        fixed={"token_types": 0, "norm_eps": 1e-12},
        keys={
            "vocab": "vocab_size",
            "dim": "dim",
            "depth": "n_layers",
            "heads": "n_heads",
            "mlp_dim": "hidden_dim",
            "max_steps": "max_position_embeddings",
            "token_types": "",
            "norm_eps": "",
            "activation": "activation",
        },
    ),
    "roberta": _after_roberta("roberta", "Roberta", vocab_size=50265),
    "xlm_roberta": _after_roberta("xlm-roberta", "XLMRoberta"),
    "camembert": _after_roberta("camembert", "Camembert"),
}
"""The families by the names that a configuration has."""


def encoder_rows(config: EncoderConfig) -> tuple[Row, ...]:
    """Every array of a file of the configuration's family and head.

    Args:
        config: sizes, family and head.

    Example:
        >>> config = EncoderConfig(vocab=50, dim=16, depth=2, heads=4, mlp_dim=32,
        ...                        max_steps=64)
        >>> [row.name for row in encoder_rows(config)][:2]
        ['bert.embeddings.word_embeddings.weight', \
'bert.embeddings.position_embeddings.weight']
    """
    family = ENCODERS[config.family]
    own = family.heads["none" if config.head == "sentence" else config.head]
    names = {part: f"{family.prefix}{name}" for part, name in family.body.items()}
    if config.pooler is None:
        own = {part: name for part, name in own.items() if part != "pooler"}
    rows = [row for part, name in {**names, **own}.items() for row in _part(part, name)]
    return (*rows, *_vocabulary(config, family))


def _part(ours: str, theirs: str) -> Iterator[Row]:
    if ours in _TABLES:
        yield Row(f"{theirs}.weight", (f"{ours}/embedding",))
        return
    norm = ours.endswith("norm")
    weight, changes = ("scale", ()) if norm else ("kernel", (transpose,))
    yield Row(f"{theirs}.weight", (f"{ours}/{weight}",), changes)
    yield Row(f"{theirs}.bias", (f"{ours}/bias",))


def _vocabulary(config: EncoderConfig, family: EncoderFamily) -> Iterator[Row]:
    if config.head != "vocabulary":
        return
    yield Row(bias_of(family, tied=config.tied), ("head/bias",))
    if not config.tied:
        yield Row(family.matrix, ("head/kernel",), (transpose,))


def bias_of(family: EncoderFamily, *, tied: bool) -> str:
    """The bias of a vocabulary: that of the matrix, where the head has its own.

    Args:
        family: whose names.
        tied: whether the embedding is the matrix.
    """
    return family.bias if tied else family.matrix.replace("weight", "bias")
