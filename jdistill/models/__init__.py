"""Networks, and what makes a network of any framework a `Model`."""

from jdistill.models._cnn import cnn as cnn
from jdistill.models._dtype import compute_in as compute_in
from jdistill.models._encoder import encoder_classifier as encoder_classifier
from jdistill.models._function import from_function as from_function
from jdistill.models._generated import generated as generated
from jdistill.models._head import offer_head as offer_head
from jdistill.models._int8 import execute_int8 as execute_int8
from jdistill.models._int8 import observe_int8 as observe_int8
from jdistill.models._int8 import simulate_int8 as simulate_int8
from jdistill.models._layers import begin_with as begin_with
from jdistill.models._layers import begin_with_stacked as begin_with_stacked
from jdistill.models._lenet import lenet5 as lenet5
from jdistill.models._lenet import lenet_300_100 as lenet_300_100
from jdistill.models._linen import from_linen as from_linen
from jdistill.models._lora import lora as lora
from jdistill.models._lora import lora_start as lora_start
from jdistill.models._mlp import mlp as mlp
from jdistill.models._ngrams import idf_gates as idf_gates
from jdistill.models._ngrams import ngram_classifier as ngram_classifier
from jdistill.models._nnx import from_nnx as from_nnx
from jdistill.models._peers import peers as peers
from jdistill.models._reading import reading as reading
from jdistill.models._resnet import resnet as resnet
from jdistill.models._summary import Layer as Layer
from jdistill.models._summary import Summary as Summary
from jdistill.models._summary import summary as summary
from jdistill.models._taps import tap as tap
from jdistill.models._vit import vit as vit
from jdistill.models.formats import Pretrained as Pretrained
from jdistill.models.formats import from_gguf as from_gguf
from jdistill.models.formats import from_hf as from_hf
from jdistill.models.formats import from_llama2c as from_llama2c
from jdistill.models.formats import gguf_metadata as gguf_metadata
from jdistill.models.formats import to_gguf as to_gguf
from jdistill.models.formats import to_hf as to_hf
from jdistill.models.transformers import DecoderConfig as DecoderConfig
from jdistill.models.transformers import EncoderConfig as EncoderConfig
from jdistill.models.transformers import EncoderDecoderConfig as EncoderDecoderConfig
from jdistill.models.transformers import decoder as decoder
from jdistill.models.transformers import encoder as encoder
from jdistill.models.transformers import encoder_decoder as encoder_decoder

__all__ = [
    "DecoderConfig",
    "EncoderConfig",
    "EncoderDecoderConfig",
    "Layer",
    "Pretrained",
    "Summary",
    "begin_with",
    "begin_with_stacked",
    "cnn",
    "compute_in",
    "decoder",
    "encoder",
    "encoder_classifier",
    "encoder_decoder",
    "execute_int8",
    "from_function",
    "from_gguf",
    "from_hf",
    "from_linen",
    "from_llama2c",
    "from_nnx",
    "generated",
    "gguf_metadata",
    "idf_gates",
    "lenet5",
    "lenet_300_100",
    "lora",
    "lora_start",
    "mlp",
    "ngram_classifier",
    "observe_int8",
    "offer_head",
    "peers",
    "reading",
    "resnet",
    "simulate_int8",
    "summary",
    "tap",
    "to_gguf",
    "to_hf",
    "vit",
]
