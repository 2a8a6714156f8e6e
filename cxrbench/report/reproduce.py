"""The commands that make a report anew."""

from __future__ import annotations

import json
import shlex
from typing import Any

from cxrbench.config import load_config
from cxrbench.errors import ConfigError


def commands(config: dict[str, Any], backends: list[str]) -> list[str]:
    """One command per stage and backend, with every setting that is not in the configuration's own file.

    Args:
        config: the settings that ran, as in ``run.json``.
    """
    name = config.get("name", "quick")
    settings = "".join(f" --set {shlex.quote(change)}" for change in _changes(config, name))
    stages = [
        f"python -m cxrbench {stage} --config {name} --backend {backend}{settings}"
        for backend in backends
        for stage in ("train", "sample", "bench")
    ]
    chosen = " ".join(backends)
    return stages + [
        f"python -m cxrbench {stage} --config {name} --backends {chosen}{settings}" for stage in ("evaluate", "report")
    ]


def _changes(config: dict[str, Any], name: str) -> list[str]:
    try:
        plain = _flat(load_config(name).model_dump(mode="json"))
    except ConfigError:
        return []  # a file of the user's own, which the report cannot know
    return [f"{key}={json.dumps(value)}" for key, value in _flat(config).items() if plain.get(key) != value]


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, value in config.items():
        if isinstance(value, dict):
            flat |= {f"{section}.{key}": one for key, one in value.items()}
        else:
            flat[section] = value
    return flat
