"""What people do with models of texts: generate, score, cut, distil on own texts."""

from jdistill.language._choose import greedy as greedy
from jdistill.language._choose import sample as sample
from jdistill.language._continued import continued as continued
from jdistill.language._figures import figures as figures
from jdistill.language._generate import Generated as Generated
from jdistill.language._generate import generate as generate
from jdistill.language._likelihood import Likelihoods as Likelihoods
from jdistill.language._likelihood import log_likelihoods as log_likelihoods
from jdistill.language._on_policy import on_policy as on_policy
from jdistill.language._questions import Question as Question
from jdistill.language._questions import multiple_choice as multiple_choice
from jdistill.language._questions import read_questions as read_questions

__all__ = [
    "Generated",
    "Likelihoods",
    "Question",
    "continued",
    "figures",
    "generate",
    "greedy",
    "log_likelihoods",
    "multiple_choice",
    "on_policy",
    "read_questions",
    "sample",
]
