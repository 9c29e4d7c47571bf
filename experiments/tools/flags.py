"""The command line: a configuration with overrides, and a folder to work in."""

import importlib
import itertools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
from absl import flags
from ml_collections import config_flags

FLAGS = "--config, --workdir, --config.key, --seeds, --sweep"


class Variant(NamedTuple):
    """One run of several: its configuration, and what it has that others have not."""

    config: ml_collections.ConfigDict
    values: Mapping[str, str]


class Command(NamedTuple):
    """What the command line asks for: one run, or one for each of the variants."""

    config: ml_collections.ConfigDict
    workdir: pathlib.Path
    source: str
    arguments: Sequence[str] = ()
    variants: Sequence[Variant] = ()


def parse(arguments: Sequence[str]) -> Command:
    """Reads `--config=FILE[:arg] --workdir=DIR [--config.key=value ...]`.

    `--seeds=0,1,2` sets `config.seeds` where the configuration has it, and otherwise
    makes a variant for each value of `config.seed`; `--sweep=key=1,2,4` makes one for
    each value of a key, and several of these one for each combination.

    Args:
        arguments: the command line, the program's name first.

    Returns:
        The locked configuration, the folder, where the configuration came from, and
        the variants.

    Raises:
        ValueError: an unknown flag or key, a value that does not fit, no such file.
    """
    given = _apart(arguments)
    plain = [a for a in given if not re.match(r"--?config\.", a)]
    base, flag = _read(plain)
    for argument in given:
        override = re.match(r"--?config\.([^=]+)", argument)
        if override:
            _check_key(base.config, override.group(1), base.source)
    swept = [_swept(text, base) for text in flag.sweep]
    if any(key.split(".")[0] == "experiment" for key, _ in swept):
        raise ValueError("--sweep: the experiment is the same in all runs")
    if flag.seeds is not None:
        seeds = _values(flag.seeds, "--seeds")
        if "seeds" in base.config:
            given = [*given, f"--config.seeds=({','.join(seeds)},)"]
        else:
            swept.append(_swept(f"seed={flag.seeds}", base, "--seeds"))
    command, _ = _read(given)
    variants = tuple(_variants(given, swept))
    return command._replace(arguments=arguments[1:], variants=variants)


def _apart(arguments: Sequence[str]) -> list[str]:
    """`--sweep` and `--seeds` with their value in the same argument."""
    given: list[str] = []
    for argument in arguments:
        if given and re.fullmatch(r"--?(sweep|seeds)", given[-1]):
            given[-1] = f"{given[-1]}={argument}"
        else:
            given.append(argument)
    return given


def _variants(given: Sequence[str], swept: Sequence[tuple]) -> Iterator[Variant]:
    names = [key for key, _ in swept]
    if len({*names}) < len(names):
        raise ValueError(f"--sweep has a key twice: {', '.join(names)}")
    for values in itertools.product(*(values for _, values in swept)) if swept else ():
        chosen = dict(zip(names, values, strict=True))
        more = [f"--config.{key}={value}" for key, value in chosen.items()]
        yield Variant(_read([*given, *more])[0].config, chosen)


def _swept(text: str, base: Command, flag: str = "--sweep") -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    if not equals:
        raise ValueError(f"{flag}={text}: wanted KEY=VALUE,VALUE...")
    key = re.sub(r"^config\.", "", key)
    _check_key(base.config, key, base.source)
    return key, _values(values, flag)


def _values(text: str, flag: str) -> list[str]:
    """What commas part that are in no brackets."""
    values = [value.strip() for value in re.split(r",(?![^(\[]*[)\]])", text)]
    if not all(values):
        raise ValueError(f"{flag}: a value is missing in {text!r}")
    if len({*values}) < len(values):
        raise ValueError(f"{flag} has a value twice: {text}")
    return values


def _read(arguments: Sequence[str]) -> tuple[Command, flags.FlagValues]:
    values = flags.FlagValues()
    config_flags.DEFINE_config_file(
        "config", lock_config=True, flag_values=values, sys_argv=list(arguments)
    )
    flags.DEFINE_string("workdir", None, "where the run writes", flag_values=values)
    flags.DEFINE_string("seeds", None, "the seeds to run", flag_values=values)
    flags.DEFINE_multi_string("sweep", [], "values of a key", flag_values=values)
    try:
        rest = values(list(arguments), known_only=False)[1:]
    except OSError:
        raise
    # A file of configuration is a program, which may raise anything, or end.
    except (Exception, SystemExit) as error:
        raise ValueError(_one_line(error)) from None
    if rest:
        raise ValueError(f"what is {rest[0]!r}? valid: {FLAGS}")
    flag: Any = values["config"]
    source = flag.config_filename if flag.present else None
    if not source or not values.workdir:
        missing = "config" if not source else "workdir"
        raise ValueError(f"--{missing} is missing; see --help")
    check_file(source.split(":")[0])
    if "\0" in values.workdir:
        raise ValueError(f"--workdir={values.workdir!r} is no name of a folder")
    if not isinstance(values.config, ml_collections.ConfigDict):
        kind = type(values.config).__name__
        raise ValueError(f"--config: get_config gave a {kind}, not a ConfigDict")
    workdir = pathlib.Path(values.workdir)
    return Command(values.config, workdir, source, arguments[1:]), values


def check_file(name: str) -> None:
    """Refuses what is no file of a configuration.

    Raises:
        ValueError: names it.
    """
    if "\0" in name or not pathlib.Path(name).is_file():
        raise ValueError(f"--config: there is no file {name!r}")


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
            # it imports jax, which the first line shall not wait for
            near = importlib.import_module("jdistill.mends").near
            valid = ", ".join(sorted(node))
            raise ValueError(
                f"{path} in {source} has no key {key!r}; "
                f"{near(name, list(node), most=1)}valid: {valid}"
            )
        node, path = node[name], f"{path}.{key}"
