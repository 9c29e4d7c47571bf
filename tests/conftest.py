"""What every test runs under: four simulated devices, no silent rank promotion.

Tests run each of their programs once or twice, so XLA compiles them quickly rather
than well, in a third of the time; `XLA_FLAGS= make test` compiles as users do. Every
program is kept in `.cache/jax`, for the other worker, the processes that tests start,
the modules that follow, and the next run, which then takes little more than half.

What was a quarter of the time is left out: closures, which have no annotations, are not
checked anew whenever they are made; programs of a module are lowered in one MLIR
context; what is imported is never looked through for garbage.
"""

import functools
import gc
import importlib.metadata
import os
import pathlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(pathlib.Path(__file__).parent.parent / ".cache" / "jax"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1"
    if importlib.metadata.version("jaxlib").startswith("0.10.")
    else "--xla_backend_optimization_level=0",  # later ones end at a flag they lack
)

import jax
import jaxtyping
import pytest
from jax._src.interpreters import mlir

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
MOST = min(3 * 2**30, MEMORY // 8)
"""Bytes that a worker may hold before what it compiled is dropped."""


def _outer(function=None, *, typechecker):
    """`jaxtyped`, but for closures."""
    if function is None:
        return functools.partial(_outer, typechecker=typechecker)
    if "<locals>" in getattr(function, "__qualname__", ""):
        return function
    return _jaxtyped(function, typechecker=typechecker)


_jaxtyped, jaxtyping.jaxtyped = jaxtyping.jaxtyped, _outer
mlir.make_ir_context = functools.cache(mlir.make_ir_context)

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def pytest_collection_finish():
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _held():
    """The memory of this process, or where that is not told, more than it may have."""
    try:
        pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return MEMORY
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True, scope="module")
def programs():
    """Compiled programs go with their module once they take gigabytes."""
    yield
    mlir.make_ir_context.cache_clear()
    if _held() > MOST:
        jax.clear_caches()


@pytest.fixture
def data_folder():
    """The folder of real data, or a skip that says how to get one."""
    folder = os.environ.get("JDISTILL_DATA")
    if not folder or not pathlib.Path(folder).is_dir():
        pytest.skip("set JDISTILL_DATA to the folder with the real data sets")
    return pathlib.Path(folder)
