"""Whether a vocabulary is that of a network or of another tokenizer."""

from jdistill import kinds
from jdistill.checks import whole
from jdistill.tokenizers._package import A_TOKENIZER
from jdistill.typing import Tokenizer


def check_vocabulary(tokenizer: Tokenizer, rows: int, *, padding: int = 1024) -> int:
    """Refuses a tokenizer that is not that of an embedding.

    Families round their embeddings up, so a few more rows than ids are no fault; what
    a loss reads of them has to be left out.

    Args:
        tokenizer: whose ids the network is given.
        rows: of the embedding.
        padding: rows without an id that are not refused.

    Returns:
        How many rows have an id. Control tokens past the last row, other than 'bos',
        'eos', 'pad' and 'unk', do not count: Gemma 3 has one for images.

    Raises:
        ValueError: the tokenizer is larger than the embedding, or smaller by more
            than the padding.

    Example:
        >>> from jdistill.tokenizers import from_gguf
        >>> letters = from_gguf({'tokenizer.ggml.model': 'gpt2',
        ...     'tokenizer.ggml.pre': 'gpt-2', 'tokenizer.ggml.tokens': ['a', 'b'],
        ...     'tokenizer.ggml.merges': []})
        >>> check_vocabulary(letters, 128)
        2
    """
    kinds.instance(Tokenizer, A_TOKENIZER, {"tokenizer": tokenizer})
    whole(rows=rows)
    whole(padding=padding, least=0)
    beyond = set(range(rows, tokenizer.vocab))
    if beyond - tokenizer.control or beyond & set(tokenizer.special.values()):
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab} ids, the embedding {rows} rows: they "
            "are not of one network"
        )
    if rows - tokenizer.vocab > padding:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab} ids, the embedding {rows} rows, "
            f"{rows - tokenizer.vocab} more: they are not of one network"
        )
    return min(tokenizer.vocab, rows)


def same_vocabulary(first: Tokenizer, second: Tokenizer) -> None:
    """Refuses two tokenizers that differ, by their content and not by their size.

    Args:
        first: such as the teacher's.
        second: such as the student's.

    Returns:
        None.

    Raises:
        ValueError: they differ; the message names an id that does.

    Example:
        >>> from jdistill.tokenizers import from_gguf
        >>> facts = {'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2',
        ...          'tokenizer.ggml.merges': []}
        >>> one, two = (from_gguf({**facts, 'tokenizer.ggml.tokens': list(letters)})
        ...             for letters in ('ab', 'ba'))
        >>> same_vocabulary(one, two)
        Traceback (most recent call last):
        ValueError: the vocabularies differ: id 0 is b'a' in one and b'b' in the other
    """
    kinds.instance(Tokenizer, A_TOKENIZER, {"first": first, "second": second})
    if first.fingerprint == second.fingerprint:
        return
    if first.vocab != second.vocab:
        raise ValueError(
            f"the vocabularies differ: {first.vocab} ids in one and {second.vocab} in "
            "the other"
        )
    for i in range(first.vocab):
        one, two = first.bytes_of([i]), second.bytes_of([i])
        if one != two:
            raise ValueError(
                f"the vocabularies differ: id {i} is {one!r} in one and {two!r} in the "
                "other"
            )
    raise ValueError("the tokenizers have the same tokens and cut text differently")
