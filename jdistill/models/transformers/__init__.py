"""Transformers of the families that pretrained files hold."""

from jdistill.models.transformers._decoder import decoder as decoder
from jdistill.models.transformers._decoder_config import DecoderConfig as DecoderConfig
from jdistill.models.transformers._encoder import encoder as encoder
from jdistill.models.transformers._encoder_config import EncoderConfig as EncoderConfig
from jdistill.models.transformers._encoder_decoder import (
    encoder_decoder as encoder_decoder,
)
from jdistill.models.transformers._encoder_decoder_config import (
    EncoderDecoderConfig as EncoderDecoderConfig,
)

__all__ = [
    "DecoderConfig",
    "EncoderConfig",
    "EncoderDecoderConfig",
    "decoder",
    "encoder",
    "encoder_decoder",
]
