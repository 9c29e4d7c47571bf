"""What a configuration may be asked for."""


def is_smoke(arg: str) -> bool:
    """Whether a configuration is asked for its run of seconds.

    Raises:
        ValueError: there is no such run.

    Example:
        >>> is_smoke(''), is_smoke('smoke')
        (False, True)
    """
    if arg not in ("", "smoke"):
        raise ValueError(f"no run {arg!r}; valid: smoke, or nothing for the whole")
    return arg == "smoke"
