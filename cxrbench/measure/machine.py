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

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = (
    "cxrbench", "keras", "jax", "jaxlib", "torch", "tensorflow", "tensorflow-cpu", "numpy", "scipy",
    "scikit-image", "pillow", "h5py", "ml_dtypes",
)  # fmt: skip
# Variables that change numbers or speed, by name: a prefix would also publish what is none of ours.
FLAGS = (
    "XLA_FLAGS", "XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_MEM_FRACTION", "JAX_ENABLE_X64",
    "JAX_DEFAULT_MATMUL_PRECISION", "JAX_PLATFORMS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS",
    "TF_CUDNN_DETERMINISTIC", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH",
    "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "KERAS_BACKEND", "KERAS_TORCH_DEVICE", "OMP_NUM_THREADS", "OMP_PROC_BIND",
    "KMP_AFFINITY", "KMP_BLOCKTIME", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_",
)  # fmt: skip


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
    """The environment variables of ``FLAGS`` that are set, without the words that hold a path of this machine."""
    found = {name: os.environ[name].split() for name in FLAGS if name in os.environ}
    return {name: " ".join(word for word in words if os.sep not in word) for name, words in found.items()}


def source_state(root: Path = ROOT) -> dict[str, Any]:
    """``commit`` of the checkout that this code is part of, and whether it was ``clean``; None where it is in none."""
    try:
        tracked = _output("git", "-C", str(root), "ls-files", "cxrbench/config.py")
        commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
        # Reports are what a run writes, not what it is made of.
        changes = _output("git", "-C", str(root), "status", "--porcelain", ":!reports")
    except (OSError, subprocess.CalledProcessError):
        tracked = ""
    return {"commit": commit, "clean": not changes} if tracked else {"commit": None, "clean": None}


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
