# %% [markdown]
# # A first distillation
#
# 150 handwritten digits have a label, many more have none. A convolutional network
# learns from the 150. A small plain network learns from them too, and from what the
# convolutional one says of all the others. At the end the small network is in a file.

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
# ## The data
#
# The digits come with scikit-learn: images of 8 x 8 pixels, in a training, a validation
# and a test part.

# %%
digits = jd.data.digits()
digits

# %%
fig, axes = plt.subplots(1, 10, figsize=(8, 1.2))
for ax, number in zip(axes, range(10), strict=True):
    row = np.flatnonzero(digits.train.arrays["label"] == number)[0]
    ax.imshow(digits.train.arrays["inputs"][row, :, :, 0], cmap="gray_r")
    ax.set_title(digits.train.classes[number])
    ax.axis("off")
plt.show()

# %% [markdown]
# Labels are what costs money, so only 150 training images keep theirs.

# %%
order = np.random.default_rng(0).permutation(digits.train.size)


def part(rows):
    arrays = {name: digits.train.arrays[name][rows] for name in ("inputs", "label")}
    return jd.data.in_memory(arrays, classes=digits.train.classes, name="a part")


labelled, others = part(order[:150]), part(order[150:])
print(f"{labelled.size} images with a label, {others.size} without")

# %% [markdown]
# ## The teacher
#
# A recipe is a model, an objective and an optimiser. The objective here has one term:
# the cross entropy between the logits and the labels.

# %%
hard = jd.combine(ce=jd.on_labels(jd.losses.cross_entropy))


def optimiser(rate):
    return optax.adamw(optax.cosine_decay_schedule(rate, STEPS), weight_decay=1e-2)


large = jd.models.cnn(classes=10, dropout=0.5)
lessons = jd.learner(large, hard, optimiser(3e-3))

# %% [markdown]
# `run` is the one loop of the library. `progress` shows how far it is and keeps the
# learning curve; `every` calls a function now and then, here the *negative
# log-likelihood* on the validation part: how much the true labels surprise the network.

# %%
shown = jd.train.progress("teacher")


def surprise(model, recipe):
    def nll(state, means):
        return jd.evaluate(model, recipe.finish(state), digits.valid)["nll"]

    return {50: nll}


state = jd.run(
    lessons,
    labelled,
    key=jax.random.key(0),
    num_steps=STEPS,
    every=surprise(large, lessons),
    progress=shown,
)
teacher = lessons.finish(state)
jd.evaluate(large, teacher, digits.test)

# %% [markdown]
# ## The student, alone
#
# The student is a small fully connected network. First it learns as the teacher did,
# from the labels and nothing else, so that we know what a teacher is worth.

# %%
small = jd.models.mlp(widths=(128, 64), classes=10)
alone = jd.learner(small, hard, optimiser(5e-3))
state = jd.run(
    alone,
    labelled,
    key=jax.random.key(1),
    num_steps=STEPS,
    every=surprise(small, alone),
    progress=shown.of("student alone"),
)
student = alone.finish(state)
jd.evaluate(small, student, digits.test)

# %% [markdown]
# ## What the teacher knows
#
# A label says which digit an image is. The teacher also says which others it might have
# been. A temperature above 1 makes these small probabilities visible. Below are the
# three images without a label of which the teacher is least sure.

# %%
logits = jd.predict(large, teacher, others)
unsure = np.argsort(np.max(jax.nn.softmax(logits), axis=-1))[:3]

fig, axes = plt.subplots(2, 3, figsize=(8, 3.6), height_ratios=(1, 1.4))
for (above, below), i in zip(axes.T, unsure, strict=True):
    above.imshow(others.arrays["inputs"][i, :, :, 0], cmap="gray_r")
    above.axis("off")
    for temperature, shift in ((1.0, -0.2), (4.0, 0.2)):
        shares = jax.nn.softmax(logits[i] / temperature)
        label = f"temperature {temperature:g}"
        below.bar(np.arange(10) + shift, shares, width=0.4, label=label)
    below.set(xlabel="digit", xticks=range(10), ylim=(0, 1))
axes[1, 0].set_ylabel("probability")
axes[1, 2].legend(frameon=False, fontsize="small")
fig.tight_layout()
plt.show()

# %% [markdown]
# Where an image is between two digits, both have a share: that is more than a label
# could say, and it is there for images that nobody labelled.

# %% [markdown]
# ## The student, distilled
#
# `mixed` puts both kinds of images into every batch, a quarter of them labelled.
# Hinton's objective is a weighted sum of two terms: the distance from the teacher's
# probabilities, which all images have, and the cross entropy, which counts the labelled
# ones.

# %%
everything = jd.data.mixed(labelled, others, share=0.25)
soft = jd.objective.hinton(temperature=4.0, alpha=0.9)
taught = jd.learner(small, soft, optimiser(5e-3), teacher=large)
state = jd.run(
    taught,
    everything,
    key=jax.random.key(1),
    num_steps=STEPS,
    frozen=teacher,
    every=surprise(small, taught),
    progress=shown.of("student distilled"),
)
distilled = taught.finish(state)
jd.evaluate(small, distilled, digits.test)

# %% [markdown]
# The learning curves that `progress` kept:

# %%
fig, ax = plt.subplots(figsize=(7, 3.4))
for stage in ("teacher", "student alone", "student distilled"):
    points = [p for p in shown.curve if (p["stage"], p["split"]) == (stage, "valid")]
    steps, values = zip(*((p["step"], p["value"]) for p in points), strict=True)
    ax.plot(steps, values, marker="o", markersize=3, label=stage)
ax.set(xlabel="step", ylabel="validation nll", ylim=(0, None))
ax.legend(frameon=False)
ax.grid(alpha=0.3)
plt.show()

# %% [markdown]
# Lower is better. Both students are the same network, begun with the same weights. The
# one that learns from the labels alone soon knows them by heart and grows too sure of
# itself; the one that is taught follows its teacher.

# %% [markdown]
# ## Is it chance?
#
# A few hundred test images are few. Both students saw the same ones, so their
# difference has a paired interval: if it leaves out zero, chance alone would seldom
# give so much.

# %%
label = digits.test.arrays["label"]


def right(model, frozen):
    return jd.predict(model, frozen, digits.test).argmax(-1) == label


difference, low, high = jd.metrics.paired_bootstrap(
    right(small, distilled), right(small, student)
)
print(
    f"distilled against alone: {100 * difference:+.1f} points "
    f"[{100 * low:+.1f}, {100 * high:+.1f}]"
)

# %% [markdown]
# ## A small file
#
# The weights of the student are rounded to 8 bits and packed, with a description of the
# network, so that the file alone is enough to predict.

# %%
rounded = jd.train.compress_now(small, distilled, jd.compress.fake_quant(), everything)
path = pathlib.Path(tempfile.mkdtemp()) / "student.safetensors"
jd.pack(path, rounded.encoded, description=jd.describe(small, data=digits))
loaded = jd.load(path)
loaded.classify(digits.test.take([0])["inputs"][0], top=3)

# %% [markdown]
# ## What it cost
#
# A row for each network, and one table of them. *realised* says how a figure came
# about: *dense* is a plain network, *packed* one that was read back from its file.

# %%
beside = (large, teacher)
rows = [
    jd.report.row("teacher", large, teacher, digits.test, teacher=beside),
    jd.report.row("student alone", small, student, digits.test, teacher=beside),
    jd.report.row("student distilled", small, distilled, digits.test, teacher=beside),
    jd.report.row(
        "packed",
        loaded.model,
        loaded.frozen,
        digits.test,
        teacher=beside,
        packed=jd.unpack(path),
    ),
]
jd.report.table(rows)

# %%
fig, ax = plt.subplots(figsize=(7, 3.4))
for row in rows:
    ax.scatter(row["bytes"] / 1000, 100 * row["accuracy"], s=60, label=row["stage"])
ax.set(xlim=(0, None), xlabel="size, kB", ylabel="test accuracy, %")
ax.legend(frameon=False)
ax.grid(alpha=0.3)
plt.show()

# %% [markdown]
# To the left is smaller, upwards is better. Rounding to 8 bits moves the student to the
# left and hardly down. The teacher's convolutions also take many times longer: that is
# the column *ms* of the table.
#
# Next: [every loss](every_loss.ipynb) shows others than Hinton's,
# [sparsity](sparsity_curve.ipynb) and [quantisation](quantisation.ipynb) make smaller
# files still. `make demo` does the same with texts.
