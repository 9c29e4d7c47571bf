# %% [markdown]
# # What quantisation does to a layer
#
# A weight of 32 bits can be a code of 8, of 4 or of 2, times a step size that many
# weights share. Here we look at what that does to the weights, to what a layer gives,
# to the predictions and to the file.

# %%
import os
import pathlib
import tempfile

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax

import jdistill as jd

STEPS = int(os.environ.get("STEPS", 600))  # of each training

# %% [markdown]
# ## A trained network
#
# A fully connected network that knows the digits. Its taps are what its layers give.

# %%
digits = jd.data.digits()
layers = ("Dense_0", "Dense_1", "Dense_2")
model = jd.models.mlp(widths=(128, 64), classes=10, taps=layers)
hard = jd.combine(ce=jd.on_labels(jd.losses.cross_entropy))
lessons = jd.learner(model, hard, optax.adam(2e-3))
state = jd.run(lessons, digits.train, key=jax.random.key(0), num_steps=STEPS)
trained = lessons.finish(state)
jd.evaluate(model, trained, digits.test)

# %% [markdown]
# ## Before and after
#
# `fake_quant` rounds weights to the values of their codes and leaves them in float32,
# so that the network runs as before. `compress_now` applies it to a trained network,
# and also gives what a file would hold.


# %%
def rounded(bits, **options):
    codes = jd.compress.fake_quant(bits=bits, **options)
    return jd.train.compress_now(model, trained, codes, digits.valid)


before = np.asarray(trained.params["Dense_1"]["kernel"])
fig, axes = plt.subplots(1, 4, figsize=(10, 2.8), sharex=True)
axes[0].hist(before.ravel(), bins=101)
axes[0].set(title="float32", xlabel="weight", ylabel="number of weights")
for ax, bits in zip(axes[1:], (8, 4, 2), strict=True):
    after = rounded(bits, per="tensor").frozen.params["Dense_1"]["kernel"]
    ax.hist(np.asarray(after).ravel(), bins=101)
    ax.set(title=f"{bits} bits", xlabel="weight")
fig.tight_layout()
plt.show()

# %% [markdown]
# 8 bits have so many codes that the shape hardly changes. 4 bits have 15 codes, which
# stand apart; 2 bits have three, and nearly all weights become zero, because the step
# size follows the largest weight and most are much smaller.

# %% [markdown]
# ## Who shares a step size
#
# Above one step size served the whole layer. With one for each output, or for each
# group of inputs of an output, one large weight spoils fewer others.

# %%
ways = {
    "one for the layer": dict(per="tensor"),
    "one for each output": dict(per="channel"),
    "one for 16 inputs of an output": dict(group_size=16),
}
BITS = range(2, 9)


def error(small, name):
    """How far a layer's weights moved, as a share of their length."""
    a = np.asarray(trained.params[name]["kernel"])
    b = np.asarray(small.frozen.params[name]["kernel"])
    return np.linalg.norm(a - b) / np.linalg.norm(a)


fig, ax = plt.subplots(figsize=(7, 3.4))
for name, options in ways.items():
    found = [error(rounded(bits, **options), "Dense_1") for bits in BITS]
    ax.plot(BITS, [100 * e for e in found], marker="o", label=name)
ax.set(xlabel="bits of a code", ylabel="error of the weights, %", yscale="log")
ax.legend(title="step sizes", frameon=False)
ax.grid(alpha=0.3)
plt.show()

# %% [markdown]
# A bit less doubles the error and a little more, which is a straight line on this axis.
# Finer step sizes are worth about a bit: their line lies lower all along.

# %% [markdown]
# ## Layer by layer
#
# What matters is not the weights but what a layer gives. Each layer also reads what the
# layers before it give, which are rounded themselves.

# %%
batch = digits.test.take(np.arange(digits.test.size))


def given(frozen):
    outputs, _ = model.apply(frozen.params, frozen.state, batch, train=False)
    return outputs.features


exact = given(trained)
fig, ax = plt.subplots(figsize=(7, 3.4))
for shift, bits in ((-0.25, 8), (0.0, 4), (0.25, 2)):
    near = given(rounded(bits).frozen)
    errors = [
        np.linalg.norm(near[name] - exact[name]) / np.linalg.norm(exact[name])
        for name in layers
    ]
    ax.bar(np.arange(3) + shift, [100 * e for e in errors], 0.25, label=f"{bits} bits")
ax.set(xticks=range(3), xticklabels=layers, yscale="log")
ax.set(xlabel="layer", ylabel="error of the output, %")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# The number of bits decides. The error is about the same behind every layer, although
# the later ones read what is off already: in a sum of many weights much of it cancels.

# %% [markdown]
# ## Accuracy, bits and bytes
#
# The same network at each number of bits: its accuracy, and the bytes of its file.

# %%
folder = pathlib.Path(tempfile.mkdtemp())
beside = (model, trained)
rows = [jd.report.row("float32", model, trained, digits.test, teacher=beside)]
for bits in (8, 6, 4, 3, 2):
    small = rounded(bits)
    path = folder / f"{bits}.safetensors"
    jd.pack(path, small.encoded)
    rows.append(
        jd.report.row(
            f"{bits} bits",
            model,
            small.frozen,
            digits.test,
            teacher=beside,
            packed=jd.unpack(path),
        )
    )
jd.report.table(rows)

# %% [markdown]
# Where do the bytes of the file with 4 bits go? Biases stay as they are: they are few.

# %%
jd.report.layers(jd.unpack(folder / "4.safetensors").encoded)

# %% [markdown]
# ## Learning with it
#
# Few bits need training. The network goes on from its weights while they are rounded in
# every step; the gradient passes as if they were not. Its old self is its teacher.

# %%
soft = jd.objective.hinton(temperature=2.0, alpha=0.9)


def trained_with(bits):
    codes = jd.compress.fake_quant(bits=bits)
    learner = jd.learner(
        model, soft, optax.adam(1e-3), teacher=model, compression=codes
    )
    state = jd.run(
        learner,
        digits.train,
        key=jax.random.key(1),
        num_steps=STEPS,
        frozen=trained,
        start=trained,
    )
    return learner.finish(state)


def accuracy(frozen):
    return 100 * jd.evaluate(model, frozen, digits.test)["accuracy"]


few = (4, 3, 2)
fig, ax = plt.subplots(figsize=(7, 3.4))
after = [accuracy(rounded(bits).frozen) for bits in few]
during = [accuracy(trained_with(bits)) for bits in few]
ax.plot(few, after, marker="o", label="rounded after training")
ax.plot(few, during, marker="o", label="trained on with rounded weights")
ax.axhline(accuracy(trained), color="gray", linestyle=":", label="float32")
ax.set(xlabel="bits of a code", ylabel="test accuracy, %", xticks=few)
ax.legend(frameon=False)
ax.grid(alpha=0.3)
plt.show()

# %% [markdown]
# With 4 bits there is little to mend. With 2 bits, where rounding alone does most harm,
# training gives nearly everything back: the weights move to where three values are
# enough.
#
# Sparsity comes before quantisation in a chain, as in [the sparsity
# curve](sparsity_curve.ipynb): zeros stay zero when they are rounded.
