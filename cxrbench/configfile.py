"""Configuration files: TOML and command-line settings to one ``Config``, and errors that name file and key.

A configuration file states only what differs from ``base.toml``, which lies beside it or in the
repository's ``configs/``. Command-line ``key=value`` settings come last.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cxrbench.config import Config
from cxrbench.errors import ConfigError

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
BASE = "base.toml"
COMMAND_LINE = "command line"


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Read one experiment.

    Args:
        path: a TOML file, or the name of one in ``configs/`` (``quick``).
        overrides: ``section.key=value`` settings, the value in TOML (``train.epochs=3``).

    Raises:
        ConfigError: one line per problem, each naming the file, the key and what is allowed.
    """
    file = find_config(path)
    beside = file.with_name(BASE)
    base = beside if beside.exists() else CONFIGS / BASE
    layers = [(str(base), _read_toml(base))] if base != file else []
    layers.append((str(file), {"name": file.stem} | _read_toml(file)))
    layers += [(COMMAND_LINE, _parse_override(text)) for text in overrides or []]

    merged: dict[str, Any] = {}
    for _, layer in layers:
        merged = _merge(merged, layer)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(problem, layers) for problem in error.errors())) from None


def find_config(path: str | Path) -> Path:
    """The file that a path or a bare configuration name means."""
    given = Path(path)
    for candidate in (given, CONFIGS / f"{given}.toml", CONFIGS / given):
        if candidate.is_file():
            return candidate
    if not CONFIGS.is_dir():
        raise ConfigError(f"{path}: this installation has no configs/; install a clone: pip install -e .")
    raise ConfigError(f"{path}: there is no such configuration file; configs/ has {', '.join(shipped())}")


def shipped() -> list[str]:
    """The names of the configurations in ``configs/``."""
    return sorted(file.stem for file in CONFIGS.glob("*.toml"))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def _parse_override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"{COMMAND_LINE}: --set {text}: write it as section.key=value, such as train.epochs=3")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()  # an unquoted word is a string, as a shell user expects
    for part in reversed(parts):
        parsed = {part: parsed}
    return parsed


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    both = dict(lower)
    for key, value in upper.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = _merge(both[key], value) if nested else value
    return both


def _explain(problem: Any, layers: list[tuple[str, dict[str, Any]]]) -> str:
    """One line for one validation problem: ``file: key: what is wrong and what is allowed``."""
    location = [part for part in problem["loc"] if isinstance(part, str)]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":  # our own rules already begin with the key they speak of
        key, _, message = message.partition(": ")
        location += key.split(".")
    where = next((name for name, layer in reversed(layers) if _has(layer, location)), layers[-1][0])
    if problem["type"] == "extra_forbidden":
        message = f"unknown key; allowed here: {', '.join(_allowed(location[:-1]))}"
    elif problem["type"] != "value_error":
        message = f"{message[0].lower()}{message[1:]}, not {problem['input']!r}"
    return f"{where}: {'.'.join(location)}: {message}"


def _has(layer: Any, location: list[str]) -> bool:
    for part in location:
        if not isinstance(layer, dict) or part not in layer:
            return False
        layer = layer[part]
    return True


def _allowed(location: list[str]) -> list[str]:
    section: Any = Config
    for part in location:
        section = section.model_fields[part].annotation
    return list(section.model_fields)
