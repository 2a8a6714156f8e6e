"""Choose the backend and start it. Keras reads the choice once, when it is first imported."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

from cxrbench.config import Config
from cxrbench.errors import ConfigError
from cxrbench.folders import BACKENDS
from cxrbench.measure import machine


def choose_backend(asked: str | None) -> str:
    """Set KERAS_BACKEND to the backend asked for, else leave what it says, else take the only one installed.

    Raises:
        ConfigError: it is unknown, not installed, or left open.
    """
    name = asked or os.environ.get("KERAS_BACKEND") or None
    installed = [backend for backend in BACKENDS if importlib.util.find_spec(backend)]
    if name is None and len(installed) == 1:
        name = installed[0]
    if name is None:
        have = ", ".join(installed) or "none"
        raise ConfigError(f"which backend? installed are: {have}; pass --backend or set KERAS_BACKEND")
    if name not in BACKENDS:
        raise ConfigError(f"backend: {name!r} is not one of {', '.join(BACKENDS)}")
    if name not in installed:
        raise ConfigError(f"backend: {name} is not installed here; run: python -m pip install -e '.[{name}]'")
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # what TensorFlow says at import is not ours to mend
    return name


def start_backend(config: Config, compile_cache: Path) -> ModuleType:
    """The file of the chosen backend, its device and precision set; says so where a GPU is left unused.

    Args:
        compile_cache: where an engine that compiles slowly keeps what it compiled.
    """
    engine = configure_backend(config, compile_cache)
    gpu = machine.machine()["gpu"]
    if gpu and config.compute.device == "auto" and engine.device() == "cpu":
        print(f"warning: this machine has a {gpu}, but {os.environ['KERAS_BACKEND']} sees none and uses the CPU")
    return engine


def configure_backend(config: Config, compile_cache: Path) -> ModuleType:
    """``start_backend`` without a look at the machine, for where its import is timed."""
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(compile_cache.resolve())
    if config.compute.deterministic:  # MKL promises the same bits to those alone who ask for them when it is loaded
        os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    from cxrbench import backends  # imports Keras, so not before the choice

    engine = backends.active()
    engine.configure(config.compute)
    return engine
