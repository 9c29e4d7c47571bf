# %% [markdown]
# # A language model made small
#
# A decoder learns to write docstrings. Then it loses half of its layers, is taught by
# its old self, is rounded to 4 bits and packed into one file that writes. After each
# step we count the bytes and the bits that a byte of unseen text costs.

# %%
import os
import pathlib
import tempfile
import textwrap

import jax
import matplotlib.pyplot as plt
import optax
import tokenizers

import jdistill as jd
from jdistill import language, losses

STEPS = int(os.environ.get("STEPS", 400))  # of the large model

# %% [markdown]
# ## The text
#
# The docstrings of ten packages of Python's own standard library, lower case and with
# the names of the packages masked.

# %%
texts = jd.data.stdlib_texts()
train, test = texts.train.texts, texts.test.texts
print(len(train), "texts to learn from,", len(test), "to test on")
print(textwrap.fill(train[0][:300], 80))

# %% [markdown]
# A vocabulary of pairs of bytes is learned from the training texts. Every text can be
# written with it, because each single byte is in it too.

# %%
bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.decoder = tokenizers.decoders.ByteLevel()
alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
bpe.train_from_iterator(
    train,
    tokenizers.trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=alphabet,
        show_progress=False,
    ),
)
words = jd.tokenizers.from_json(
    bpe.to_str(), special={"bos": "<s>", "eos": "</s>"}, begins=True
)
print(*(words.decode([i]) for i in words.encode(train[0])), sep=" | ")

# %% [markdown]
# Rows of 64 tokens: for training they are filled with one text after the other, for the
# test each text begins a row of its own.

# %%
rows = jd.data.packed(jd.data.tokenize(train, words), steps=64)
windows = jd.data.windows(jd.data.tokenize(test, words, edition="test"), steps=64)
print(rows.split.size, "rows to learn from,", windows.protocol["targets"], "to predict")

# %% [markdown]
# ## The large model
#
# A decoder of six layers as in Llama: its family and its sizes are data.

# %%
config = jd.models.DecoderConfig(
    vocab=words.vocab,
    dim=96,
    depth=6,
    heads=6,
    kv_heads=2,
    head_dim=16,
    mlp_dim=256,
    max_steps=256,
)
large = jd.models.decoder(config)


def optimiser(rate, steps):
    schedule = optax.cosine_onecycle_schedule(steps, rate, pct_start=0.1)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))


def run(learner, name, steps, **options):
    return jd.run(
        learner,
        rows.split,
        key=jax.random.key(0),
        num_steps=steps,
        batch_size=16,
        progress=jd.train.progress(name),
        **options,
    )


ce = jd.objective.on_vocabulary(losses.cross_entropy)
lessons = jd.learner(large, jd.combine(ce=ce), optimiser(4e-3, STEPS))
teacher = lessons.finish(run(lessons, "large model", STEPS))

# %% [markdown]
# `figures` are taken over every token of the test texts once. Bits per byte compare
# models of any vocabulary: what a text file of these docstrings would shrink to.

# %%
found = {}


def measure(name, model, frozen, size=None):
    row = language.figures(model, frozen, windows, batch_size=32)
    size = jd.tree.num_bytes(frozen.params) if size is None else size
    found[name] = {"bits per byte": row["bits_per_byte"], "kB": size / 1000}
    return {name: round(value, 3) for name, value in found[name].items()}


measure("large", large, teacher)

# %%
sample = language.sample(temperature=0.7)


def say(model, frozen):
    write = language.writer(model, frozen, words, steps=40, choose=sample)
    for prompt in ("return the", "this class"):
        print(textwrap.fill(prompt + write(prompt), 80), end="\n\n")


say(large, teacher)

# %% [markdown]
# ## Half of the layers
#
# `keep_layers` takes layers out of the stack, here every other one, the first and the
# last among them. Nothing has been trained yet, so the rest no longer fits together.

# %%
params, half = language.keep_layers(teacher.params, config, language.spread(6, 3))
small, begun = jd.models.decoder(half), jd.Frozen(params)
measure("half the layers", small, begun)

# %% [markdown]
# ## Taught by its old self
#
# The small model now learns from the large one: from the true next token and from the
# probabilities that the large model gives to all of them. It goes on from the layers
# that were kept.

# %%
LESS = max(1, STEPS // 2)
kd = jd.objective.on_vocabulary(losses.kl)
both = jd.combine(ce=0.3 * ce, kd=0.7 * kd)
taught = jd.learner(small, both, optimiser(2e-3, LESS), teacher=large)
state = run(taught, "distilled", LESS, frozen=teacher, start=begun)
student = taught.finish(state)
measure("distilled", small, student)

# %% [markdown]
# For comparison: the same layers go on with the texts alone, without the teacher, for
# as many steps.

# %%
plain = jd.learner(small, jd.combine(ce=ce), optimiser(2e-3, LESS))
alone = plain.finish(run(plain, "without the teacher", LESS, start=begun))
measure("without the teacher", small, alone)

# %% [markdown]
# The texts alone give a little more here. The large model has itself not finished
# learning, so its student soon knows as much: a teacher pays where it knows more than
# the student can learn from the texts at hand. [Language models](../docs/language.md)
# has a case, measured, in which it does.

# %% [markdown]
# ## Four bits
#
# The weights of the layers become codes of 4 bits, with a step size for each 32 inputs;
# the embedding, which is also the head, gets 8 bits. Until they are packed they are
# held as float32, so the bytes stay as they are.

# %%
codes = jd.compress.chain(
    jd.compress.fake_quant(
        bits=4, group_size=32, where=".*/(attention|mlp)/.*", scale_dtype="float16"
    ),
    jd.compress.fake_quant(bits=8, where="embed/.*", scale_dtype="float16"),
)
now = jd.train.compress_now(small, student, codes, windows.split)
measure("rounded", small, now.frozen)

# %% [markdown]
# A few more steps let the model get used to it.

# %%
FEW = max(1, STEPS // 5)
settled = jd.learner(
    small, both, optimiser(5e-4, FEW), teacher=large, compression=codes
)
state = run(settled, "4 bits", FEW, frozen=teacher, start=student)
measure("rounded, trained on", small, settled.finish(state))

# %% [markdown]
# ## One file that writes
#
# The codes, the configuration and the vocabulary go into one file, and come back in one
# line.

# %%
path = pathlib.Path(tempfile.mkdtemp()) / "small.safetensors"
about = jd.describe(small, tokenizer=words)
size = jd.pack(path, settled.encode(state), description=about)
loaded = jd.load(path)
measure("packed", loaded.model, loaded.frozen, size)

# %%
prompt = "return the"
print(textwrap.fill(prompt + loaded.generate(prompt, steps=40), 80))

# %% [markdown]
# ## What each step cost

# %%
print(f"{'':22}{'bits per byte':>14}{'kB':>10}")
for name, row in found.items():
    print(f"{name:22}{row['bits per byte']:14.3f}{row['kB']:10.0f}")

# %%
bits = [row["bits per byte"] for row in found.values()]
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
left.plot(bits, list(found), "o")
left.set(xlabel="bits per byte of unseen text", ylabel="model")
right.barh(list(found), [row["kB"] for row in found.values()])
right.set(xlabel="size, kB")
left.invert_yaxis()
left.grid(alpha=0.3)
fig.tight_layout()
plt.show()

# %% [markdown]
# To the left is better, and shorter is smaller. Taking out layers costs most, and some
# training gives it back; rounding to 4 bits costs hardly anything, and the file has
# about a tenth of the large model's bytes.
#
# The same steps work on pretrained models: `make demo-lm` makes a real one small, and
# [Language models](../docs/language.md) has what each step costs it.
