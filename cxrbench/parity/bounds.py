"""Every bound of the proof: what is compared, how far it may differ, and which test asserts it.

Float64 is bound to the last step. Float32 is bound early, and by more than its losses only in the first step: later,
one value that rounding puts on the other side of a ReLU moves weights by whole learning rates; ``reports/precision.md``
has the measurement.

``tests/parity/test_judge.py`` spoils what each of them bounds, and sees it fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FIRST_STEPS = 10  # of the small twin in float32, before its training becomes chaotic; and at full size
RESUMED_STEPS = 10  # that are trained after a checkpoint
CHAOS = 0.01  # a difference of losses from which two trainings are no longer the same in detail

Scale = Literal["count", "absolute", "relative", "gray levels"]


@dataclass(frozen=True)
class Bound:
    """The largest difference that is allowed.

    ``count`` counts values that are not equal to the bit; ``relative`` is to the largest value of the same tensor.
    """

    group: str
    about: str
    limit: float
    scale: Scale
    test: str


SPOILED = "tests/parity/test_judge.py::test_each_bound_fails"
BROKEN = "tests/parity/test_record.py::test_a_break_is_seen"
PEER = "tests/native/test_native.py::test_thirty_steps_are_the_same_in_float64"
STREAM, START, LAYERS = "Random stream", "Weights and order", "Layer by layer"
STEP, NATIVE, CHECKPOINTS, REPEAT = "The whole step", "Native peers", "Checkpoints", "Resuming and repeating"
FULL_SIZE = "At full size"
AT_FULL_SIZE = "full_size_float64"

BOUNDS: dict[str, Bound] = {
    "stream_published": Bound(
        STREAM, "Threefry-2x32-20 gives Random123's published vectors, on every backend", 0, "count",
        "tests/gan/test_randomness.py::test_published_vectors",
    ),
    "stream_words": Bound(
        STREAM, "words of every purpose equal those of an independent NumPy form, on every backend", 0, "count",
        "tests/gan/test_randomness.py::test_words_are_the_same_bits_as_in_numpy",
    ),
    "stream_engine": Bound(
        STREAM, "words equal those of JAX's own threefry", 0, "count",
        "tests/gan/test_randomness.py::test_words_are_those_of_jax",
    ),
    "stream_uniforms": Bound(
        STREAM, "uniform values equal NumPy's, in float32 and float64", 0, "count", SPOILED,
    ),
    "stream_normals_float32": Bound(
        STREAM, "normal values against NumPy's in float64", 5e-6, "absolute", SPOILED,
    ),
    "stream_normals_float64": Bound(
        STREAM, "normal values against NumPy's in float64", 1e-14, "absolute", SPOILED,
    ),
    "initial_weights": Bound(
        START, "one SHA-256 of all initial weights, statistics and Adam slots", 0, "count",
        "tests/gan/test_networks.py::test_initial_weights_are_the_same_bits_on_every_backend",
    ),
    "order": Bound(
        START, "one SHA-256 of the pixels of two epochs, in the order of training", 0, "count",
        SPOILED,
    ),
    "forward_float32": Bound(
        LAYERS, "output of every layer of both networks, first batch", 1e-5, "relative", SPOILED,
    ),
    "forward_float64": Bound(
        LAYERS, "output of every layer of both networks, first batch", 1e-13, "relative",
        SPOILED,
    ),
    "gradients_float32": Bound(
        LAYERS, "gradients of both losses at the initial weights", 1e-3, "relative",
        SPOILED,
    ),
    "gradients_float64": Bound(
        LAYERS, "gradients of both losses at the initial weights", 1e-11, "relative",
        SPOILED,
    ),
    "losses_float32": Bound(
        STEP, f"metrics of the first {FIRST_STEPS} steps", 1e-4, "absolute", SPOILED,
    ),
    "losses_float64": Bound(
        STEP, "metrics of every step", 1e-8, "absolute",
        BROKEN,
    ),
    "statistics_float32": Bound(
        STEP, "BatchNorm statistics after the first step", 1e-5, "relative", SPOILED,
    ),
    "state_float64": Bound(
        STEP, "weights, BatchNorm statistics and Adam slots after the last step", 1e-8, "relative",
        BROKEN,
    ),
    "other_form_float64": Bound(
        STEP, "metrics with every convolution in another form, first 10 steps", 1e-10, "absolute",
        "tests/gan/test_convolutions.py::test_all_forms_have_the_same_gradients",
    ),
    "native_losses_float32": Bound(
        NATIVE, f"metrics of the first {FIRST_STEPS} steps against ours on the same backend", 1e-4, "absolute",
        "tests/native/test_native.py::test_ten_steps_are_the_same_in_float32",
    ),
    "native_statistics_float32": Bound(
        NATIVE, "BatchNorm statistics after the first step against ours on the same backend", 1e-5, "relative",
        "tests/native/test_native.py::test_the_first_step_leaves_the_same_statistics_in_float32",
    ),
    "native_losses_float64": Bound(
        NATIVE, "metrics of every step against ours on the same backend", 1e-8, "absolute", PEER,
    ),
    "native_state_float64": Bound(
        NATIVE, "weights, statistics and slots after the last step against ours", 1e-8, "relative",
        PEER,
    ),
    "loaded": Bound(
        CHECKPOINTS, "state after loading a checkpoint, written on any backend and loaded on any", 0, "count",
        "tests/parity/test_record.py::test_a_checkpoint_that_is_not_loaded_is_seen",
    ),
    "samples": Bound(
        CHECKPOINTS, "images of one checkpoint, written on any backend and sampled on any", 1, "gray levels",
        SPOILED,
    ),
    "resumed_float32": Bound(
        CHECKPOINTS, "metrics of the first step after a checkpoint, written and resumed anywhere", 1e-5, "absolute",
        SPOILED,
    ),
    "resumed_float64": Bound(
        CHECKPOINTS, f"metrics of {RESUMED_STEPS} steps after a checkpoint, likewise", 1e-8, "absolute",
        SPOILED,
    ),
    "resume": Bound(
        REPEAT, "state of a run resumed from its checkpoint in another process, against the run that was not stopped",
        0, "count", "tests/tasks/test_train_resuming.py::test_a_killed_run_goes_on_to_the_same_bits",
    ),
    "again": Bound(
        REPEAT, "metrics and state of the same training in another process, deterministic mode", 0, "count",
        SPOILED,
    ),
    AT_FULL_SIZE: Bound(
        FULL_SIZE, f"metrics of the experiment's own first {FIRST_STEPS} steps in float64, on phantoms", 1e-10,
        "absolute", "tests/parity/test_record.py::test_a_break_at_full_size_is_seen",
    ),
}  # fmt: skip
