"""A page of its own around what is shown."""

from jdistill.report._markup import text
from jdistill.report._style import CSS


def document(title: str, *parts: str) -> str:
    """HTML with its style inside; it loads nothing.

    Example:
        >>> document('digits', '<p>a</p>')[:15]
        '<!doctype html>'
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{CSS}</style></head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )
