"""What a model computes: its products, their operands, and other ways to run them."""

from jdistill.ops._count import Cost as Cost
from jdistill.ops._count import Count as Count
from jdistill.ops._count import count as count
from jdistill.ops._merge import merge as merge
from jdistill.ops._observe import activation_scales as activation_scales
from jdistill.ops._observe import gram as gram
from jdistill.ops._observe import input_squares as input_squares
from jdistill.ops._observe import observe as observe
from jdistill.ops._observe import ranges as ranges
from jdistill.ops._observe import second_moments as second_moments
from jdistill.ops._op import Dims as Dims
from jdistill.ops._op import Op as Op
from jdistill.ops._op import Opaque as Opaque
from jdistill.ops._op import Weight as Weight
from jdistill.ops._op import dims_of as dims_of
from jdistill.ops._padding import rows as rows
from jdistill.ops._products import opaque as opaque
from jdistill.ops._products import order as order
from jdistill.ops._products import products as products
from jdistill.ops._products import uncovered as uncovered
from jdistill.ops._products import weights as weights
from jdistill.ops._quantize import dequantize as dequantize
from jdistill.ops._quantize import fake_quantize as fake_quantize
from jdistill.ops._quantize import quantize as quantize
from jdistill.ops._rewrite import execute_int8 as execute_int8
from jdistill.ops._rewrite import rewrite as rewrite
from jdistill.ops._rewrite import simulate_int8 as simulate_int8
from jdistill.ops._run import interpret as interpret
from jdistill.ops._scale import absmax_scale as absmax_scale
from jdistill.ops._scale import block_shape as block_shape
from jdistill.ops._scale import minmax_scale as minmax_scale
from jdistill.ops._scale import refuse_scale as refuse_scale
from jdistill.ops._scale import spread as spread
from jdistill.ops._uses import Use as Use
from jdistill.ops._uses import uses as uses
from jdistill.ops._visits import Visit as Visit
from jdistill.ops._visits import observe_visit as observe_visit
from jdistill.ops._visits import visits as visits

__all__ = [
    "Cost",
    "Count",
    "Dims",
    "Op",
    "Opaque",
    "Use",
    "Visit",
    "Weight",
    "absmax_scale",
    "activation_scales",
    "block_shape",
    "count",
    "dequantize",
    "dims_of",
    "execute_int8",
    "fake_quantize",
    "gram",
    "input_squares",
    "interpret",
    "merge",
    "minmax_scale",
    "observe",
    "observe_visit",
    "opaque",
    "order",
    "products",
    "quantize",
    "ranges",
    "refuse_scale",
    "rewrite",
    "rows",
    "second_moments",
    "simulate_int8",
    "spread",
    "uncovered",
    "uses",
    "visits",
    "weights",
]
