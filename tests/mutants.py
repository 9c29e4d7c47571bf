"""Wrong edits that the tests must notice: `python -m tests.mutants [NAME ...]`.

Each mutant replaces one line in a copy of the tree and runs the tests that claim to
hold that line. A mutant that they let pass is a test that does not bite.
"""

import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parent.parent
COPIED = ("jdistill", "tests", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".cache")


class Mutant(NamedTuple):
    """`before`, a text that is once in `path`, becomes `after`; `tests` must fail."""

    name: str
    path: str
    before: str
    after: str
    tests: str


LOSSES = "tests/losses"
MUTANTS = (
    Mutant(
        "integer products make zeros of NaN",
        "jdistill/ops/_rewrite.py",
        "return jnp.where(spoilt, jnp.nan, values).astype(op.out.dtype)",
        "return values.astype(op.out.dtype)",
        "tests/ops/test_rewrite.py -k nan_activation",
    ),
    Mutant(
        "rounded activations make zeros of NaN",
        "jdistill/ops/_quantize.py",
        "return jnp.where(jnp.isnan(x), x, values)",
        "return values",
        "tests/ops/test_quantize.py -k nan_stays",
    ),
    Mutant(
        "a number without end is in any range",
        "jdistill/checks.py",
        "if not math.isfinite(number) or not within(number):",
        "if not within(number):",
        "tests/test_checks.py -k range",
    ),
    Mutant(
        "a factory that was not called is a compression",
        "jdistill/kinds.py",
        "if not isinstance(value, wanted):",
        "if not isinstance(value, wanted) and not callable(value):",
        "tests/test_kinds.py -k mistakes",
    ),
    Mutant(
        "searches for a step size pass for optimisers",
        "jdistill/train/_searches.py",
        'if "required keyword-only" in str(error):',
        'if "required keyword-only" == str(error):',
        "tests/train/test_searches.py",
    ),
    Mutant(
        "kl without the squared temperature",
        "jdistill/losses/_logits.py",
        "return temperature**2 * divergence(log_p, log_q)",
        "return divergence(log_p, log_q)",
        f"{LOSSES}/test_members.py -k 'keeps_its_size and kl'",
    ),
    Mutant(
        "kl from student to teacher",
        "jdistill/losses/_logits.py",
        "divergence(log_p, log_q)",
        "divergence(log_q, log_p)",
        f"{LOSSES}/test_logits.py",
    ),
    Mutant(
        "a divergence of first order in its summands",
        "jdistill/losses/_logits.py",
        "return jnp.where(near, a * (jnp.expm1(small) - small), far)",
        "return -a * gap",
        f"{LOSSES}/test_members.py -k 'far_above_rounding'",
    ),
    Mutant(
        "a log-sum-exp of the last block alone",
        "jdistill/losses/_vocabulary_blocks.py",
        "return higher, total * jnp.exp(peak - higher) + added",
        "return higher, added",
        f"{LOSSES}/test_vocabulary.py -k 'whole_logits and reverse_kl'",
    ),
    Mutant(
        "any weights taken for those that gradients were computed with",
        "jdistill/losses/_vocabulary_gradient.py",
        "alike = jnp.all(jnp.abs(by - even) <= ALIKE * jnp.abs(even))",
        "alike = jnp.all(jnp.abs(by) >= 0)",
        f"{LOSSES}/test_vocabulary.py -k 'any_weights'",
    ),
    Mutant(
        "chunks of tokens that do not count",
        "jdistill/losses/_vocabulary_packing.py",
        "-(-jnp.sum(counts) // plan.chunk)",
        "length // plan.chunk",
        f"{LOSSES}/test_vocabulary.py -k 'visited'",
    ),
    Mutant(
        "gradients of heads added up in the type of the hidden states",
        "jdistill/losses/_vocabulary_passes.py",
        "columns[side] += _product(weighted.T, z)",
        "columns[side] = (columns[side] + _product(weighted.T, z)).astype(\n"
        "                states.dtype\n            ).astype(jnp.float32)",
        f"{LOSSES}/test_vocabulary.py -k 'added_up_in_float32'",
    ),
    Mutant(
        "words of other devices left out of the gradient of hidden states",
        "jdistill/losses/_vocabulary_passes.py",
        "rows_in(blocks.everywhere(plan, x), packs.place)",
        "rows_in(x, packs.place)",
        f"{LOSSES}/test_vocabulary.py -k 'devices_that_share'",
    ),
    Mutant(
        "a label below 0 that counts from the last class",
        "jdistill/losses/_labels.py",
        "return jnp.where(labels < 0, jnp.nan, found)",
        "return found",
        f"{LOSSES}/test_labels.py",
    ),
    Mutant(
        "soft cross entropy in the type of the logits",
        "jdistill/losses/_logits.py",
        "student_logits.astype(jnp.float32)",
        "student_logits",
        f"{LOSSES}/test_members.py -k 'bfloat16 and soft_cross'",
    ),
    Mutant(
        "cross entropy by a softmax and a logarithm",
        "jdistill/losses/_labels.py",
        "jax.nn.log_softmax(logits.astype(jnp.float32))",
        "jnp.log(jax.nn.softmax(logits.astype(jnp.float32)))",
        f"{LOSSES}/test_members.py -k 'finite and cross_entropy'",
    ),
    Mutant(
        "group lasso whose root has no slope at zero",
        "jdistill/losses/_penalties.py",
        "jnp.sqrt(jnp.where(some, squares, 1.0))",
        "jnp.sqrt(squares)",
        f"{LOSSES}/test_penalties.py",
    ),
    Mutant(
        "l1 that moves zeros",
        "jdistill/losses/_penalties.py",
        "jnp.sum(weights * jnp.sign(weights))",
        "jnp.sum(jnp.abs(weights))",
        f"{LOSSES}/test_members.py -k 'penalty and l1'",
    ),
    Mutant(
        "padding multiplied by its weight alone",
        "jdistill/counting.py",
        "values = jnp.where(weights == 0, 0.0, values.astype(jnp.float32))",
        "values = values.astype(jnp.float32)",
        "tests/test_counting.py",
    ),
    Mutant(
        "padded logits kept",
        "jdistill/objective/_sources.py",
        "return keep(array, self.weights)",
        "return array",
        "tests/objective/test_combine.py -k padding",
    ),
    Mutant(
        "tokens counted without the examples' mask",
        "jdistill/counting.py",
        "weights = tokens * weights[:, None]",
        "weights = tokens",
        "tests/test_counting.py",
    ),
    Mutant(
        "micro-batches divided by their own counts",
        "jdistill/objective/_combine.py",
        "counts = own if counts is None else counts",
        "counts = own",
        "tests/objective/test_combine.py -k micro",
    ),
    Mutant(
        "weights that ignore the step",
        "jdistill/objective/_combine.py",
        "value_at(term.weight, step)",
        "value_at(term.weight, 0)",
        "tests/objective/test_combine.py -k schedules",
    ),
    Mutant(
        "hinton with alpha on both terms",
        "jdistill/objective/_recipes.py",
        "1 - value_at(alpha, step)",
        "value_at(alpha, step)",
        "tests/objective/test_recipes.py",
    ),
    Mutant(
        "a quadratic schedule called cubic",
        "jdistill/schedules.py",
        "exponent=3",
        "exponent=2",
        "tests/test_schedules.py",
    ),
    Mutant(
        "macro averages over classes that never occur",
        "jdistill/metrics/_classes.py",
        "there = (counts.predicted + counts.actual) != 0",
        "there = (counts.predicted + counts.actual) >= 0",
        "tests/metrics/test_classes.py -k macro",
    ),
    Mutant(
        "precision and recall swapped",
        "jdistill/metrics/_classes.py",
        "return _rate(average, lambda n: (n.right, n.predicted))",
        "return _rate(average, lambda n: (n.right, n.actual))",
        "tests/metrics/test_classes.py -k 'equal and precision'",
    ),
    Mutant(
        "calibration bins closed on the left",
        "jdistill/metrics/_calibration.py",
        "jnp.ceil(confidence * num_bins).astype(jnp.int32) - 1",
        "jnp.floor(confidence * num_bins).astype(jnp.int32)",
        "tests/metrics/test_calibration.py",
    ),
    Mutant(
        "an evaluation that compiles each time",
        "jdistill/evaluate.py",
        "sums = _sums(model.apply,",
        "sums = _sums.__wrapped__(model.apply,",
        "tests/test_evaluate.py -k again",
    ),
    Mutant(
        "predictions that keep padding",
        "jdistill/evaluate.py",
        "np.ones(len(rows)))) != 0]",
        "np.ones(len(rows)))) >= 0]",
        "tests/test_evaluate.py -k predictions",
    ),
    Mutant(
        "a bootstrap that forgets the pairs",
        "jdistill/metrics/_bootstrap.py",
        "values, counts = np.unique(a - b, return_counts=True)",
        "values, counts = np.unique(a - b[::-1], return_counts=True)",
        "tests/metrics/test_bootstrap.py",
    ),
    Mutant(
        "an interval of 90 %",
        "jdistill/metrics/_bootstrap.py",
        "(0.025, 0.975)",
        "(0.05, 0.95)",
        "tests/metrics/test_bootstrap.py",
    ),
    Mutant(
        "a quantiser that rounds down",
        "jdistill/ops/_quantize.py",
        "codes = jnp.round(x.astype(jnp.float32) * _over(1 / _float(scale), x))",
        "codes = jnp.floor(x.astype(jnp.float32) * _over(1 / _float(scale), x))",
        "tests/ops/test_quantize.py -k float64",
    ),
    Mutant(
        "a scale that uses one code more",
        "jdistill/ops/_scale.py",
        "return step_size(largest, qmax(bits), dtype)",
        "return step_size(largest, qmax(bits) + 1, dtype)",
        "tests/ops/test_quantize.py -k 'float64 or half_a_step'",
    ),
    Mutant(
        "a step size that is lost and taken for 1",
        "jdistill/ops/_scale.py",
        "jnp.where(usable, scale, jnp.nan)",
        "jnp.where(usable, scale, 1)",
        "tests/ops/test_scale.py -k no_step_size",
    ),
    Mutant(
        "axes that are contracted and kept taken for kept",
        "jdistill/ops/_uses.py",
        "return min(kinds, key=_KINDS.index)",
        "return max(kinds, key=_KINDS.index)",
        "tests/ops/test_uses.py",
    ),
    Mutant(
        "experts taken for outputs",
        "jdistill/ops/_uses.py",
        'return kinds | dict.fromkeys(layers, "layers")',
        'return kinds | dict.fromkeys(layers, "kept")',
        "tests/ops/test_uses.py",
    ),
    Mutant(
        "an embedding that is pruned with its tied head",
        "jdistill/compress/_uses.py",
        "if not use.looked_up",
        "if use.contracted",
        "tests/compress/test_quantize.py -k tied",
    ),
    Mutant(
        "a schedule whose end falls between two choices",
        "jdistill/compress/_mask.py",
        "due |= (value == value_at(goal, step + 1)) & (value != state.goal)",
        "due |= False",
        "tests/compress/test_mask.py -k arrives",
    ),
    Mutant(
        "counts that lose a carry",
        "jdistill/compress/_threshold.py",
        "return Count(parts[2] + (second >> 8) + (parts[3] << 8), low)",
        "return Count(parts[2] + (parts[3] << 8), low)",
        "tests/compress/test_threshold.py -k 'lower_half or above_31'",
    ),
    Mutant(
        "a calibration that is blind to the layers before",
        "jdistill/train/_calibrate.py",
        "return look(index, compression.apply(*at), state, batch)",
        "return look(index, at[0], state, batch)",
        "tests/train/test_calibrate.py -k chain",
    ),
    Mutant(
        "padding in the statistics",
        "jdistill/ops/_observe.py",
        "x = jnp.where(counts, x, 0)",
        "x = jnp.where(True, x, 0)",
        "tests/ops/test_padding.py -k padding",
    ),
    Mutant(
        "statistics of all layers for each of them",
        "jdistill/ops/_visits.py",
        "found = values() if aux is None else lax.cond(aux, values, nothing)",
        "found = values()",
        "tests/ops/test_visits.py -k alone",
    ),
    Mutant(
        "input norms without the root",
        "jdistill/compress/_wanda.py",
        'jnp.abs(w) * jnp.sqrt(seen.values["sum_squares"])',
        'jnp.abs(w) * seen.values["sum_squares"]',
        "tests/compress/test_wanda.py",
    ),
    Mutant(
        "executed int8 products added up in float32",
        "jdistill/ops/_rewrite.py",
        "preferred_element_type=jnp.int32",
        "preferred_element_type=jnp.float32",
        "tests/models/test_int8.py -k multiplies_int8",
    ),
    Mutant(
        "the last batch's ranges instead of the largest",
        "jdistill/ops/_merge.py",
        "lambda p: jnp.maximum(*p)",
        "lambda p: p[1]",
        "tests/ops/test_merge.py -k 'largest or associative'",
    ),
    Mutant(
        "products in a loop counted once",
        "jdistill/ops/_count.py",
        "op.times * _multiply_adds(op)",
        "_multiply_adds(op)",
        "tests/ops/test_count.py -k loops",
    ),
    Mutant(
        "ties that keep more than k weights",
        "jdistill/compress/_threshold.py",
        "return [(r > bound) | t for r, t in zip(ranks, first, strict=True)]",
        "return [(r > bound) | t for r, t in zip(ranks, ties, strict=True)]",
        "tests/compress/test_threshold.py",
    ),
    Mutant(
        "raw weights left alive under their mask",
        "jdistill/compress/_mask.py",
        "        params = apply(params, learned, state)",
        "        params = dict(params)",
        "tests/compress/test_mask.py -k raw",
    ),
    Mutant(
        "weights under a mask that the optimiser moves",
        "jdistill/compress/_gradient.py",
        "jnp.where(moves, update, 0)",
        "jnp.where(moves, update, update)",
        "tests/compress/test_gradient.py -k 'leaf_by_leaf or leak'",
    ),
    Mutant(
        "gradients at the applied parameters taken for those at the raw ones",
        "jdistill/compress/_combine.py",
        "early, _ = pull_back(second, seen, two, there, grads)",
        "early = grads",
        "tests/compress/test_combine.py -k gradients",
    ),
    Mutant(
        "distances in an index that are one too long",
        "jdistill/artifact/_forms.py",
        "where = pack_bits(write_index(keep, places.bits), places.bits)",
        "where = pack_bits(write_index(keep, places.bits) + 1, places.bits)",
        "tests/artifact/test_pack.py -k bit_for_bit",
    ),
    Mutant(
        "checksums that nobody compares",
        "jdistill/artifact/_file.py",
        "if _digest(arrays) != entry.digest:",
        "if not digest:",
        "tests/artifact/test_pack.py -k 'altering or altered'",
    ),
    Mutant(
        "the largest form instead of the smallest",
        "jdistill/artifact/_bits.py",
        "return min(allowed, key",
        "return max(allowed, key",
        "tests/artifact/test_bits.py -k form_follows",
    ),
    Mutant(
        "a zero code that stands for no zero and is not written",
        "jdistill/artifact/_forms.py",
        "    vanish = zero is None and bool(",
        "    vanish = True or bool(",
        "tests/artifact/test_forms.py -k 'blocks or zero_code'",
    ),
    Mutant(
        "a file that unfolds as far as it likes",
        "jdistill/artifact/_pack.py",
        "        if made > limit:",
        "        if False:",
        "tests/artifact/test_hostile.py -k bomb",
    ),
    Mutant(
        "a header of any number of parts",
        "jdistill/artifact/_header.py",
        "    if most is not None and parsed_bytes(text) > most:",
        "    if False:",
        "tests/artifact/test_hostile.py -k parts",
    ),
    Mutant(
        "tensors that overlap",
        "jdistill/artifact/_header.py",
        "    if rest or not _tile(spans, size):",
        "    if rest:",
        "tests/artifact/test_hostile.py -k share",
    ),
    Mutant(
        "a new file that nobody else may read",
        "jdistill/files.py",
        '    with os.fdopen(os.open(aside, flags, 0o666), "wb") as file:',
        '    with os.fdopen(os.open(aside, flags, 0o600), "wb") as file:',
        "tests/test_files.py",
    ),
    Mutant(
        "a link that is replaced by a file",
        "jdistill/files.py",
        "    target = pathlib.Path(os.path.realpath(path))",
        "    target = pathlib.Path(os.path.abspath(path))",
        "tests/test_files.py -k link",
    ),
    Mutant(
        "a file that names any member of the data",
        "jdistill/predictor.py",
        "    if name not in names:",
        "    if not isinstance(name, str):",
        "tests/test_predictor.py -k hostile",
    ),
    Mutant(
        "a network of other parameters than the file's",
        "jdistill/predictor.py",
        "        if here.get(path) != there.get(path):",
        "        if False:",
        "tests/test_predictor.py -k hostile",
    ),
    Mutant(
        "a field called value that loses its name",
        "jdistill/tree.py",
        "keys = [k[:-1] if k[:-1] in variables else k for k in keys]",
        "keys = [k[:-1] if k and k[-1] == _VALUE else k for k in keys]",
        "tests/test_tree.py -k nnx_variables",
    ),
    Mutant(
        "two leaves of one path",
        "jdistill/tree.py",
        "        if path in seen:",
        "        if False:",
        "tests/test_tree.py -k one_path",
    ),
    Mutant(
        "groups of entries that are far apart",
        "jdistill/ops/_scale.py",
        "apart = scale.reshape([x for m, _ in pairs for x in (m, 1)])",
        "apart = scale.reshape([x for m, _ in pairs for x in (1, m)])",
        "tests/ops/test_quantize.py -k blocks",
    ),
    Mutant(
        "a scale of one layer for a scan",
        "jdistill/ops/_run.py",
        "        aux = {**aux, **_each_layer(aux, found)}",
        "        aux = {**aux}",
        "tests/models/test_int8.py -k scanned",
    ),
    Mutant(
        "micro-batches that divide by the first one's counts",
        "jdistill/train/_gradient.py",
        "jax.tree.map(lambda x: jnp.sum(x, axis=0), each)",
        "jax.tree.map(lambda x: len(x) * x[0], each)",
        "tests/train/test_gradient.py -k tokens",
    ),
    Mutant(
        "a gradient that a checked shard_map sums twice",
        "jdistill/train/_gradient.py",
        "applied = varying(recipe, applied)",
        "applied = applied",
        "tests/train/test_gradient.py -k checked",
    ),
    Mutant(
        "a memory of what the projections become",
        "jdistill/train/_step.py",
        "recipe.objective.update(state.aux, views,",
        "recipe.objective.update(with_trained(state.aux, trained), views,",
        "tests/objective/test_bank.py -k compared",
    ),
    Mutant(
        "a teacher's NaN that losses take for a number",
        "jdistill/objective/_term.py",
        "return jnp.where(good, values, jnp.nan)",
        "return values",
        "tests/objective/test_presets.py -k finite",
    ),
    Mutant(
        "moments of half precision",
        "jdistill/compress/_optax.py",
        "return _wide(_join(moving(params, trainable), learned))",
        "return _join(moving(params, trainable), learned)",
        "tests/compress/test_optax.py -k bfloat16",
    ),
    Mutant(
        "inputs that are not cast, so that nothing is computed in half precision",
        "jdistill/models/_dtype.py",
        "x if n in KEPT else _cast(x, kind)",
        "x",
        "tests/models/test_dtype.py -k product",
    ),
    Mutant(
        "a state that leaves a pass in half precision",
        "jdistill/models/_dtype.py",
        "return jnp.asarray(new, jnp.result_type(old))",
        "return jnp.asarray(new)",
        "tests/models/test_dtype.py -k masks",
    ),
    Mutant(
        "one key for the dropout of all steps",
        "jdistill/train/_gradient.py",
        "key = jax.random.fold_in(state.key, state.step)",
        "key = state.key",
        "tests/train/test_step.py -k dropout",
    ),
    Mutant(
        "a step that is not finite and is taken",
        "jdistill/train/_step.py",
        "kept = _chosen(good, moved, state)",
        "kept = moved",
        "tests/train/test_finite.py -k 'not_finite_changes'",
    ),
    Mutant(
        "parameters that the optimiser spoils and that are kept",
        "jdistill/train/_finite.py",
        "y if x is y else jnp.where(jnp.isfinite(x), x, y)",
        "x",
        "tests/train/test_finite.py -k 'number_by_number'",
    ),
    Mutant(
        "zeros that carry the split of one weight to others",
        "jdistill/train/_finite.py",
        "default=_by_number",
        "default=_by_product",
        "tests/train/test_finite.py -k 'split_weight'",
    ),
    Mutant(
        "rows of a batch by the number of the process",
        "jdistill/train/_mesh.py",
        "first = np.searchsorted(rows, start)",
        "first = 0",
        "tests/train/test_mesh_processes.py -k rows",
    ),
    Mutant(
        "a state that a dispatch may place anew",
        "jdistill/train/_dispatch.py",
        "donate_argnums=0, out_shardings=outputs)",
        "donate_argnums=0)",
        "tests/train/test_mesh.py -k compiles_once",
    ),
    Mutant(
        "micro-batches that lie on some of the devices",
        "jdistill/train/_gradient.py",
        "jnp.swapaxes(x.reshape(-1, parts, *x.shape[1:]), 0, 1), batch",
        "x.reshape(parts, -1, *x.shape[1:]), batch",
        "tests/train/test_mesh.py -k each_part",
    ),
    Mutant(
        "an interrupt amid a save",
        "jdistill/train/_checkpoint.py",
        "    with _writing(store), calm():\n        store.writer.save(",
        "    with _writing(store):\n        store.writer.save(",
        "tests/train/test_calm.py -k saving",
    ),
    Mutant(
        "a run that fails amid a save",
        "jdistill/train/_loop.py",
        "                    checkpoints.wait()",
        "                    pass",
        "tests/train/test_calm.py -k error",
    ),
    Mutant(
        "the time left without the stages ahead",
        "jdistill/train/_progress.py",
        "        left = pace * (run.num_steps - step) + ahead * seconds / steps",
        "        left = pace * (run.num_steps - step)",
        "tests/train/test_progress.py -k share_and_the_time",
    ),
    Mutant(
        "a callback's arrays that the next dispatch takes over",
        "jdistill/train/_events.py",
        "return score, jax.tree.map(_copied, state)",
        "return score, state",
        "tests/train/test_loop.py -k can_be_kept",
    ),
    Mutant(
        "penalties on the applied parameters",
        "jdistill/train/_gradient.py",
        "student_view(recipe, outputs, seen_by_model, params)",
        "student_view(recipe, outputs, seen_by_model, applied)",
        "tests/train/test_learner.py -k penalties",
    ),
    Mutant(
        "checkpoints whose checksums nobody compares",
        "jdistill/train/_checkpoint.py",
        "if not agrees(found[path], noted):",
        "if False:",
        "tests/train/test_checkpoint.py -k altered_byte",
    ),
    Mutant(
        "notes whose checksum nobody compares",
        "jdistill/train/_note.py",
        "whole = checksum == _own(found)",
        "whole = True",
        "tests/train/test_checkpoint.py -k 'altered_note or every_bit'",
    ),
    Mutant(
        "a best checkpoint that goes with the others",
        "jdistill/train/_checkpoint.py",
        "*_ranked(store)[:1]}",
        "}",
        "tests/train/test_checkpoint.py -k outlives",
    ),
    Mutant(
        "a passing error that counts as damage",
        "jdistill/train/_files.py",
        "raise OSError(number, os.strerror(number), str(place)) from error",
        "pass",
        "tests/train/test_checkpoint.py -k passes_is_raised",
    ),
    Mutant(
        "checkpoints of any run",
        "jdistill/train/_checkpoint.py",
        "if other := difference(noted, mine):",
        "if (other := difference(noted, mine)) and False:",
        "tests/train/test_recipe.py",
    ),
    Mutant(
        "a start at 0 where all checkpoints are damaged",
        "jdistill/train/_checkpoint.py",
        "if not store.notes and damaged.is_dir() and any(damaged.iterdir()):",
        "if False:",
        "tests/train/test_checkpoint.py -k starts_anew",
    ),
    Mutant(
        "epochs of one seed that are those of the next",
        "jdistill/data/_order.py",
        "key = np.array([seed, epoch], np.uint64)",
        "key = np.array([seed + epoch, 0], np.uint64)",
        "tests/data/test_order.py -k 'orders_of_their_own or for_ever'",
    ),
    Mutant(
        "padded examples that count",
        "jdistill/data/_eval_batches.py",
        "(np.arange(start, stop) < size)",
        "(np.arange(start, stop) <= size)",
        "tests/data/test_eval_batches.py -k once",
    ),
    Mutant(
        "a cache joined by place instead of id",
        "jdistill/data/_cache.py",
        'lambda x: x[batch["id"]], cache.outputs',
        'lambda x: x[: len(batch["id"])], cache.outputs',
        "tests/data/test_cache.py -k by_id",
    ),
    Mutant(
        "a text that goes on keeps the space that is put before every text",
        "jdistill/tokenizers/_tokenizer.py",
        'return text[1:] if inside and doubled and text.startswith(" ") else text',
        "return text",
        "tests/tokenizers/test_tokenizer.py -k goes_on",
    ),
    Mutant(
        "the fingerprint of a vocabulary knows not how text is cut",
        "jdistill/tokenizers/_tokenizer.py",
        "    digest.update(probe.tobytes())\n",
        "",
        "tests/tokenizers/test_tokenizer.py -k fingerprint",
    ),
    Mutant(
        "pieces are joined in the order of their ids",
        "jdistill/tokenizers/_scores.py",
        "ranked = sorted(joined, key=lambda i: -scores[i])",
        "ranked = sorted(joined)",
        "tests/tokenizers/test_llama2c.py -k as_llama2c_joins",
    ),
    Mutant(
        "a word that is a token is cut all the same",
        "jdistill/tokenizers/_gguf.py",
        "ignore_merges=kind in _WHOLE_FIRST",
        "ignore_merges=False",
        "tests/tokenizers/test_gguf.py -k taken_whole",
    ),
    Mutant(
        "a target that an earlier window has had counts again",
        "jdistill/data/_windows.py",
        "            real & (offset + 1 > before),",
        "            real,",
        "tests/data/test_windows.py -k 'target_once and overlapping and bare'",
    ),
    Mutant(
        "a row that begins inside a document has no bos of its own",
        "jdistill/data/_windows.py",
        "again = bos * (start > ends_at[document])",
        "again = 0 * (start > ends_at[document])",
        "tests/data/test_windows.py -k 'target_once and packed and begun'",
    ),
    Mutant(
        "an end of a document that is added stands for bytes",
        "jdistill/data/_windows.py",
        "size = tokenizer.num_bytes[label] * text",
        "size = tokenizer.num_bytes[label]",
        "tests/data/test_windows.py -k 'target_once and packed and bare'",
    ),
    Mutant(
        "a long document is cut within words",
        "jdistill/data/_documents.py",
        "found = [match.end() for match in near]",
        "found = [match.start() for match in near]",
        "tests/data/test_documents.py -k 'ids_of_the_whole'",
    ),
    Mutant(
        "acceptance of what the larger distribution has",
        "jdistill/metrics/_tokens.py",
        "both = jnp.sum(jnp.minimum(p, q), axis=-1)",
        "both = jnp.sum(jnp.maximum(p, q), axis=-1)",
        "tests/metrics/test_tokens.py -k 'acceptance_is_what'",
    ),
    Mutant(
        "logits by chunks are not capped",
        "jdistill/metrics/_tokens.py",
        "return made if cap is None else cap * jnp.tanh(made / cap)",
        "return made",
        "tests/metrics/test_tokens.py -k 'same_figure and nll and 4'",
    ),
    Mutant(
        "the first token of a continuation is left out",
        "jdistill/language/_likelihood.py",
        "known - cut + len(before) - 1, cut > 0",
        "known - cut + len(before), cut > 0",
        "tests/language/test_likelihood.py -k 'tokens_of_the_continuation and begun'",
    ),
    Mutant(
        "choices are not compared for each byte",
        "jdistill/language/_questions.py",
        "found.log_prob / np.maximum(size, 1)",
        "found.log_prob",
        "tests/language/test_questions.py -k likeliest_choice",
    ),
    Mutant(
        "a tail that is 1 minus the sum of the classes kept",
        "jdistill/data/_targets.py",
        "return SparseTarget(ids, best - whole, rest - whole[..., 0])",
        "rest = jnp.log1p(-jnp.exp(best - whole).sum(-1))\n"
        "        return SparseTarget(ids, best - whole, rest)",
        "tests/data/test_targets.py -k last_digit",
    ),
    Mutant(
        "draws from a block of the vocabulary as often as from any other",
        "jdistill/data/_targets.py",
        "block = _inverse(r.sum(-1)[:, None], first)",
        "block = _inverse(jnp.sign(r.sum(-1))[:, None], first)",
        "tests/data/test_targets.py -k 'gradient'",
    ),
    Mutant(
        "the student's tail as 1 minus the sum of the classes named",
        "jdistill/losses/_sparse.py",
        "return log_q, _log_sum(rest) - whole",
        "return log_q, jnp.log1p(-jnp.exp(log_q).sum(-1))",
        f"{LOSSES}/test_sparse.py -k all_but_excludes",
    ),
    Mutant(
        "a tail that is left out",
        "jdistill/losses/_sparse.py",
        "    if target.log_tail is None:\n        return log_q, None",
        "    if True:\n        return log_q, None",
        f"{LOSSES}/test_sparse.py -k lower_bound",
    ),
    Mutant(
        "a head's gradient summed in 16 bits",
        "jdistill/losses/_sparse_vocabulary.py",
        "wide = head.astype(jnp.float32)",
        "wide = head",
        f"{LOSSES}/test_sparse_vocabulary.py -k 16_bits",
    ),
    Mutant(
        "logits of all chunks that are kept for the gradient",
        "jdistill/losses/_sparse_vocabulary.py",
        "    @jax.checkpoint\n    def one(",
        "    def one(",
        f"{LOSSES}/test_sparse_vocabulary.py -k ever_there",
    ),
    Mutant(
        "rows of a cache for any context",
        "jdistill/data/_token_keys.py",
        "hit[inside] = context_at(row[inside]) == keys.context[left[inside]]",
        "hit[inside] = True",
        "tests/data/test_token_keys.py",
    ),
    Mutant(
        "contexts that go on from one document to the next",
        "jdistill/data/_token_keys.py",
        "begins[:, 1:] = np.diff(segment, axis=1) != 0",
        "begins[:, 1:] = False",
        "tests/data/test_token_keys.py -k packed",
    ),
    Mutant(
        "shards that are there taken for whole",
        "jdistill/data/_token_write.py",
        'return read_shard(path).note["about"] == digest(about)',
        "return True",
        "tests/data/test_token_write.py -k damaged",
    ),
    Mutant(
        "a shard's checksum that nobody compares",
        "jdistill/data/_token_shard.py",
        "    if not intact:",
        "    if intact is None:",
        "tests/data/test_token_write.py -k flipped",
    ),
    Mutant(
        "draws that depend on who computes them",
        "jdistill/data/_token_write.py",
        '(batch["id"])',
        '(jnp.arange(len(batch["id"])))',
        "tests/data/test_token_write.py -k at_once",
    ),
    Mutant(
        "rows of a block that all begin where it does",
        "jdistill/data/_token_rows.py",
        "byte_at = starts.ids[rows // _BLOCK] + before[1]",
        "byte_at = starts.ids[rows // _BLOCK]",
        "tests/data/test_token_rows.py -k any_order",
    ),
    Mutant(
        "pairs of a head read as its halves",
        "jdistill/models/formats/_changes.py",
        "lambda x: turned(x, (x.shape[0] // heads // 2, 2)),",
        "lambda x: turned(x, (2, x.shape[0] // heads // 2)),",
        "tests/models/formats/test_rows.py -k interleaved",
    ),
    Mutant(
        "a device that reads the whole stack's first layers",
        "jdistill/models/formats/_rows.py",
        "for i, layer in enumerate(range(*index[0].indices(shape[0]))):",
        "for i, layer in enumerate(range(size[0])):",
        "tests/models/formats/test_rows.py -k own_part",
    ),
    Mutant(
        "memory taken before sizes are checked",
        "jdistill/models/formats/_rows.py",
        "    _check(rows, source, shapes)\n",
        "",
        "tests/models/formats/test_rows.py -k nothing_is_read",
    ),
    Mutant(
        "the norm behind attention before the network",
        "jdistill/models/formats/_families.py",
        '"mlp_norm": "pre_feedforward_layernorm",',
        '"mlp_norm": "post_feedforward_layernorm",',
        "tests/models/formats/test_hf.py -k 'transformers and gemma2'",
    ),
    Mutant(
        "Gemma 3 with one base of rotation",
        "jdistill/models/formats/_hf_layers.py",
        'local = near.number("rope_theta", facts.number("rope_local_base_freq"))',
        "local = theta",
        "tests/models/formats/test_hf_config.py -k gemma_3",
    ),
    Mutant(
        "a window that Qwen does not use",
        "jdistill/models/formats/_hf_forms.py",
        'if not facts.flag("use_sliding_window"):',
        "if False:",
        "tests/models/formats/test_hf_config.py -k qwen_has",
    ),
    Mutant(
        "a configuration written that cannot be read",
        "jdistill/models/formats/_hf_config.py",
        "    _understood(config, said)\n",
        "",
        "tests/models/formats/test_hf.py -k cannot_say",
    ),
    Mutant(
        "a header that covers part of its file",
        "jdistill/models/formats/_safetensors.py",
        "if end != start + size:",
        "if end > start + size:",
        "tests/models/formats/test_safetensors.py -k behind_the_arrays",
    ),
    Mutant(
        "an index that leads out of its folder",
        "jdistill/models/formats/_safetensors.py",
        "name != os.path.basename(name) or not",
        "not",
        "tests/models/formats/test_safetensors.py -k names_files",
    ),
    Mutant(
        "a folder written over another",
        "jdistill/models/formats/_hf.py",
        "if target.exists() and not (target.is_dir() and not any(target.iterdir())):",
        "if False:",
        "tests/models/formats/test_hf.py -k whole_or_not",
    ),
    Mutant(
        "a nibble of a GGUF block beside its neighbour",
        "jdistill/models/formats/_gguf_blocks.py",
        "return codes[:, :half] | codes[:, half:] << np.uint8(4)",
        "return codes[:, ::2] | codes[:, 1::2] << np.uint8(4)",
        "tests/models/formats/test_gguf_blocks.py -k 'bytes_of_a_block'",
    ),
    Mutant(
        "a step size of a GGUF block that float16 rounds",
        "jdistill/models/formats/_gguf_blocks.py",
        "if (half != x).any():",
        "if not np.isfinite(half).all():",
        "tests/models/formats/test_gguf_blocks.py -k 'lost'",
    ),
    Mutant(
        "a GGUF tensor beyond the end of its file",
        "jdistill/models/formats/_gguf_header.py",
        "if offset % alignment or base + offset + size > end:",
        "if offset % alignment:",
        "tests/models/formats/test_gguf_header.py -k 'one_line'",
    ),
    Mutant(
        "texts of GGUF metadata that no file has room for",
        "jdistill/models/formats/_gguf_header.py",
        "if 8 * count > len(scan.data) - scan.at:",
        "if count < 0:",
        "tests/models/formats/test_gguf_header.py -k 'one_line'",
    ),
    Mutant(
        "queries of a GGUF llama left in pairs",
        "jdistill/models/formats/_gguf_families.py",
        '"llama": Family({"family": "llama"}, interleaved=True),',
        '"llama": Family({"family": "llama"}),',
        "tests/models/formats/test_gguf.py -k 'transformers and llama3'",
    ),
    Mutant(
        "a local base of Gemma 3 that is the global one",
        "jdistill/models/formats/_gguf_config.py",
        "bases = [local if n else theta for n in near]",
        "bases = [theta for n in near]",
        "tests/models/formats/test_gguf.py -k 'transformers and gemma3'",
    ),
    Mutant(
        "a configuration that a GGUF file cannot say",
        "jdistill/models/formats/_gguf_config.py",
        "    if lost:",
        "    if not lost:",
        "tests/models/formats/test_gguf_save.py -k 'cannot_say'",
    ),
    Mutant(
        "llama2.c's version 2 without its step sizes",
        "jdistill/models/formats/_llama2c.py",
        "return (codes * scale).astype(np.float32).reshape(part.shape)",
        "return codes.astype(np.float32).reshape(part.shape)",
        "tests/models/formats/test_llama2c.py -k 'bit_for_bit'",
    ),
    Mutant(
        "own texts kept in one place whatever is to be kept",
        "jdistill/language/_on_policy.py",
        "slot = (step // policy.every) % policy.keep",
        "slot = 0",
        "tests/language/test_on_policy.py -k every_and_keep",
    ),
    Mutant(
        "own texts with labels",
        "jdistill/language/_on_policy.py",
        'own["label_mask"] = jnp.zeros_like(own["token_mask"])',
        'own["label_mask"] = jnp.ones_like(own["token_mask"])',
        "tests/language/test_on_policy.py -k share_of_the_rows",
    ),
    Mutant(
        "continuations that all begin behind the longest prompt",
        "jdistill/language/_continued.py",
        "jnp.where(inside, count[:, None] + order, width)",
        "jnp.where(inside, tokens.shape[1] + order, width)",
        "tests/language/test_continued.py",
    ),
    Mutant(
        "one key for all rows",
        "jdistill/language/_generate.py",
        "jax.random.fold_in(key, row)",
        "jax.random.fold_in(key, 0 * row)",
        "tests/language/test_generate.py -k key_and_the_row",
    ),
    Mutant(
        "texts that never stop",
        "jdistill/language/_generate.py",
        "done = loop.done | ends",
        "done = loop.done",
        "tests/language/test_generate.py -k stop_token",
    ),
    Mutant(
        "a nucleus without the token that fills it",
        "jdistill/language/_choose.py",
        "jnp.cumsum(p) - p < top_p",
        "jnp.cumsum(p) < top_p",
        "tests/language/test_choose.py -k drawn_as_often",
    ),
    Mutant(
        "a cache that forgets how far it has read",
        "jdistill/models/transformers/_decoding.py",
        'position = cache["length"][:, None] + ',
        'position = 0 * cache["length"][:, None] + ',
        "tests/models/transformers/test_decoder.py -k going_on",
    ),
    Mutant(
        "a window that sees a token more",
        "jdistill/models/transformers/_decoder_block.py",
        "where.behind < layer.window",
        "where.behind <= layer.window",
        "tests/models/transformers/test_decoder.py -k 'equations and gemma3'",
    ),
    Mutant(
        "packed texts that see each other",
        "jdistill/models/transformers/_attention.py",
        "behind = jnp.where(visible, behind, -1)",
        "behind = jnp.where(visible, behind, behind)",
        "tests/models/transformers/test_decoder.py -k packed",
    ),
    Mutant(
        "keys after a query in the buckets of those before it",
        "jdistill/models/transformers/_relative.py",
        "half * (behind < 0)",
        "0 * (behind < 0)",
        "tests/models/transformers/test_encoder_decoder.py -k buckets",
    ),
    Mutant(
        "an encoder-decoder divides its scores",
        "jdistill/models/transformers/_encoder_decoder_block.py",
        "scale=1.0",
        "scale=config.head_dim**-0.5",
        "tests/models/transformers/test_encoder_decoder.py -k 'equations and near'",
    ),
    Mutant(
        "what a tied head reads is not scaled",
        "jdistill/models/transformers/_encoder_decoder_block.py",
        "return hidden * config.dim**-0.5 if config.scaled else hidden",
        "return hidden",
        "tests/models/transformers/test_encoder_decoder.py -k 'equations and near'",
    ),
    Mutant(
        "a text that sees what is written later",
        "jdistill/models/transformers/_encoder_decoder.py",
        "own = Seen(behind >= 0, bias)",
        "own = Seen(behind >= -9, bias)",
        "tests/models/transformers/test_encoder_decoder.py -k 'equations and near'",
    ),
    Mutant(
        "a text that looks at the padding of its source",
        "jdistill/models/transformers/_encoder_decoder_source.py",
        "return Encoded(hidden, Seen(mask), first, kept)",
        "return Encoded(hidden, Seen(None), first, kept)",
        "tests/models/transformers/test_encoder_decoder.py -k padding",
    ),
    Mutant(
        "a cache that looks at the padding of its source",
        "jdistill/models/transformers/_encoder_decoder_decoding.py",
        'source = Seen(seen(None, None, cache["source_mask"]))',
        "source = Seen(None)",
        "tests/models/transformers/test_encoder_decoder.py -k going_on",
    ),
    Mutant(
        "the source is forgotten where whole texts are read",
        "jdistill/language/_generate.py",
        '"about": {name: batch[name] for name in SOURCE if name in batch},',
        '"about": {"source": batch["source"]} if "source" in batch else {},',
        "tests/models/transformers/test_encoder_decoder.py -k with_and_without",
    ),
    Mutant(
        "own texts beside the sources of other rows",
        "jdistill/language/_on_policy.py",
        "texts[name] = jnp.zeros((*shape[:2], *one.shape[1:]), one.dtype)",
        "pass",
        "tests/language/test_pairs_learnt.py -k stay_with",
    ),
    Mutant(
        "a text that is given what it has to write",
        "jdistill/data/_pairs.py",
        "inputs = np.concatenate([before, label[:, :-1]], axis=1)",
        "inputs = np.concatenate([label[:, :1], label[:, :-1]], axis=1)",
        "tests/data/test_pairs.py -k id_after_it",
    ),
    Mutant(
        "a head of its own reads what is scaled",
        "jdistill/models/formats/_hf_t5.py",
        'scaled=facts.flag("scale_decoder_outputs", tied and tie)',
        'scaled=facts.flag("scale_decoder_outputs", tie)',
        "tests/models/formats/test_hf_t5.py -k head_of_its_own",
    ),
    Mutant(
        "one of two embeddings that differ is taken",
        "jdistill/models/formats/_hf_t5.py",
        "if not _equal(source, first, name):",
        "if False:",
        "tests/models/formats/test_hf_t5.py -k copies_that_differ",
    ),
    Mutant(
        "the end of a text that a file puts there is not seen",
        "jdistill/tokenizers/_tokenizer.py",
        "behind = rest if whole",
        "behind = [] if whole",
        "tests/tokenizers/test_tokenizer.py -k end_as_the_file",
    ),
    Mutant(
        "the padding of a text taken for that of its source",
        "jdistill/ops/_padding.py",
        'if batch.get("source") is not None:',
        "if False:",
        "tests/ops/test_padding.py -k two_lengths",
    ),
    Mutant(
        "a token's parts as if the last pair came first",
        "jdistill/tokenizers/_keep.py",
        "at = int(np.argmin(known))",
        "at = int(np.argmax(known))",
        "tests/tokenizers/test_keep.py -k several_ways",
    ),
    Mutant(
        "what a kept token is joined from is not kept",
        "jdistill/tokenizers/_keep.py",
        "        waiting += new\n",
        "",
        "tests/tokenizers/test_keep.py -k cut_as_before",
    ),
    Mutant(
        "influence over padding too",
        "jdistill/language/_depth.py",
        "turned = jnp.where(weights[None] > 0, 1 - cosine, 0.0)",
        "turned = 1 - cosine",
        "tests/language/test_depth.py -k mean_cosine",
    ),
    Mutant(
        "the cap of the student is lost on the way to its terms",
        "jdistill/train/_gradient.py",
        "cap=recipe.model.cap",
        "cap=None",
        "tests/objective/test_vocabulary.py -k decoder_reaches",
    ),
    Mutant(
        "the cap of a network is lost on the way to its view",
        "jdistill/views.py",
        "cap=model.cap,",
        "cap=None,",
        "tests/test_views.py",
    ),
)


def survives(mutant: Mutant, tree: pathlib.Path) -> str:
    """What is wrong: '' where the tests noticed the edit."""
    path = tree / mutant.path
    original = path.read_text()
    if original.count(mutant.before) != 1:
        return f"its text is {original.count(mutant.before)} times in {mutant.path}"
    path.write_text(original.replace(mutant.before, mutant.after))
    try:
        return "" if fails(mutant.tests, tree) else "SURVIVED"
    except RuntimeError as error:
        return str(error)
    finally:
        path.write_text(original)


def fails(tests: str, tree: pathlib.Path) -> bool:
    """Whether tests fail; tests that cannot be run are an error, not a failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *shlex.split(tests)], cwd=tree, capture_output=True, text=True
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}: {tests}")
    return done.returncode == 1


def selection(mutants: Sequence[Mutant]) -> str:
    """The tests of all mutants, for one run of pytest."""
    parts = [shlex.split(mutant.tests) for mutant in mutants]
    files = sorted({part[0] for part in parts})
    words = dict.fromkeys(
        part[2] if len(part) > 1 else pathlib.Path(part[0]).stem for part in parts
    )
    return shlex.join([*files, "-k", " or ".join(f"({word})" for word in words)])


def main(names: list[str]) -> int:
    """Runs the mutants whose name has one of the given words, all without any."""
    chosen = [m for m in MUTANTS if not names or any(n in m.name for n in names)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for name in COPIED:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            options = {"ignore": LEFT_OUT} if source.is_dir() else {}
            copy(source, tree / name, **options)
        if chosen and fails(selection(chosen), tree):
            sys.stdout.write(f"these fail without any edit: {selection(chosen)}\n")
            return 1
        for mutant in chosen:
            problem = survives(mutant, tree)
            survivors += bool(problem)
            line = f"{problem or 'noticed':<10} {mutant.name:<50} {mutant.tests}"
            sys.stdout.write(line.rstrip() + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - survivors} of {len(chosen)} noticed\n")
    return int(bool(survivors) or not chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
