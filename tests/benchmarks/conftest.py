"""What the benchmark files of one process share: experiment, engine and variant, made when they are first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import ModuleType

import pytest

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.variants import OURS, Variant, build_variant


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--experiment", type=Path, help="a resolved configuration in JSON; the smoke one without it")
    parser.addoption("--compile-cache", type=Path, help="where slow compilers keep their work; an empty folder")
    parser.addoption("--variant", default=OURS, help="which way of running the step; ours without it")


class Bench:
    """One variant on the backend in KERAS_BACKEND; each part is made when it is first asked for, so it can be timed."""

    def __init__(self, config: Config, name: str, cache: Path):
        self.config, self.name, self.cache = config, name, cache

    @cached_property
    def engine(self) -> ModuleType:
        from cxrbench.tasks.engine import configure_backend

        return configure_backend(self.config, self.cache)

    @cached_property
    def variant(self) -> Variant:
        return build_variant(self.name, self.config, self.engine)


def experiment(options: pytest.Config) -> Config:
    """The configuration that the options name."""
    file = options.getoption("--experiment")
    return Config.model_validate_json(file.read_text(encoding="utf-8")) if file else load_config("smoke")


@pytest.fixture(scope="session")
def config(request: pytest.FixtureRequest) -> Config:
    return experiment(request.config)


@pytest.fixture(scope="session")
def bench(config: Config, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    cache = request.config.getoption("--compile-cache") or tmp_path_factory.mktemp("compile-cache")
    return Bench(config, request.config.getoption("--variant"), cache)


@pytest.fixture(scope="session")
def engine(bench: Bench) -> ModuleType:
    return bench.engine
