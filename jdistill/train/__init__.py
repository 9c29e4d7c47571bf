"""Training: one recipe, one loop, meshes and checkpoints."""

from jdistill.train._checkpoint import Checkpoints as Checkpoints
from jdistill.train._checkpoint import checkpoints as checkpoints
from jdistill.train._learner import learner as learner
from jdistill.train._loop import run as run
from jdistill.train._mesh import data_mesh as data_mesh
from jdistill.train._mesh import shardings as shardings

__all__ = ["Checkpoints", "checkpoints", "data_mesh", "learner", "run", "shardings"]
