"""Transformers of the families that pretrained files hold."""

from jdistill.models.transformers._decoder import decoder as decoder
from jdistill.models.transformers._decoder_config import DecoderConfig as DecoderConfig
from jdistill.models.transformers._encoder import encoder as encoder
from jdistill.models.transformers._encoder_config import EncoderConfig as EncoderConfig

__all__ = ["DecoderConfig", "EncoderConfig", "decoder", "encoder"]
