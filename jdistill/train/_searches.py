"""Optimisers that need more at each step than gradients, which a learner has not."""

import logging
from typing import Any

import jax
import jax.numpy as jnp


def refuse_searches(tx: Any) -> None:
    """Refuses an optimiser that asks for the loss, or whose parameters come in pairs.

    It is asked to take one step of shapes alone. What else may fail there, such as
    rules for parameters of other names, is no matter here.

    Raises:
        TypeError: what it asks for, and by which of its functions.

    Example:
        >>> import optax
        >>> refuse_searches(optax.adam(1e-3))
    """
    params = {"w": jnp.zeros((2, 2))}
    quiet = logging.getLogger("absl")
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # lookahead warns of what is refused here
    try:
        state = jax.eval_shape(tx.init, params)
        jax.eval_shape(tx.update, params, state, params)
    except TypeError as error:
        if "required keyword-only" in str(error):
            raise TypeError(
                "tx asks for the loss at each step, as optax's lbfgs, polyak_sgd and "
                f"reduce_on_plateau do, and a learner gives gradients alone: {error}"
            ) from error
    except AttributeError as error:
        if "'fast'" in str(error):
            raise TypeError(
                "tx is optax's lookahead, whose parameters come in pairs: a learner's "
                "do not; follow_mean gives slow weights beside the student's"
            ) from error
    except Exception:
        return
    finally:
        quiet.setLevel(level)
