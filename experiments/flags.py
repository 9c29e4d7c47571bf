"""The command line: a configuration with overrides, and a folder to work in."""

import difflib
import pathlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections
from absl import flags
from ml_collections import config_flags


class Command(NamedTuple):
    """What the command line asks for."""

    config: ml_collections.ConfigDict
    workdir: pathlib.Path
    source: str
    arguments: Sequence[str]


def parse(arguments: Sequence[str]) -> Command:
    """Reads `--config=FILE[:arg] --workdir=DIR [--config.key=value ...]`.

    Args:
        arguments: the command line, the program's name first.

    Returns:
        The locked configuration, the folder, and where the configuration came from.

    Raises:
        ValueError: an unknown flag or key, a value that does not fit, no such file.
    """
    plain = [a for a in arguments if not re.match(r"--?config\.", a)]
    base = _read(plain)
    for argument in arguments:
        override = re.match(r"--?config\.([^=]+)", argument)
        if override:
            _check_key(base.config, override.group(1), base.source)
    return _read(arguments)


def _read(arguments: Sequence[str]) -> Command:
    values = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config", lock_config=True, flag_values=values, sys_argv=list(arguments)
    )
    flags.DEFINE_string("workdir", None, "where the run writes", flag_values=values)
    try:
        rest = values(list(arguments), known_only=False)[1:]
    except OSError:
        raise
    # A file of configuration is a program, which may raise anything, or end.
    except (Exception, SystemExit) as error:
        raise ValueError(_one_line(error)) from None
    if rest:
        raise ValueError(
            f"what is {rest[0]!r}? valid: --config, --workdir, --config.key"
        )
    flag: Any = values["config"]
    source = flag.config_filename if flag.present else None
    if not source or not values.workdir:
        missing = "config" if not source else "workdir"
        raise ValueError(f"--{missing} is missing; see --help")
    if not pathlib.Path(source.split(":")[0]).is_file():
        raise ValueError(f"--config: there is no file {source.split(':')[0]!r}")
    if not isinstance(values.config, ml_collections.ConfigDict):
        kind = type(values.config).__name__
        raise ValueError(f"--config: get_config gave a {kind}, not a ConfigDict")
    return Command(values.config, pathlib.Path(values.workdir), source, arguments[1:])


def _one_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if any(line.startswith("Traceback") for line in lines):  # raised in the file itself
        return f"--config: {lines[-1]}"
    said = " ".join(line.strip() for line in lines)
    known = isinstance(error, flags.Error | ValueError)
    if known and said:
        return said
    return f"--config: {type(error).__name__} {said}".strip()


def _check_key(config: Any, dotted: str, source: str) -> None:
    node, path = config, "config"
    for key in dotted.split("."):
        if not isinstance(node, ml_collections.ConfigDict):
            raise ValueError(f"{path} in {source} is a value; it has no key {key!r}")
        name = key.split("[")[0]
        if name not in node:
            valid = ", ".join(sorted(node))
            close = difflib.get_close_matches(name, list(node), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(
                f"{path} in {source} has no key {key!r}; {hint}valid: {valid}"
            )
        node, path = node[name], f"{path}.{key}"
