"""What the data tests share: small configurations and small source folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cxrbench.config import DataConfig
from cxrbench.configfile import load_config
from cxrbench.data.nih import ENVIRONMENT

from .sources import MakeConfig, write_image, write_nih


@pytest.fixture
def make_config() -> MakeConfig:
    """The smoke test's data settings with some of them changed."""

    def make(**changes: Any) -> DataConfig:
        return DataConfig.model_validate(load_config("smoke").data.model_dump() | changes)

    return make


@pytest.fixture
def nih_dir(tmp_path: Path) -> Path:
    return write_nih(tmp_path / "nih")


@pytest.fixture
def real_nih_dir() -> Path:
    """The folder of real NIH images that the environment names."""
    if not os.environ.get(ENVIRONMENT):
        pytest.skip(f"real images: set {ENVIRONMENT} to a folder in the official NIH ChestX-ray14 layout")
    return Path(os.environ[ENVIRONMENT])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twenty good images."""
    for index in range(20):
        write_image(tmp_path / f"images/{index:02d}.png", index, (40, 48))
    return tmp_path / "images"
