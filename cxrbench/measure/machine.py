"""What a result must say about where it was made: machine, versions, flags, commit."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "cxrbench", "keras", "jax", "jaxlib", "torch", "tensorflow", "tensorflow-cpu", "numpy", "scipy",
    "scikit-image", "pillow", "h5py", "ml_dtypes",
)  # fmt: skip
# Prefixes of the variables that change numbers or speed.
FLAGS = ("XLA_", "JAX_", "TF_", "CUDA_", "NVIDIA_TF32", "TORCH", "KERAS_", "OMP_", "MKL_", "OPENBLAS_", "DNNL_", "KMP_")


def machine() -> dict[str, Any]:
    """Processor, cores, memory (bytes), GPU and driver where there are any, operating system, Python."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        **_gpu(),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide a result."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def flags() -> dict[str, str]:
    """Environment variables that change numbers or speed; folders are left out, they do neither."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(FLAGS) and os.sep not in value}


def source_state() -> dict[str, Any]:
    """``commit`` of this checkout and whether the tree was ``clean``; both None outside of git."""
    root = Path(__file__).resolve().parents[2]
    try:
        commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
        # Reports are what a run writes, not what it is made of.
        changes = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no", ":!reports")
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None}
    return {"commit": commit, "clean": not changes}


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu() -> dict[str, str | None]:
    if shutil.which("nvidia-smi"):
        try:
            row = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()[0]
            name, driver = (part.strip() for part in row.split(","))
            return {"gpu": name, "driver": driver}
        except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
            pass  # the tool without a working GPU behind it
    return {"gpu": None, "driver": None}


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
