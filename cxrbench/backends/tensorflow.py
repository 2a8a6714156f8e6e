"""TensorFlow: the step is one graph with its variables inside; the random stream is an XLA program."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import tensorflow as tf

from cxrbench.backends.chrome import write_trace
from cxrbench.backends.precision import set_float
from cxrbench.backends.xplane import read_xplane
from cxrbench.config import ComputeConfig
from cxrbench.errors import RunError
from cxrbench.gan import layers, randomness
from cxrbench.gan.convolutions import DownForm, UpForm

Tensor = Any
Variables = list[keras.Variable]


def configure(compute: ComputeConfig) -> None:
    if compute.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise RunError('compute.device: "gpu" cannot be used by TensorFlow here: it sees no GPU')
    if compute.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.get_visible_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)  # else it takes all memory, and leaves none to others
    tf.config.experimental.enable_tensor_float_32_execution(compute.tf32)
    if compute.deterministic:
        tf.config.experimental.enable_op_determinism()  # for the rest of this process
    set_float(compute.precision)


def describe(calls: int) -> dict[str, str]:
    compiled = "one graph per step by tf.function; draws and activations by XLA"
    if device() == "cpu":
        compiled += "; convolutions of one channel in other forms"
    within, between = (
        tf.config.threading.get_intra_op_parallelism_threads(),
        tf.config.threading.get_inter_op_parallelism_threads(),
    )
    threads = f"{within or 'one per core'} within an operation, {between or 'one per core'} between operations"
    return {"engine": f"tensorflow {tf.__version__}", "device": device(), "compiled": compiled, "threads": threads}


def device() -> str:
    return "gpu" if tf.config.get_visible_devices("GPU") else "cpu"


def upsampling(filters: int) -> UpForm:
    return "product" if device() == "cpu" and filters == 1 else "transposed"


def downsampling(channels: int) -> DownForm:
    return "folded" if device() == "cpu" and channels == 1 else "strided"


def bytes_of(words: Sequence[Tensor]) -> Tensor:
    return randomness.viewed_bytes_of(words)  # where they are shifted apart, XLA computes each word four times


def normalize(values: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    if values.dtype == tf.float64:  # the fused operation has none
        return layers.normalize(values, scale, offset, epsilon)
    # A third of the time: 1.9 ms against 5.9 forward and backward for 8 x 128 x 128 x 16 values.
    scale, offset, count = tf.convert_to_tensor(scale), tf.convert_to_tensor(offset), math.prod(values.shape[:3])
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(values, scale, offset, epsilon=epsilon)
    return outputs, mean, variance * ((count - 1) / count)  # it tells the unbiased one


def value_and_grad(
    loss: Callable[[], tuple[Tensor, Any]], variables: Variables, state: Variables
) -> tuple[Tensor, Any, list[Tensor]]:
    # Variables are changed in place here, so the rest of the state needs no care.
    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        value, extra = loss()
    return value, extra, tape.gradient(value, values)


def fuse(function: Callable[..., Any]) -> Callable[..., Any]:
    return tf.function(function, autograph=False, jit_compile=True)


def compile(function: Callable[..., Any], variables: Variables, calls: int) -> Callable[..., Any]:
    # Whole-step XLA is slower on a CPU: its convolutions are not oneDNN's.
    return tf.function(function, autograph=False)


def to_device(array: Any) -> Tensor:
    return tf.convert_to_tensor(array)


def synchronize(tensor: Tensor) -> None:
    tensor.numpy()  # the values arrive when the work that leads to them is done


def memory() -> int | None:
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] if device() == "gpu" else None


def trace(file: Path) -> AbstractContextManager[None]:
    @contextmanager
    def recording() -> Iterator[None]:
        with TemporaryDirectory() as folder:
            with tf.profiler.experimental.Profile(folder):
                yield
            (written,) = Path(folder).glob("plugins/profile/*/*.xplane.pb")
            write_trace(file, *read_xplane(written))

    return recording()
