"""JAX: the step becomes a pure function of all variables, compiled by XLA with its state donated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import keras

from cxrbench.backends.chrome import read_events, write_trace
from cxrbench.backends.hlo import operation_parts
from cxrbench.backends.precision import set_float
from cxrbench.config import ComputeConfig
from cxrbench.errors import RunError
from cxrbench.gan import layers, randomness
from cxrbench.gan.convolutions import DownForm, UpForm

Tensor = Any
Variables = list[keras.Variable]


def configure(compute: ComputeConfig) -> None:
    if compute.deterministic:  # read when the GPU is first used
        flags = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*flags, "--xla_gpu_deterministic_ops=true"]))
    if compute.device == "gpu" and device() != "gpu":
        raise RunError('compute.device: "gpu" cannot be used by JAX here: it sees no GPU')
    if compute.device == "cpu":
        jax.config.update("jax_default_device", jax.devices("cpu")[0])
    jax.config.update("jax_enable_x64", compute.precision == "float64")
    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if compute.tf32 else "highest")
    set_float(compute.precision)


def describe(calls: int) -> dict[str, str]:
    compiled = "one XLA program per step"
    if device() == "cpu":
        compiled += "; transposed convolutions, and that of the images, as matrix products"
    return {"engine": f"jax {jax.__version__}", "device": device(), "compiled": compiled, "threads": "one per core"}


def device() -> str:
    chosen = jax.config.jax_default_device or jax.devices()[0]
    return "cpu" if chosen.platform == "cpu" else "gpu"


def upsampling(filters: int) -> UpForm:
    # XLA's CPU backend has no fast backward pass for a strided transposed convolution: measured at 64x64, batch 32,
    # forward and backward, the product takes 25 ms against 544 from 128 to 64 channels, and 3 against 19 from 64 to 1.
    return "product" if device() == "cpu" else "transposed"


def downsampling(channels: int) -> DownForm:
    # 1.6 ms against 5.2 from 1 to 32 channels at 64x64, but 36 against 20 from 32 to 64.
    return "product" if device() == "cpu" and channels == 1 else "strided"


def bytes_of(words: Sequence[Tensor]) -> Tensor:
    return randomness.viewed_bytes_of(words)  # where they are shifted apart, XLA computes each word four times


def normalize(values: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    return layers.normalize(values, scale, offset, epsilon)  # XLA fuses its operations


def value_and_grad(
    loss: Callable[[], tuple[Tensor, Any]], variables: Variables, state: Variables
) -> tuple[Tensor, Any, list[Tensor]]:
    chosen = {id(variable) for variable in variables}
    others = [variable for variable in state if id(variable) not in chosen]
    fixed = [variable.value for variable in others]

    def pure(values: list[Tensor]) -> tuple[Tensor, tuple[Any, list[Tensor]]]:
        mapping = [*zip(variables, values, strict=True), *zip(others, fixed, strict=True)]
        with keras.StatelessScope(mapping) as scope:
            value, extra = loss()
            return value, (extra, [scope.get_current_value(variable) for variable in others])

    values = [variable.value for variable in variables]
    (value, (extra, changed)), gradients = jax.value_and_grad(pure, has_aux=True)(values)
    for variable, before, after in zip(others, fixed, changed, strict=True):
        if after is not before:
            variable.assign(after)
    return value, extra, gradients


def fuse(function: Callable[..., Any]) -> Callable[..., Any]:
    return function  # XLA fuses the whole step


def compile(function: Callable[..., Any], variables: Variables, calls: int) -> Callable[..., Any]:
    @partial(jax.jit, donate_argnums=0)
    def pure(values: list[Tensor], *inputs: Tensor) -> tuple[Any, list[Tensor]]:
        with keras.StatelessScope(list(zip(variables, values, strict=True))) as scope:
            outputs = function(*inputs)
            return outputs, [scope.get_current_value(variable) for variable in variables]

    def compiled(*inputs: Tensor) -> Any:
        outputs, values = pure([variable.value for variable in variables], *inputs)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return outputs

    return compiled


def to_device(array: Any) -> Tensor:
    return jax.device_put(array)


def synchronize(tensor: Tensor) -> None:
    jax.block_until_ready(tensor)


def memory() -> int | None:
    return jax.devices()[0].memory_stats()["peak_bytes_in_use"] if device() == "gpu" else None


def trace(file: Path) -> AbstractContextManager[None]:
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0

    @contextmanager
    def recording() -> Iterator[None]:
        with TemporaryDirectory() as folder:
            with jax.profiler.trace(folder, create_perfetto_trace=True, profiler_options=options):
                yield
            (written,) = Path(folder).glob("plugins/profile/*/perfetto_trace.json.gz")
            events = read_events(written)
        called = {event["name"]: event["args"]["hlo_op"] for event in events if "hlo_op" in event.get("args", {})}
        client = (jax.config.jax_default_device or jax.devices()[0]).client
        programs = [module.to_string() for live in client.live_executables() for module in live.hlo_modules()]
        # Other programs live too, and instructions of all are named alike: the one that ran has most of the names.
        parts = max(map(operation_parts, programs), key=lambda parts: len(parts.keys() & set(called.values())))
        write_trace(file, events, {name: parts.get(operation, [name]) for name, operation in called.items()})

    return recording()
