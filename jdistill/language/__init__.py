"""What people do with models of texts: generate, score, cut, distil on own texts."""

from jdistill.language._choose import greedy as greedy
from jdistill.language._choose import sample as sample
from jdistill.language._continued import continued as continued
from jdistill.language._generate import Generated as Generated
from jdistill.language._generate import generate as generate
from jdistill.language._on_policy import on_policy as on_policy

__all__ = ["Generated", "continued", "generate", "greedy", "on_policy", "sample"]
