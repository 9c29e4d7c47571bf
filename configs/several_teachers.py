"""What do several teachers gain over one, where labels are few?

Question: a small network learns from three teachers that differ in their first weights:
from the mean of their probabilities, or from the sum of the divergences, whose gradient
is the same; or from two experts, each of half the classes, by the half that a labelled
example is of. What do they gain over one teacher?
Cost: 8 minutes on two CPU cores beside other work, nothing to download.
Command: python -m experiments.main --config=configs/several_teachers.py --workdir=r
Expected: the table of docs/results.md.
"""

import ml_collections

from configs.shared.arguments import is_smoke
from configs.shared.few_digits import CE, few_digits, from_all, from_labels, taught

THREE = ("teacher", "second", "third")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """`''` is the published run, `smoke` a run of seconds."""
    return few_digits(methods(), before=before(), smoke=is_smoke(arg))


def before() -> dict[str, dict]:
    """Two more teachers, and an expert of each half of the classes."""
    more = {name: from_labels() for name in THREE[1:]}
    halves = {"low": tuple(range(5)), "high": tuple(range(5, 10))}
    for name, digits in halves.items():
        more[name] = from_labels(data=dict(only=digits))
    return more


def methods() -> dict[str, list[dict]]:
    """The mean, the sum and the routing of teachers, each beside the labels."""
    others = {name: name for name in THREE}

    def from_source(source, others, **more):
        student = dict(name="logits", network="student")
        kd = dict(loss="kl", temperature=2.0, weight=0.9, arguments=[student, source])
        terms = dict(ce=dict(CE, weight=0.1), kd=kd)
        return [from_all(terms=terms, others=others, **more)]

    each = {f"kd_{name}": dict(taught(0.3)["kd"], teacher=name) for name in THREE}
    mean = dict(name="ensemble", networks=THREE, temperature=2.0)
    experts = dict(name="routed", networks=("low", "high"), by="half")
    return {
        "mean of three": from_source(mean, others),
        "sum of three": [
            from_all(terms=dict(ce=dict(CE, weight=0.1), **each), others=others)
        ],
        "two experts, labelled digits": from_source(
            experts, dict(low="low", high="high"), data={}
        ),
    }
