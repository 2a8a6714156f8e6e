"""PyTorch: the step is traced, autograd and optimizer included, to one flat graph; Inductor compiles it."""

from __future__ import annotations

import os
import re
import shutil
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import torch
from keras.src.backend.common import global_state
from torch.fx.experimental.proxy_tensor import make_fx

from cxrbench.backends.chrome import read_events, write_trace
from cxrbench.backends.precision import set_float
from cxrbench.config import ComputeConfig
from cxrbench.errors import RunError
from cxrbench.gan import layers, randomness
from cxrbench.gan.convolutions import DownForm, UpForm

Tensor = Any
Variables = list[keras.Variable]

# Inductor takes most of a minute for the training step; shorter runs end sooner on the traced graph.
CALLS_WORTH_COMPILING = 200

OPERATOR = re.compile(r"^\w+::|^graph_\d+_")  # of PyTorch, or compiled by Inductor; not a wrapper in Python


def configure(compute: ComputeConfig) -> None:
    if compute.device == "gpu" and not torch.cuda.is_available():
        raise RunError('compute.device: "gpu" cannot be used by PyTorch here: no CUDA device is available')
    wanted = "cuda" if compute.device != "cpu" and torch.cuda.is_available() else "cpu"
    global_state.set_global_attribute("torch_device", wanted)  # `keras.device` lasts for a block only
    torch.backends.cuda.matmul.allow_tf32 = compute.tf32
    torch.backends.cudnn.allow_tf32 = compute.tf32
    torch.use_deterministic_algorithms(compute.deterministic)
    if compute.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # cuBLAS is deterministic only with a workspace of this size
    set_float(compute.precision)


def describe(calls: int) -> dict[str, str]:
    compiled = "one graph per step by make_fx, " + ("compiled by Inductor" if _by_inductor(calls) else "run as traced")
    if device() == "cpu":
        compiled += "; convolutions of one channel in other forms"
    threads = f"{torch.get_num_threads()} within an operation"
    return {"engine": f"torch {torch.__version__}", "device": device(), "compiled": compiled, "threads": threads}


def device() -> str:
    return "gpu" if keras.ops.zeros(()).is_cuda else "cpu"


def upsampling(filters: int) -> UpForm:
    return "product" if device() == "cpu" and filters == 1 else "transposed"


def downsampling(channels: int) -> DownForm:
    return "folded" if device() == "cpu" and channels == 1 else "strided"


def bytes_of(words: Sequence[Tensor]) -> Tensor:
    return randomness.bytes_of(words)  # Inductor takes a quarter longer for the whole step where it looks at bytes


def normalize(values: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    return layers.normalize(values, scale, offset, epsilon)  # Inductor fuses its operations


def value_and_grad(
    loss: Callable[[], tuple[Tensor, Any]], variables: Variables, state: Variables
) -> tuple[Tensor, Any, list[Tensor]]:
    chosen = {id(variable) for variable in variables}
    others = [variable for variable in state if id(variable) not in chosen]
    fixed = [variable.value.detach() for variable in others]

    values = [variable.value.detach().requires_grad_() for variable in variables]
    mapping = [*zip(variables, values, strict=True), *zip(others, fixed, strict=True)]
    with torch.enable_grad(), keras.StatelessScope(mapping) as scope:
        value, extra = loss()
        changed = [scope.get_current_value(variable) for variable in others]
        gradients = torch.autograd.grad(value, values)

    for variable, before, after in zip(others, fixed, changed, strict=True):
        if after is not before:
            variable.assign(after.detach())
    return value.detach(), keras.tree.map_structure(torch.Tensor.detach, extra), list(gradients)


def fuse(function: Callable[..., Any]) -> Callable[..., Any]:
    return function  # Inductor fuses the whole step


def compile(function: Callable[..., Any], variables: Variables, calls: int) -> Callable[..., Any]:
    graph: Callable[..., Any] | None = None

    def pure(values: list[Tensor], *inputs: Tensor) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            outputs = function(*inputs)
            for variable, value in zip(variables, values, strict=True):
                value.copy_(scope.get_current_value(variable))  # the state changes in place
        return outputs

    def compiled(*inputs: Tensor) -> Any:
        nonlocal graph
        values = [variable.value.detach() for variable in variables]
        with torch.no_grad():
            if graph is None:
                # On fake tensors: computed with real ones, every intermediate result is kept until all are traced.
                record = make_fx(pure, tracing_mode="fake", _allow_non_fake_inputs=True)
                graph = record(values, *inputs)
                if _by_inductor(calls):
                    graph = torch.compile(graph, dynamic=False, fullgraph=True)
            return graph(values, *inputs)

    return compiled


def to_device(array: Any) -> Tensor:
    return torch.as_tensor(array).to(keras.ops.zeros(()).device, non_blocking=True)


def synchronize(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def memory() -> int | None:
    return torch.cuda.max_memory_allocated() if device() == "gpu" else None


def trace(file: Path) -> AbstractContextManager[None]:
    from torch._inductor import config as inductor

    inductor.cpp.enable_kernel_profile = True  # the kernels that are compiled from now on tell their names
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device() == "gpu":
        activities.append(torch.profiler.ProfilerActivity.CUDA)

    @contextmanager
    def recording() -> Iterator[None]:
        with torch.profiler.profile(activities=activities) as profiler:
            yield
        with TemporaryDirectory() as folder:
            written = Path(folder) / "trace.json.gz"
            profiler.export_chrome_trace(str(written))
            events = read_events(written)
        named = [event for event in events if event.get("ph") == "X"]
        kernels = [event for event in named if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
        operators = kernels or [event for event in named if OPERATOR.match(event["name"])]
        write_trace(file, events, {event["name"]: [event["name"]] for event in operators})

    return recording()


def _by_inductor(calls: int) -> bool:
    """Inductor writes C++ (or Triton, which needs a C compiler too), so it must be able to compile it."""
    compiler = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return calls >= CALLS_WORTH_COMPILING and bool(compiler) and headers.exists()
