"""What a result must say about where it was made: machine, versions, flags, commit."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]

CPUINFO = Path("/proc/cpuinfo")
HARDWARE = ("cpu", "vectors", "cores", "gpu")  # of a machine: what decides a speed
# Vector instructions by their flag, the widest first. A rented "AMD EPYC" may have AVX-512 today and AVX2 tomorrow:
# steps of 90 ms were then met that took 485.
VECTORS = {
    "amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse4_2": "SSE4", "sve": "SVE",
    "asimd": "NEON",
}  # fmt: skip
# What decides a result, of all that ``versions`` lists: a page shows these alone.
PACKAGES = (
    "cxrbench", "keras", "jax", "jaxlib", "torch", "tensorflow", "tensorflow-cpu", "numpy", "scipy",
    "scikit-image", "pillow", "h5py", "onnxruntime", "ml-dtypes", "triton", "jax-cuda12-plugin", "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13", "nvidia-cublas-cu12", "nvidia-cublas",
)  # fmt: skip
# Variables that change numbers or speed, by name: a prefix would also publish what is none of ours.
FLAGS = (
    # XLA and JAX. NPROC and PJRT_NPROC are XLA's number of threads on a CPU.
    "XLA_FLAGS", "XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR",
    "NPROC", "PJRT_NPROC", "JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_DISABLE_JIT",
    "JAX_PLATFORMS", "JAX_PLATFORM_NAME", "JAX_COMPILATION_CACHE_DIR",
    # TensorFlow
    "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "TF_SET_ONEDNN_FPMATH_MODE", "TF_DETERMINISTIC_OPS",
    "TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE", "TF_USE_CUBLASLT", "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS", "TF_OVERRIDE_GLOBAL_THREADPOOL", "TF_GPU_THREAD_MODE", "TF_GPU_THREAD_COUNT",
    "TF_GPU_ALLOCATOR", "TF_FORCE_GPU_ALLOW_GROWTH",
    # PyTorch
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_BLAS_PREFER_CUBLASLT", "TORCH_CUDNN_V8_API_DISABLED",
    "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "ATEN_CPU_CAPABILITY", "TORCH_COMPILE_DISABLE",
    "TORCHDYNAMO_DISABLE", "TORCHINDUCTOR_MAX_AUTOTUNE", "TORCHINDUCTOR_CUDAGRAPHS",
    "TORCHINDUCTOR_CPP_ENABLE_UNSAFE_MATH_OPT_FLAG", "TORCHINDUCTOR_CPP_ENABLE_FLOATING_POINT_CONTRACT_FLAG",
    # Keras
    "KERAS_BACKEND", "KERAS_TORCH_DEVICE",
    # CUDA, cuBLAS, cuDNN
    "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING", "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_MODULE_LOADING",
    "CUBLAS_WORKSPACE_CONFIG", "CUBLASLT_WORKSPACE_SIZE", "NVIDIA_TF32_OVERRIDE",
    # Threads and instruction sets on a CPU: OpenMP, MKL, OpenBLAS, oneDNN, NumPy
    "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_DYNAMIC", "OMP_PROC_BIND", "OMP_PLACES", "OMP_SCHEDULE",
    "OMP_WAIT_POLICY", "GOMP_CPU_AFFINITY", "GOMP_SPINCOUNT", "KMP_AFFINITY", "KMP_BLOCKTIME", "MKL_NUM_THREADS",
    "MKL_DYNAMIC", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE",
    "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE",
    "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES",
    # The C library
    "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES",
)  # fmt: skip


def origin() -> dict[str, Any]:
    """Everything that a results file says of where it was made."""
    return {**source_state(), "versions": versions(), "machine": machine(), "environment": flags()}


def machine() -> dict[str, Any]:
    """Processor and its widest vectors, cores, memory (bytes), GPU and driver where there are any, system, Python."""
    return {
        "cpu": _of_processor("model name") or platform.processor() or platform.machine(),
        "vectors": _vectors(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        **_gpu(),
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def hardware(facts: dict[str, Any]) -> tuple[Any, ...]:
    """Of what ``machine`` found: times and energy compare only where this is the same."""
    return tuple(facts.get(key) for key in HARDWARE)


def deciding(found: Mapping[str, str | None]) -> dict[str, str | None]:
    """Of the versions that were found, those of ``PACKAGES``: what decides a result."""
    known = {canonical(name): version for name, version in found.items()}
    return {name: known[name] for name in PACKAGES if name in known}


def versions() -> dict[str, str]:
    """The version of every installed distribution, by its name as ``canonical`` writes it, in alphabetical order."""
    found: dict[str, str] = {}
    # Without what a package carries inside itself: setuptools adds its own to the path when a compiler imports it.
    own = (one for one in metadata.distributions() if "_vendor" not in Path(str(one.locate_file(""))).parts)
    for distribution in own:
        # One of the same name further down the path is not the one that is imported. A damaged one has no name.
        if name := distribution.metadata["Name"]:
            found.setdefault(canonical(name), distribution.version)
    return dict(sorted(found.items()))


def canonical(name: str) -> str:
    """A distribution's name in lower case with dashes: ``tensorflow_cpu`` and ``TensorFlow-CPU`` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


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


def _vectors() -> str | None:
    flags = (_of_processor("flags") or _of_processor("Features")).split()  # x86; ARM
    return next((name for flag, name in VECTORS.items() if flag in flags), None)


def _of_processor(key: str) -> str:
    """What Linux says of the first processor; nothing where it does not."""
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.partition(":")[0].strip() == key:
                return line.partition(":")[2].strip()
    return ""


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
