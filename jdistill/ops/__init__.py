"""What a model computes: its products, their operands, and other ways to run them."""

from jdistill.ops._quantize import absmax_scale as absmax_scale
from jdistill.ops._quantize import dequantize as dequantize
from jdistill.ops._quantize import fake_quantize as fake_quantize
from jdistill.ops._quantize import quantize as quantize

__all__ = [
    "absmax_scale",
    "dequantize",
    "fake_quantize",
    "quantize",
]
