"""What differs between the engines: one file each, with the same functions, to be read side by side.

| function         | what it does                                                             |
|------------------|--------------------------------------------------------------------------|
| `configure`      | device, precision and rounding, before anything is built                 |
| `describe`       | engine, version, device and how a step that is called so often is run    |
| `device`         | "cpu" or "gpu": where it computes                                        |
| `upsampling`     | the fastest of equal forms of a transposed convolution                   |
| `downsampling`   | the fastest of equal forms of a strided convolution                      |
| `bytes_of`       | the bytes of random words                                                |
| `normalize`      | batch normalization in training                                          |
| `value_and_grad` | differentiate a loss with respect to chosen variables                    |
| `fuse`           | make one kernel of many elementwise operations, where compile does not   |
| `compile`        | one graph of a function and its variable updates                         |
| `to_device`      | a NumPy array onto the device                                            |
| `synchronize`    | wait until everything that leads to a tensor was computed                |
| `memory`         | peak bytes of the device, from the engine's own allocator                |
| `trace`          | a profile of what runs inside, as a trace; ask for it before `compile`   |
"""

from __future__ import annotations

import importlib
from types import ModuleType

import keras


def active() -> ModuleType:
    """The file of the backend that Keras runs on (the variable KERAS_BACKEND)."""
    return importlib.import_module(f"cxrbench.backends.{keras.backend.backend()}")
