# %% [markdown]
# # Every loss on one pair
#
# A teacher can be imitated in many ways: in its probabilities, in its feature maps, or
# in how its examples lie to each other. Here one small network learns from one large
# one by each loss of the library that fits such a pair.

# %%
import os

import flax.linen as nn
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jdistill as jd
from jdistill import losses, projections
from jdistill.objective import (
    bank,
    connect,
    entry,
    example_mask,
    labels,
    on_features,
    on_params,
)

STEPS = int(os.environ.get("STEPS", 300))  # of each student

# %% [markdown]
# ## What a divergence minds
#
# A teacher gives one of two classes the probability 0.8. What does each divergence
# charge a student for its own probability of that class?

# %%
share = jnp.linspace(0.005, 0.995, 200)
student_logits = jnp.stack([jnp.log(share), jnp.log1p(-share)], axis=-1)
teacher_logits = jnp.broadcast_to(jnp.log(jnp.array([0.8, 0.2])), student_logits.shape)

fig, ax = plt.subplots(figsize=(7, 3.6))
for name in ("kl", "reverse_kl", "jsd", "total_variation", "skewed_kl"):
    values = getattr(losses, name)(student_logits, teacher_logits, temperature=1.0)
    ax.plot(share, values, label=name)
ax.axvline(0.8, color="gray", linestyle=":", label="the teacher")
ax.set(xlabel="the student's probability", ylabel="loss", ylim=(0, 1.5))
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# All are zero at the teacher. `kl` charges most for giving a class too little: it is
# steep to the left. `reverse_kl` is flatter there; `jsd`, `total_variation` and
# `skewed_kl` stay bounded, so that no example can pull without limit.

# %% [markdown]
# ## The pair
#
# 150 digits have a label; the teacher and the baseline learn from those. Each student
# also sees the others, of which it knows only what the teacher says.

# %%
digits = jd.data.digits()
order = np.random.default_rng(0).permutation(digits.train.size)


def part(rows):
    arrays = {name: digits.train.arrays[name][rows] for name in ("inputs", "label")}
    return jd.data.in_memory(arrays, classes=digits.train.classes, name="a part")


labelled, others = part(order[:150]), part(order[150:])
everything = jd.data.mixed(labelled, others, share=0.25)

# %% [markdown]
# The teacher is a convolutional network. Losses of features read *taps*: what comes out
# of a layer, by the layer's name. `Conv_2` has maps of 4 x 4 positions.


# %%
def optimiser(rate, steps):
    return optax.adam(optax.cosine_decay_schedule(rate, steps))


large = jd.models.cnn(classes=10, dropout=0.5, taps=("Conv_1", "Conv_2"))
ce = jd.on_labels(losses.cross_entropy)
lessons = jd.learner(large, jd.combine(ce=ce), optimiser(3e-3, 2 * STEPS))
state = jd.run(lessons, labelled, key=jax.random.key(0), num_steps=2 * STEPS)
teacher = lessons.finish(state)
print("teacher", jd.evaluate(large, teacher, digits.test)["accuracy"])

# %% [markdown]
# The student is a network of our own, of any framework; this one is in linen. It cuts
# an image into 4 x 4 patches, so that its features are maps of 4 x 4 positions too.


# %%
class Patches(nn.Module):
    width: int = 16

    @nn.compact
    def __call__(self, inputs):
        x = inputs.reshape(-1, 4, 2, 4, 2).swapaxes(2, 3).reshape(-1, 16, 4)
        x = nn.relu(nn.Dense(self.width, name="within")(x))
        x = x + nn.Dense(16, name="across")(x.swapaxes(1, 2)).swapaxes(1, 2)
        x = self.maps("first", x)
        x = self.maps("second", nn.Dense(self.width, name="again")(nn.relu(x)))
        return nn.Dense(10, name="last")(nn.relu(x).reshape(len(inputs), -1))

    def maps(self, name, x):
        """Shown as a tap: `[batch, 4, 4, width]`."""
        self.sow("intermediates", name, x.reshape(-1, 4, 4, self.width))
        return x


small = jd.models.from_linen(Patches(), taps=("first", "second"))
print(jd.models.summary(small, digits.train.take([0])))

# %% [markdown]
# The teacher never changes, so its logits and maps are computed once, and joined to
# each batch by the number of the image.

# %%
known = jd.outputs_of(large, teacher, everything)
kept = jd.data.cache(everything, known, variables=teacher)
lesson = jd.data.cached(everything, kept, variables=teacher)

# %% [markdown]
# ## The losses
#
# An objective is a named sum of terms. A term says where the arguments of its loss come
# from. First the losses of labels, which need no teacher, and penalties of the weights.

# %%
objectives = {"labels": {"cross_entropy": jd.combine(ce=ce)}}
objectives["labels"] |= {
    "label_smoothing": jd.combine(ce=jd.on_labels(losses.label_smoothing)),
    "virtual_teacher": jd.combine(
        ce=0.1 * ce, kd=0.9 * jd.on_labels(losses.virtual_teacher)
    ),
}
objectives["penalties"] = {
    loss.__name__: jd.combine(ce=ce, kd=1e-4 * on_params(loss, where=".*/kernel"))
    for loss in (losses.l1, losses.l2, losses.group_lasso)
}

# %% [markdown]
# Losses between logits: nine tenths of the teacher and one tenth of the labels, at a
# temperature of 4, where the loss has one.

# %%
softened = ("kl", "soft_cross_entropy", "reverse_kl", "jsd", "total_variation")
softened += ("skewed_kl", "skewed_reverse_kl", "binary_kl")
terms = {
    name: jd.on_logits(getattr(losses, name), temperature=4.0) for name in softened
}
terms |= {
    loss.__name__: jd.on_logits(loss)
    for loss in (
        losses.logit_mse,
        losses.logit_euclidean,
        losses.hinge_ranking,
        losses.logistic_ranking,
    )
}
objectives["logits"] = {
    name: jd.combine(ce=0.1 * ce, kd=0.9 * term) for name, term in terms.items()
}

# %% [markdown]
# Others have a weight of their own beside the labels. What a loss needs besides the
# logits is given by name: `dkd`, `nkd` and `mft` ask for the labels, so they learn from
# the labelled images alone; `dist` relates the rows of a batch, so it asks which are
# real. `rd` and `rrd` are losses of rankings, here of the teacher's best three classes.


# %%
def beside(weight, term):
    return jd.combine(ce=ce, kd=weight * term)


objectives["logits"] |= {
    "dkd": beside(1.0, jd.on_logits(losses.dkd, labels=labels())),
    "nkd": beside(1.0, jd.on_logits(losses.nkd, labels=labels())),
    "mft": jd.combine(kd=jd.on_logits(losses.mft, labels=labels())),
    "dist": beside(1.0, jd.on_logits(losses.dist, mask=example_mask())),
    "logit_standardization": beside(9.0, jd.on_logits(losses.logit_standardization)),
    "cosine": beside(1.0, jd.on_logits(losses.cosine)),
    "rd": beside(1.0, jd.on_logits(losses.rd, k=3)),
    "rrd": beside(0.064, jd.on_logits(losses.rrd, k=3)),
}

# %% [markdown]
# Losses between feature maps. The student's maps have fewer channels; where a loss
# compares them one by one, `connect` puts a learned projection between. It is trained
# with the student and never in its file.


# %%
def hint(loss, projection=None, *, student="second", teacher="Conv_2", **more):
    side = student if projection is None else connect(student, projection)
    return on_features(loss, student=side, teacher=teacher, **more)


linear, several = projections.linear, ("first", "second")
levels = dict(student=several, teacher=("Conv_1", "Conv_2"))
objectives["features"] = {
    "fitnet": beside(100.0, hint(losses.fitnet, linear())),
    "attention_transfer": beside(1000.0, hint(losses.attention_transfer)),
    "activation_boundary": beside(3e-3, hint(losses.activation_boundary, linear())),
    "ofd": beside(1e-3, hint(losses.ofd, linear(), margin=-0.5)),
    "nst": beside(50.0, hint(losses.nst)),
    "vid": beside(1.0, hint(losses.vid, projections.gaussian())),
    "pad_l2": beside(1.0, hint(losses.pad_l2, projections.variance_branch())),
    "mgd": beside(2e-5, hint(losses.mgd, projections.generation())),
    "srd": beside(2.0, hint(losses.srd, linear(), mask=example_mask())),
    "fsp": beside(50.0, hint(losses.fsp, linear(), **levels)),
    "hierarchical_context": beside(
        1.0, hint(losses.hierarchical_context, projections.review(), **levels)
    ),
    # the teacher's map itself is its factor here; the paper learns one first
    "factor_transfer": beside(
        500.0, hint(losses.factor_transfer, projections.translator(rate=1.0))
    ),
}

# %% [markdown]
# Losses between relations: how far two images of a batch are from each other, for the
# teacher and for the student. Widths may differ, so they need no projection, but for
# `ickd`, which relates channels, and `crd`, which compares with images of earlier
# batches, kept in a bank.

# %%
mask = example_mask()
objectives["relations"] = {
    "rkd_distance": beside(25.0, hint(losses.rkd_distance, mask=mask)),
    "rkd_angle": beside(50.0, hint(losses.rkd_angle, mask=mask)),
    "similarity_preserving": beside(
        3000.0, hint(losses.similarity_preserving, mask=mask)
    ),
    "pkt": beside(30000.0, hint(losses.pkt, mask=mask)),
    "correlation_congruence": beside(
        0.02, hint(losses.correlation_congruence, mask=mask)
    ),
    "cka": beside(1.0, hint(losses.cka, mask=mask)),
    "ickd": beside(2.5, hint(losses.ickd, linear())),
    "crd": beside(
        0.8,
        on_features(
            losses.crd,
            student=connect("second", projections.embed()),
            teacher=connect("Conv_2", projections.embed()),
            mask=mask,
            memory=bank(size=1024),
            ids=entry("id"),
        ),
    ),
}

# %% [markdown]
# These names of `jdistill.losses` are not tried, because they are for other networks:
# transformers, sequences, vocabularies, several labels for an image, or no data at all.

# %%
tried = {name for family in objectives.values() for name in family}
print(", ".join(sorted(set(losses.__all__) - tried)))

# %% [markdown]
# ## The students
#
# Each begins with the same weights and sees the same images in the same order.


# %%
def student(objective):
    learner = jd.learner(small, objective, optimiser(5e-3, STEPS), teacher=large)
    state = jd.run(
        learner,
        lesson,
        key=jax.random.key(1),
        num_steps=STEPS,
        frozen=teacher,
    )
    return jd.predict(small, learner.finish(state), digits.test).argmax(-1)


right = {
    name: student(objective) == digits.test.arrays["label"]
    for family in objectives.values()
    for name, objective in family.items()
}

# %% [markdown]
# ## What each gained
#
# The gain over labels alone, with the paired 95 % interval over the test images. Green
# lies above zero as a whole, red below; gray has zero in it.

# %%
found = {
    name: 100 * np.array(jd.metrics.paired_bootstrap(hits, right["cross_entropy"]))
    for name, hits in right.items()
}
fig, axes = plt.subplots(
    len(objectives),
    figsize=(7, 11),
    sharex=True,
    height_ratios=[len(family) for family in objectives.values()],
)
for ax, (family, members) in zip(axes, objectives.items(), strict=True):
    names = sorted(members, key=lambda name: found[name][0])
    middle, low, high = np.array([found[name] for name in names]).T
    colours = np.where(low > 0, "tab:green", np.where(high < 0, "tab:red", "gray"))
    ax.hlines(names, low, high, colors=colours)
    ax.scatter(middle, names, color=colours)
    ax.axvline(0, color="gray", linewidth=1)
    ax.set(ylabel=family, ylim=(-0.7, len(names) - 0.3))
    ax.grid(axis="x", alpha=0.3)
axes[-1].set_xlabel("gain over labels alone, points of test accuracy")
fig.tight_layout()
plt.show()

# %% [markdown]
# Losses between logits gain most: they reach the images that have no label, and say of
# each what it might be. Those of them that ask for the labels (`dkd`, `nkd`, `mft`)
# gain nothing that is told apart from chance, and neither do losses without a teacher.
# Of the relations `cka` gains and `crd` loses. Feature maps give nothing to this
# student, perhaps because its layers are of another kind than its teacher's, and the
# usual weights are those of deep convolutional pairs.
#
# This is one seed of one pair, so neighbours in a family are not told apart.
# [Losses](../docs/losses.md) has each equation, when it helps, and figures of five
# seeds.
