"""Names that a configuration gives, where the file system takes them."""

import re
import zlib

LONGEST = 100
"""Characters of a folder's name; a longer one ends in a checksum."""


def safe(name: str) -> str:
    """A name as one part of a path: other names give other parts.

    Letters, digits, spaces and `._-` stay; the rest, and a dot or a space at either
    end, is written as the hexadecimal numbers of its bytes.

    Example:
        >>> safe('fitnet in stages'), safe('/etc'), safe('..')
        ('fitnet in stages', '%2Fetc', '%2E%2E')
    """
    text = re.sub(r"[^A-Za-z0-9_ .-]|^[. ]|[. ]\Z", _hex, name)
    if 0 < len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}%{zlib.crc32(str(name).encode(errors='replace')):08x}"


def _hex(match: re.Match) -> str:
    code = match[0].encode(errors="surrogatepass")
    return "".join(f"%{byte:02X}" for byte in code)
