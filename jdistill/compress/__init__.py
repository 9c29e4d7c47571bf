"""Compression of parameters: masks, codes and what a file keeps of them."""

from jdistill.compress._combine import chain as chain
from jdistill.compress._combine import identity as identity
from jdistill.compress._encoded import Codebook as Codebook
from jdistill.compress._encoded import Dense as Dense
from jdistill.compress._encoded import Encoded as Encoded
from jdistill.compress._encoded import Factors as Factors
from jdistill.compress._encoded import Quantized as Quantized
from jdistill.compress._encoded import Sparse as Sparse
from jdistill.compress._encoded import check_encoded as check_encoded
from jdistill.compress._encoded import decode as decode
from jdistill.compress._encoded import integer_params as integer_params
from jdistill.compress._encoded import step_sizes as step_sizes
from jdistill.compress._factors import factors as factors
from jdistill.compress._freeze import freeze as freeze
from jdistill.compress._gradient import masked as masked
from jdistill.compress._gradient import pull_back as pull_back
from jdistill.compress._magnitude import global_magnitude as global_magnitude
from jdistill.compress._magnitude import magnitude as magnitude
from jdistill.compress._mask import Choice as Choice
from jdistill.compress._mask import masking as masking
from jdistill.compress._optax import Optimizer as Optimizer
from jdistill.compress._optax import applied as applied
from jdistill.compress._optax import as_optax as as_optax
from jdistill.compress._optax import encoded as encoded
from jdistill.compress._optax import optimize as optimize
from jdistill.compress._partition import filled as filled
from jdistill.compress._partition import joined as joined
from jdistill.compress._partition import moving as moving
from jdistill.compress._quantize import fake_quant as fake_quant
from jdistill.compress._wanda import wanda as wanda

__all__ = [
    "Choice",
    "Codebook",
    "Dense",
    "Encoded",
    "Factors",
    "Optimizer",
    "Quantized",
    "Sparse",
    "applied",
    "as_optax",
    "chain",
    "check_encoded",
    "decode",
    "encoded",
    "factors",
    "fake_quant",
    "filled",
    "freeze",
    "global_magnitude",
    "identity",
    "integer_params",
    "joined",
    "magnitude",
    "masked",
    "masking",
    "moving",
    "optimize",
    "pull_back",
    "step_sizes",
    "wanda",
]
