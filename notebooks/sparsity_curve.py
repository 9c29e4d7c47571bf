# %% [markdown]
# # A sparsity curve in one program
#
# How many weights can a network lose? To know it one trains it at many sparsities.
# `train.sweep` does so side by side: one program is compiled, and each step moves all
# the networks.

# %%
import os
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jdistill as jd

STEPS = int(os.environ.get("STEPS", 800))  # of the teacher, and of the sweep
SPARSITY = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)

# %% [markdown]
# ## A teacher
#
# The digits all have their labels here. A wide network learns them; it will teach the
# networks that lose weights.

# %%
digits = jd.data.digits()
large = jd.models.mlp(widths=(256, 128), classes=10)
hard = jd.combine(ce=jd.on_labels(jd.losses.cross_entropy))
lessons = jd.learner(large, hard, optax.adam(2e-3))
state = jd.run(lessons, digits.train, key=jax.random.key(0), num_steps=STEPS)
teacher = lessons.finish(state)
print("teacher", jd.evaluate(large, teacher, digits.test)["accuracy"])

# %% [markdown]
# ## One recipe, a number left open
#
# The student's smallest weights are set to zero while it learns: few at first, then
# more, along a cubic schedule that ends halfway. The last half of the steps lets the
# weights that stay make up for those that are gone.

# %%
small = jd.models.mlp(widths=(128, 64), classes=10)
soft = jd.objective.hinton(temperature=4.0, alpha=0.5)


def pruned(sparsity):
    goal = jd.schedules.cubic(start=0, end=max(1, STEPS // 2), target=sparsity)
    zeros = jd.compress.magnitude(sparsity=goal, every=20)
    tx = optax.adam(optax.cosine_decay_schedule(3e-3, STEPS))
    return jd.learner(small, soft, tx, teacher=large, compression=zeros)


# %% [markdown]
# `sweep` calls `pruned` inside the trace, with a number that has no value yet. What it
# returns is a learner like any other, whose state has one more axis: the *lanes*.

# %%
curve = jd.train.sweep(pruned, {"sparsity": jnp.array(SPARSITY)})
lanes = jd.run(
    curve,
    digits.train,
    key=jax.random.key(1),
    num_steps=STEPS,
    frozen=teacher,
    progress=True,
)
variables = curve.finish(lanes)
jax.tree.map(jnp.shape, variables.params)

# %% [markdown]
# Each lane is a network of its own. Of every one we take the accuracy, and the bytes of
# the file it is packed into, with its weights rounded to 8 bits.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
int8 = jd.compress.chain(jd.compress.magnitude(sparsity=0.0), jd.compress.fake_quant())


def measured(name, frozen):
    """The accuracy of a network, and the bytes of its file."""
    rounded = jd.train.compress_now(small, frozen, int8, digits.valid)
    size = jd.pack(folder / f"{name}.safetensors", rounded.encoded)
    return jd.evaluate(small, rounded.frozen, digits.test)["accuracy"], size


def network(lane):
    return jax.tree.map(lambda x: x[lane], variables)


learned = [measured(f"learned{i}", network(i)) for i in range(len(SPARSITY))]

# %% [markdown]
# ## Against pruning afterwards
#
# The first lane lost nothing. What if we set its smallest weights to zero now, without
# any further training?

# %%
whole = network(0)
afterwards = []
for sparsity in SPARSITY:
    zeros = jd.compress.magnitude(sparsity=sparsity)
    cut = jd.train.compress_now(small, whole, zeros, digits.valid)
    afterwards.append(measured(f"after{sparsity}", cut.frozen))

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for name, points in (("while it learns", learned), ("afterwards", afterwards)):
    accuracy, sizes = np.array(points).T
    left.plot(100 * np.array(SPARSITY), 100 * accuracy, marker="o", label=name)
    right.plot(sizes / 1000, 100 * accuracy, marker="o", label=name)
left.set(xlabel="weights that are zero, %", ylabel="test accuracy, %")
right.set(xlabel="size of the file, kB", ylabel="test accuracy, %", xlim=(0, None))
left.legend(title="pruned", frameon=False)
for ax in (left, right):
    ax.grid(alpha=0.3)
fig.tight_layout()
plt.show()

# %% [markdown]
# The network that is pruned while it learns keeps its accuracy long after the one that
# is cut afterwards has lost it. At the very end too few weights are left for any
# training. On the right the same networks by the size of their files.

# %% [markdown]
# ## What was left out
#
# How many weights does each pixel still have? Bright pixels are read by many hidden
# units, black ones by none.

# %%
kernels = np.asarray(variables.params["Dense_0"]["kernel"])  # [lanes, 64, 128]
fig, axes = plt.subplots(1, len(SPARSITY), figsize=(9, 1.8))
for ax, sparsity, kernel in zip(axes, SPARSITY, kernels, strict=True):
    ax.imshow((kernel != 0).mean(-1).reshape(8, 8), cmap="magma", vmin=0)
    ax.set_title(f"{100 * sparsity:g} %")
    ax.axis("off")
plt.show()

# %% [markdown]
# The more weights go, the fewer pixels are read at all.

# %% [markdown]
# ## What the program saves
#
# The same seven networks one after the other would compile seven programs, because each
# recipe is another function. In the sweep they share one.

# %%
print(f"{len(SPARSITY)} networks, {int(lanes.step)} steps of each, one program")
print("lanes that stopped at a step that was not finite:", int((lanes.bad >= 0).sum()))

# %% [markdown]
# Every number of a recipe can be swept: temperatures, weights of terms, learning rates,
# and several of them at once, as a grid. What changes the shapes of arrays, such as the
# width of a layer, cannot.
