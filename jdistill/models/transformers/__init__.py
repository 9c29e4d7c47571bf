"""Transformers of the families that pretrained files hold."""

from jdistill.models.transformers._decoder import decoder as decoder
from jdistill.models.transformers._decoder_config import DecoderConfig as DecoderConfig

__all__ = ["DecoderConfig", "decoder"]
