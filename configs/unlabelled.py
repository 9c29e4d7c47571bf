"""What do examples without labels gain, which only the teacher knows?

Question: a convolutional teacher has seen 150 labelled digits. Its small student learns
from it on those alone, or also on the other thousand digits, whose labels are not used.
A quarter, or a tenth, of each batch has labels.
Cost: 4 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/unlabelled.py --workdir=runs/pool
Expected: docs/results.md: 2.6 points, where KL on the 150 gains none.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import few_digits, from_all, taught


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return few_digits(methods(), smoke=is_smoke(arg))


def methods() -> dict[str, list[dict]]:
    """KL on the labelled examples alone, and on all with fewer labels in a batch."""
    plain = dict(terms=taught(), others=dict(teacher="teacher"))
    return {
        "kl, labelled digits": [plain],
        "kl, a tenth labelled": [from_all(data=dict(share=0.1))],
    }
