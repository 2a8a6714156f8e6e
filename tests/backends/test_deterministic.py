"""Deterministic mode is asked for early enough."""

import os
import subprocess
import sys

import keras
import pytest

pytestmark = pytest.mark.engine

MULTIPLIED = """
import sys
from pathlib import Path
from cxrbench.configfile import load_config
from cxrbench.tasks.engine import configure_backend

configure_backend(load_config("smoke", ["compute.deterministic=true"]), Path(sys.argv[1]))
from keras import ops

ops.matmul(ops.ones((64, 64)), ops.ones((64, 64)))
"""


def test_mkl_is_asked_for_the_same_bits_before_it_is_loaded(tmp_path):
    """MKL itself says in its log whether it promises them (CNR: conditional numerical reproducibility)."""
    if keras.backend.backend() != "torch":
        pytest.skip("only PyTorch multiplies with MKL")
    import torch

    if not torch.backends.mkl.is_available():
        pytest.skip("this build of PyTorch is without MKL")
    command = [sys.executable, "-c", MULTIPLIED, str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"} | {"MKL_VERBOSE": "1"}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "SGEMM" in shown
    assert "CNR:AUTO,STRICT" in shown
