"""What a text classifier must beat: TF-IDF features with logistic regression."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jdistill import extras, kinds
from jdistill.data._splits import Parts


class Baseline(NamedTuple):
    """A baseline's figures on the test part.

    `correct` is boolean `[size]`, in the order of the test split, so that a model can
    be compared example by example.
    """

    accuracy: float
    recall_macro: float
    correct: np.ndarray
    C: float
    features: int


def tfidf_baseline(
    texts: Parts,
    *,
    words: tuple[int, int] = (1, 2),
    C: Sequence[float] = (10.0, 30.0, 300.0),
) -> Baseline:
    r"""Accuracy of logistic regression on TF-IDF features of words and word pairs.

    .. math:: x = (1 + \ln tf) \, (1 + \ln \frac{1 + n}{1 + df}), \quad x / \|x\|_2

    Features and idf come from the training part; the inverse regularisation `C` is the
    best on the valid part; the test part is only reported.

    Args:
        texts: `Texts` of train, valid and test, as `stdlib_texts` gives them.
        words: smallest and largest size of the n-grams of words.
        C: candidates for the inverse strength of the L2 penalty.

    Returns:
        The figures on the test part.

    References:
        Salton and Buckley, Term-weighting approaches in automatic text retrieval,
        Information Processing & Management 1988.

    Example:
        >>> from jdistill import data
        >>> texts = data.Texts(('a b', 'c d', 'b a'), np.array([0, 1, 0]), ('x', 'y'))
        >>> data.tfidf_baseline(data.Parts(texts, texts, texts)).accuracy
        1.0
    """
    if not hasattr(getattr(texts, "train", None), "texts"):
        said = "Parts of Texts, as stdlib_texts gives"
        raise TypeError(f"texts must be {said}, got {kinds.got(texts)}")
    vectorizer = _sklearn("feature_extraction.text").TfidfVectorizer(
        sublinear_tf=True, ngram_range=words, token_pattern=r"\w+"
    )
    train = vectorizer.fit_transform(texts.train.texts)
    valid, test = (vectorizer.transform(t.texts) for t in (texts.valid, texts.test))
    models = [_classifier(c).fit(train, texts.train.label) for c in C]
    scores = [model.score(valid, texts.valid.label) for model in models]
    best = int(np.argmax(scores))
    predicted = models[best].predict(test)
    correct = predicted == texts.test.label
    recall_score = _sklearn("metrics").recall_score
    recall = recall_score(texts.test.label, predicted, average="macro")
    return Baseline(
        float(correct.mean()), float(recall), correct, C[best], train.shape[1]
    )


def _classifier(C):
    # One class against the rest with liblinear takes a second where one softmax with
    # L-BFGS takes ten, and is as accurate on these texts.
    one = _sklearn("linear_model").LogisticRegression(solver="liblinear", C=C)
    return _sklearn("multiclass").OneVsRestClassifier(one)


def _sklearn(module: str) -> Any:
    return extras.needed(f"sklearn.{module}", by="data.tfidf_baseline")
