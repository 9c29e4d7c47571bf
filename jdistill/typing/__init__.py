"""The nouns of jdistill: every box between two arrows is one of these.

`batch -> Model -> Outputs -> Objective -> Learner.step -> evaluate -> Compression ->
encode -> pack -> report`. Each box is a NamedTuple of pure functions, and all state is
arrays. Nothing here computes; the functions that fill these fields live one idea a
file in the rest of the package.
"""

from jdistill.typing._compression import Compression as Compression
from jdistill.typing._compression import InitCompression as InitCompression
from jdistill.typing._compression import Observed as Observed
from jdistill.typing._compression import UpdateCompression as UpdateCompression
from jdistill.typing._data import DataSet as DataSet
from jdistill.typing._data import Order as Order
from jdistill.typing._data import Split as Split
from jdistill.typing._networks import Apply as Apply
from jdistill.typing._networks import Decoding as Decoding
from jdistill.typing._networks import Follower as Follower
from jdistill.typing._networks import Frozen as Frozen
from jdistill.typing._networks import Model as Model
from jdistill.typing._networks import Needs as Needs
from jdistill.typing._networks import Outputs as Outputs
from jdistill.typing._networks import SparseTarget as SparseTarget
from jdistill.typing._networks import StartDecoding as StartDecoding
from jdistill.typing._networks import UpdateFollower as UpdateFollower
from jdistill.typing._networks import View as View
from jdistill.typing._networks import Views as Views
from jdistill.typing._terms import ApplyProjection as ApplyProjection
from jdistill.typing._terms import Aux as Aux
from jdistill.typing._terms import Compute as Compute
from jdistill.typing._terms import InitProjection as InitProjection
from jdistill.typing._terms import Memory as Memory
from jdistill.typing._terms import Metric as Metric
from jdistill.typing._terms import Objective as Objective
from jdistill.typing._terms import Projection as Projection
from jdistill.typing._terms import Term as Term
from jdistill.typing._terms import TermValues as TermValues
from jdistill.typing._terms import UpdateObjective as UpdateObjective
from jdistill.typing._terms import UpdateTerm as UpdateTerm
from jdistill.typing._text import Encode as Encode
from jdistill.typing._text import EncodeMany as EncodeMany
from jdistill.typing._text import Frame as Frame
from jdistill.typing._text import Tokenizer as Tokenizer
from jdistill.typing._training import Explain as Explain
from jdistill.typing._training import Finish as Finish
from jdistill.typing._training import Init as Init
from jdistill.typing._training import Learner as Learner
from jdistill.typing._training import State as State
from jdistill.typing._training import Step as Step
from jdistill.typing._training import Teach as Teach
from jdistill.typing._training import Variables as Variables
from jdistill.typing._values import SOURCE as SOURCE
from jdistill.typing._values import Array as Array
from jdistill.typing._values import Augment as Augment
from jdistill.typing._values import Batch as Batch
from jdistill.typing._values import Key as Key
from jdistill.typing._values import Number as Number
from jdistill.typing._values import Schedule as Schedule
from jdistill.typing._values import Tree as Tree
from jdistill.typing._values import value_at as value_at

__all__ = [
    "SOURCE",
    "Apply",
    "ApplyProjection",
    "Array",
    "Augment",
    "Aux",
    "Batch",
    "Compression",
    "Compute",
    "DataSet",
    "Decoding",
    "Encode",
    "EncodeMany",
    "Explain",
    "Finish",
    "Follower",
    "Frame",
    "Frozen",
    "Init",
    "InitCompression",
    "InitProjection",
    "Key",
    "Learner",
    "Memory",
    "Metric",
    "Model",
    "Needs",
    "Number",
    "Objective",
    "Observed",
    "Order",
    "Outputs",
    "Projection",
    "Schedule",
    "SparseTarget",
    "Split",
    "StartDecoding",
    "State",
    "Step",
    "Teach",
    "Term",
    "TermValues",
    "Tokenizer",
    "Tree",
    "UpdateCompression",
    "UpdateFollower",
    "UpdateObjective",
    "UpdateTerm",
    "Variables",
    "View",
    "Views",
    "value_at",
]
