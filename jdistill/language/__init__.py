"""What people do with models of texts: generate, score, cut, distil on own texts."""

from jdistill.language._choose import greedy as greedy
from jdistill.language._choose import sample as sample
from jdistill.language._continued import continued as continued
from jdistill.language._depth import block_influence as block_influence
from jdistill.language._depth import keep_layers as keep_layers
from jdistill.language._depth import most_influential as most_influential
from jdistill.language._depth import spread as spread
from jdistill.language._figures import figures as figures
from jdistill.language._generate import Generated as Generated
from jdistill.language._generate import generate as generate
from jdistill.language._likelihood import Likelihoods as Likelihoods
from jdistill.language._likelihood import log_likelihoods as log_likelihoods
from jdistill.language._on_policy import on_policy as on_policy
from jdistill.language._questions import Question as Question
from jdistill.language._questions import multiple_choice as multiple_choice
from jdistill.language._questions import read_questions as read_questions
from jdistill.language._vocabulary import keep_tokens as keep_tokens
from jdistill.language._writer import prompts as prompts
from jdistill.language._writer import writer as writer

__all__ = [
    "Generated",
    "Likelihoods",
    "Question",
    "block_influence",
    "continued",
    "figures",
    "generate",
    "greedy",
    "keep_layers",
    "keep_tokens",
    "log_likelihoods",
    "most_influential",
    "multiple_choice",
    "on_policy",
    "prompts",
    "read_questions",
    "sample",
    "spread",
    "writer",
]
