"""What people do with models of texts: generate, score, cut, distil on own texts."""

from jdistill.language._choose import greedy as greedy
from jdistill.language._choose import sample as sample
from jdistill.language._generate import Generated as Generated
from jdistill.language._generate import generate as generate

__all__ = ["Generated", "generate", "greedy", "sample"]
