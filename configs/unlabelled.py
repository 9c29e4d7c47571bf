"""What do examples without labels gain, which only the teacher knows?

Question: a teacher has seen 150 labelled digits. Its student learns from it on those
alone, or also on the other thousand digits, whose labels are not used. A quarter, or
a tenth, of each batch has labels.
Cost: about two minutes of one CPU core, nothing to download.
Command: python -m experiments.main --config=configs/unlabelled.py --workdir=runs/pool
Expected: docs/results.md: 0.7 points, where KL on the 150 gains none.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import few_digits, taught


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return few_digits(methods(), smoke=is_smoke(arg))


def methods() -> dict[str, list[dict]]:
    """KL on all examples, the labels' loss on those that have one."""
    plain = dict(terms=taught(), others=dict(teacher="teacher"))
    return {
        "all digits, a quarter labelled": [dict(plain, data=dict(share=0.25))],
        "all digits, a tenth labelled": [dict(plain, data=dict(share=0.1))],
    }
