"""How to make a report anew: the commands, and the settings as options or as a configuration file."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cxrbench.config import Config
from cxrbench.configfile import load_config, shipped
from cxrbench.folders import BACKENDS

FROM_FILES = ("nih", "folder")  # sources whose images lie in a folder of the user's
FROM_IMAGES = ("train", "evaluate")  # stages that open the packed images, and pack them where that is needed
TOML_WORDS = ("true", "false", "inf", "nan")


def experiment(config: dict[str, Any], further: Sequence[str] = ()) -> str:
    """The options that give a command these settings, and what is to be changed further, each key once.

    They begin from the configuration of ours that has the name of these settings, or else differs from them least.
    """
    ours = _nearest(config)
    changed = dict(one.split("=", 1) for one in [*_changes(config, ours), *further])
    settings = [f" --set {shlex.quote(f'{key}={value}')}" for key, value in changed.items()]
    return f"--config {ours['name']}{''.join(settings)}"


def source_option(config: dict[str, Any]) -> str:
    """What ``prepare``, ``train`` and ``evaluate`` need further, where the images lie in a folder of the user's."""
    return " --data-dir DIR" if config.get("data", {}).get("source") in FROM_FILES else ""


def instructions(
    config: dict[str, Any],
    backends: list[str],
    timed: list[str],
    trained: list[str],
    report: str,
    seeds: Mapping[str, Sequence[int]] | None = None,
) -> list[str]:
    """The lines of a shell that make a report anew.

    Args:
        config: the settings that ran, as in ``run.json``.
        backends: those that the report is of.
        timed, trained: those of them of which it has a benchmark, and a training.
        report: the report's name.
        seeds: by backend, the further seeds from which it was trained.
    """
    options, named, source = experiment(config), _named(config, report), source_option(config)
    further = [line for backend, own in (seeds or {}).items() for seed in own for line in _seed(config, backend, seed)]
    lines = ["# DIR is the folder of the source images."] if source and (timed or trained) else []
    if set(timed) == set(trained) == set(BACKENDS) and not further:  # nox trains one seed
        lines += [f"nox -s compare -- {options}{source}{named}", "# Or stage by stage:"]
    lines.append("# Each engine in an environment of its own.")
    lines += [f"python -m cxrbench {line}" for line in _stages(options, backends, timed, trained, source)]
    lines += ["# Further seeds:", *further] * bool(further)
    return [*lines, f"python -m cxrbench report {options} --backends {' '.join(backends)}{named}"]


def stage_command(config: Config, stage: str, backend: str = "") -> str:
    """What runs a stage with the settings given; every backend is evaluated in one command."""
    settings = config.model_dump(mode="json")
    which = {"evaluate": "", "bench": f" --backends {backend}"}.get(stage, f" --backend {backend}")
    source = source_option(settings) if stage in FROM_IMAGES else ""
    return f"python -m cxrbench {stage} {experiment(settings)}{which}{source}"


def bench_command(config: dict[str, Any], *changes: str) -> str:
    """What measures speed and memory again, with changed settings such as ``bench.repeats=5``."""
    return f"nox -s bench -- {experiment(config, changes)}"


def parity_command(config: dict[str, Any]) -> str:
    """What shows that all backends do the same work with the settings that ran."""
    return f"nox -s parity -- {experiment(config)}"


def report_command(config: dict[str, Any], report: str, *changes: str) -> str:
    """What writes the report of this name from what all stages left."""
    return f"nox -s report -- {experiment(config, changes)}{_named(config, report)}"


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


def _nearest(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of ours from which these are told."""
    ours = {name: load_config(name).model_dump(mode="json") for name in shipped()}
    return ours.get(_name(config)) or min(ours.values(), key=lambda one: len(_changes(config, one)))


def _named(config: dict[str, Any], report: str) -> str:
    return f" --name {report}" if report != _name(config) else ""


def _seed(config: dict[str, Any], backend: str, seed: int) -> list[str]:
    """The lines that train and evaluate one backend from another seed, whose figures a report has beside its own."""
    options = experiment(config, (f"train.seed={seed}", f"name={_name(config)}-seed{seed}"))
    source = source_option(config)
    return [
        f"python -m cxrbench train {options} --backend {backend}{source}",
        f"python -m cxrbench sample {options} --backend {backend}",
        f"python -m cxrbench evaluate {options} --backends {backend}{source}",
    ]


def _stages(options: str, backends: list[str], timed: list[str], trained: list[str], source: str) -> list[str]:
    """What comes before the report."""
    lines = [f"prepare {options}{source}"] if timed or trained else []
    lines += [f"bench {options} --backends {' '.join(timed)}"] if timed else []
    lines += _parity(options, backends) if len(backends) > 1 else []
    for backend in trained:
        lines += [f"train {options} --backend {backend}{source}", f"sample {options} --backend {backend}"]
    return [*lines, *([f"evaluate {options} --backends {' '.join(trained)}{source}"] if trained else [])]


def _parity(options: str, backends: list[str]) -> list[str]:
    chosen = f"--backends {' '.join(backends)}"
    lines = [f"parity record {options} --backend {backend}" for backend in backends]
    lines += [f"parity exchange {options} --backend {backend} {chosen}" for backend in backends]
    return [*lines, f"parity {options} {chosen}"]


def _changes(config: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    plain = flat(ours)
    return [f"{key}={_option(value)}" for key, value in flat(config).items() if plain.get(key) != value]


def _option(value: Any) -> str:
    """A word that is no value of TOML's needs no quotes."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w-]*", value) and value not in TOML_WORDS
    return value if plain else _toml(value)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, dict):  # a point of a sweep, without what it leaves as it is: TOML has no null
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items() if one is not None)} }}"
    return json.dumps(value, ensure_ascii=False)  # numbers, texts and truths: TOML writes them alike
