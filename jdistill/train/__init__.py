"""Training: one recipe, one loop, meshes, checkpoints and sweeps."""

from jdistill.train._checkpoint import Checkpoints as Checkpoints
from jdistill.train._checkpoint import checkpoints as checkpoints
from jdistill.train._compress_now import Compressed as Compressed
from jdistill.train._compress_now import compress_now as compress_now
from jdistill.train._dry_run import dry_run as dry_run
from jdistill.train._follow import follow_mean as follow_mean
from jdistill.train._learner import learner as learner
from jdistill.train._lock import lock as lock
from jdistill.train._loop import run as run
from jdistill.train._mesh import data_mesh as data_mesh
from jdistill.train._progress import Progress as Progress
from jdistill.train._progress import progress as progress
from jdistill.train._rules import shardings as shardings
from jdistill.train._sweep import lane as lane
from jdistill.train._sweep import sweep as sweep

__all__ = [
    "Checkpoints",
    "Compressed",
    "Progress",
    "checkpoints",
    "compress_now",
    "data_mesh",
    "dry_run",
    "follow_mean",
    "lane",
    "learner",
    "lock",
    "progress",
    "run",
    "shardings",
    "sweep",
]
