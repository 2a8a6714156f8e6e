"""How to make a report anew: the commands, or the settings as a configuration file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from cxrbench.configfile import load_config
from cxrbench.errors import ConfigError
from cxrbench.folders import BACKENDS

FROM_FILES = ("nih", "folder")  # sources whose images lie in a folder of the user's


def instructions(config: dict[str, Any], backends: list[str], report: str) -> list[str]:
    """The lines of a shell that make a report anew, or the settings of a configuration that is not one of ours.

    Args:
        config: the settings that ran, as in ``run.json``.
        report: the report's name.
    """
    name = _name(config)
    if _shipped(name) is None:
        return _own_file(config, name)
    experiment, named = _experiment(config), _named(config, report)
    source = _source(config)
    lines = ["# DIR is the folder of the source images."] if source else []
    if set(backends) == set(BACKENDS):
        lines += [f"nox -s compare -- {experiment}{source}{named}", "# Or stage by stage:"]
    lines.append("# Each engine in an environment of its own.")
    return lines + _stages(experiment, backends, source, named)


def seed_commands(config: dict[str, Any], backend: str, seed: int) -> list[str]:
    """The lines that train and evaluate one backend from another seed, whose figures a report has beside its own."""
    name = _name(config)
    if _shipped(name) is None:
        return []
    experiment = _experiment(config, (f"train.seed={seed}", f"name={name}-seed{seed}"))
    source = _source(config)
    return [
        f"python -m cxrbench train {experiment} --backend {backend}{source}",
        f"python -m cxrbench sample {experiment} --backend {backend}",
        f"python -m cxrbench evaluate {experiment} --backends {backend}{source}",
    ]


def bench_command(config: dict[str, Any], *changes: str) -> str:
    """What measures speed and memory again, with changed settings such as ``bench.repeats=5``."""
    return f"nox -s bench -- {_experiment(config, changes)}"


def parity_command(config: dict[str, Any]) -> str:
    """What shows that all backends do the same work with the settings that ran."""
    return f"nox -s parity -- {_experiment(config)}"


def report_command(config: dict[str, Any], report: str, *changes: str) -> str:
    """What writes the report of this name from what all stages left."""
    return f"nox -s report -- {_experiment(config, changes)}{_named(config, report)}"


def as_toml(config: dict[str, Any]) -> list[str]:
    """The lines of a configuration file that is whole in itself, of settings as ``run.json`` has them."""
    lines = [f"{key} = {_toml(value)}" for key, value in config.items() if not isinstance(value, dict)]
    for section, settings in config.items():
        if isinstance(settings, dict):
            lines += [f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in settings.items())]
    return lines


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """``section.key`` to value, of settings as ``run.json`` has them."""
    settings: dict[str, Any] = {}
    for section, value in config.items():
        if isinstance(value, dict):
            settings |= {f"{section}.{key}": one for key, one in value.items()}
        else:
            settings[section] = value
    return settings


def _name(config: dict[str, Any]) -> str:
    return str(config.get("name", "quick"))


def _shipped(name: str) -> dict[str, Any] | None:
    """The settings of one of our configurations, None of one that is not ours."""
    try:
        return load_config(name).model_dump(mode="json")
    except ConfigError:
        return None


def _experiment(config: dict[str, Any], further: Sequence[str] = ()) -> str:
    """The configuration and what was changed in it, and what is to be changed further, each key once."""
    name = _name(config)
    changed = dict(one.split("=", 1) for one in [*_changes(config, _shipped(name) or config), *further])
    return f"--config {name}" + "".join(f" --set {shlex.quote(f'{key}={value}')}" for key, value in changed.items())


def _source(config: dict[str, Any]) -> str:
    return " --data-dir DIR" if config.get("data", {}).get("source") in FROM_FILES else ""


def _named(config: dict[str, Any], report: str) -> str:
    return f" --name {report}" if report != _name(config) else ""


def _stages(experiment: str, backends: list[str], source: str, named: str) -> list[str]:
    chosen = " ".join(backends)
    lines = [f"prepare {experiment}{source}"]
    lines.append(f"bench {experiment} --backends {chosen}")
    lines += _parity(experiment, backends) if len(backends) > 1 else []
    for backend in backends:
        lines += [f"train {experiment} --backend {backend}{source}", f"sample {experiment} --backend {backend}"]
    lines += [f"evaluate {experiment} --backends {chosen}{source}", f"report {experiment} --backends {chosen}{named}"]
    return [f"python -m cxrbench {line}" for line in lines]


def _parity(experiment: str, backends: list[str]) -> list[str]:
    chosen = f"--backends {' '.join(backends)}"
    lines = [f"parity record {experiment} --backend {backend}" for backend in backends]
    lines += [f"parity exchange {experiment} --backend {backend} {chosen}" for backend in backends]
    return [*lines, f"parity {experiment} {chosen}"]


def _own_file(config: dict[str, Any], name: str) -> list[str]:
    said = f"# No file of configs/ is called {name}. Its settings, to be saved as one and given by --config:"
    return [said, *as_toml(config)]


def _changes(config: dict[str, Any], shipped: dict[str, Any]) -> list[str]:
    plain = flat(shipped)
    return [f"{key}={_toml(value)}" for key, value in flat(config).items() if plain.get(key) != value]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, dict):  # a point of a sweep, without what it leaves as it is: TOML has no null
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items() if one is not None)} }}"
    return json.dumps(value, ensure_ascii=False)  # numbers, texts and truths: TOML writes them alike
