"""Ctrl-C that waits for the end of what must not be cut in two."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def calm() -> Iterator[None]:
    """Raises `KeyboardInterrupt` after the block instead of inside it.

    A program whose compilation was interrupted ends the process in a fault of memory,
    and a save that was leaves coroutines that are never awaited. Where Ctrl-C does
    something else than to raise, it goes on to do that at once.

    Example:
        >>> with calm():
        ...     value = 3
        >>> value
        3
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not main or before is not signal.default_int_handler:
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt
