"""Tests marked `engine` run once per backend, where Keras is installed; the others need neither."""

import importlib.util
import os
from pathlib import Path

import pytest

# Their modules import Keras, so they cannot even be collected without it.
NEED_KERAS = (
    "gan", "backends", "native", "stock", "variants",
    "parity/test_record.py", "tasks/test_bench.py", "tasks/test_train.py", "tasks/test_train_resuming.py",
    "tasks/test_train_sessions.py", "tasks/test_profile.py", "measure/test_work_engines.py",
)  # fmt: skip


def pytest_configure() -> None:
    """Else the processes that a benchmark starts take themselves for workers of these tests, and time nothing."""
    os.environ.pop("PYTEST_XDIST_WORKER", None)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if importlib.util.find_spec("keras"):
        return None
    place = collection_path.relative_to(Path(__file__).parent)
    return True if any(place.is_relative_to(name) for name in NEED_KERAS) else None


@pytest.fixture(scope="session", autouse=True)
def _started_engine(request: pytest.FixtureRequest) -> None:
    """Settings such as the growth of device memory are refused once an engine has computed anything."""
    if any(item.get_closest_marker("engine") for item in request.session.items):
        from cxrbench import backends
        from cxrbench.configfile import load_config

        backends.active().configure(load_config("smoke").compute)
