"""Deterministic mode is asked for early enough."""

import os
import re
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

configure_backend(load_config("smoke", ["compute.device=cpu", sys.argv[2]]), Path(sys.argv[1]))
from keras import ops

ops.matmul(ops.ones((64, 64)), ops.ones((64, 64)))
"""


def test_mkl_is_asked_for_the_same_bits_before_it_is_loaded(tmp_path):
    """MKL itself says in its log whether it promises them (CNR: conditional numerical reproducibility).

    It must say the same as to one who asks before anything is started; what that is depends on the processor.
    """
    if keras.backend.backend() != "torch":
        pytest.skip("only PyTorch multiplies with MKL")
    import torch

    if not torch.backends.mkl.is_available():
        pytest.skip("this build of PyTorch is without MKL")
    by_us = promised(tmp_path, "compute.deterministic=true", {})
    assert by_us and by_us == promised(tmp_path, "compute.deterministic=false", {"MKL_CBWR": "AUTO,STRICT"})


def promised(folder, setting, further):
    """What MKL says of every product of matrices."""
    command = [sys.executable, "-c", MULTIPLIED, str(folder), setting]
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"} | {"MKL_VERBOSE": "1"}
    shown = subprocess.run(command, env=environment | further, capture_output=True, text=True, check=True).stdout
    return re.findall(r"SGEMM.*CNR:(\S+)", shown)
