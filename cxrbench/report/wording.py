"""How names and numbers are written, the same in every sentence, table and figure."""

from __future__ import annotations

from typing import Any

from cxrbench.quality.registry import find
from cxrbench.report.results import OURS, Process, Record, is_quality

BACKENDS = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow", "real": "Real images"}
# Okabe and Ito's palette, told apart by colour-blind readers and on white; the same everywhere in a report.
COLOURS = {"jax": "#0072B2", "torch": "#D55E00", "tensorflow": "#009E73", "real": "#5F6B7A"}
FAR = 1000  # times a value, from where an interval is not read in the value's unit
LABELS = {
    "step_time": "Time per training step",
    "step_time_ratio": "Ours over this",
    "limit_share": "Share of the limit",
    "images_per_second": "Training throughput",
    "sampling_throughput": "Sampling throughput",
    "input_throughput": "Input pipeline",
    "import_time": "Import",
    "build_time": "Build",
    "first_step_time": "First step, nothing compiled before",
    "cached_first_step_time": "First step, with a compile cache",
    "first_sample_time": "First sample",
    "energy": "Energy",
    "peak_device_memory": "Peak device memory",
    "driver_memory": "Device memory, by the driver",
    "peak_host_memory": "Peak host memory",
    "memory_growth": "Growth of host memory",
    "convolution_rate": "Convolution",
    "gemm_rate": "Matrix product",
    "copy_rate": "Copy",
    "parity": "Parity",
    "seed": "A training from another seed",
}


def number(value: float, digits: int = 3) -> str:
    """Three significant digits, without an exponent where the size allows: 0.0123, 4.56, 78.9, 1,230."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}"
    rounded = float(f"{value:.{digits - 1}e}")  # first, because 99.96 becomes 100
    return f"{rounded:,.{max(digits - 1 - _magnitude(rounded), 0)}f}"


def difference(value: float) -> str:
    """Two significant digits with a power of ten where it is small, a count whole: 2.2e-16, 1e-4, 0.031, 1,204."""
    if value == int(value):
        return f"{int(value):,}"
    if value >= 0.01:
        return f"{value:.2g}"
    return f"{value:.1e}".replace(".0e", "e").replace("e-0", "e-")


def quantity(value: float, unit: str, like: float | None = None) -> str:
    """A number with a unit that suits it; ``like`` picks the unit of another value, as for interval ends."""
    factor, shown = scale(unit, value if like is None else like)
    return f"{number(value * factor)} {shown}".rstrip()


def scale(unit: str, value: float) -> tuple[float, str]:
    """The factor and the unit in which a value reads best: seconds below 1 in ms, bytes in KiB, MiB or GiB."""
    if unit == "s" and value < 1:
        return 1e3, "ms"
    if unit == "share":
        return 1e2, "%"
    if unit == "ratio":
        return 1.0, ""
    counted, slash, per = unit.partition("/")
    if counted == "bytes":
        power, prefix = (30, "Gi") if abs(value) >= 2**30 else (20, "Mi") if abs(value) >= 2**20 else (10, "Ki")
        return 2.0**-power, f"{prefix}B{slash}{per}"
    if counted in ("FLOP", "FLOPs"):
        power, prefix = (12, "T") if value >= 1e12 else (9, "G") if value >= 1e9 else (6, "M")
        return 10.0**-power, f"{prefix}{unit}"
    return 1.0, unit


def shown(record: Record) -> str:
    """A figure of quality in the unit of its metric, every other one in the unit in which it reads best."""
    return number(record.value) if is_quality(record.metric) else quantity(record.value, record.unit, size(record))


def with_interval(record: Record) -> str:
    """``62.2 ms (61.0 to 63.4)``; the value alone where it has no interval."""
    return shown(record) + (f" ({interval(record)})" if interval(record) else "")


def interval(record: Record, like: float | None = None) -> str:
    """``61.0 to 63.4`` in the unit of the value; nothing where there is none, or it has no width, as of one value.

    An end far from the value has a unit of its own: ``0 to 4.69 GiB``. ``like`` picks the unit of another value, as for
    all bars of a chart.
    """
    if record.ci_low is None or record.ci_high is None or record.ci_low == record.ci_high:
        return ""
    if is_quality(record.metric):
        return f"{number(record.ci_low)} to {number(record.ci_high)}"
    farther, value = max(record.ends, key=abs), size(record) if like is None else like
    far = abs(farther) > FAR * abs(value)
    factor, unit = scale(record.unit, farther if far else value)
    return f"{number(record.ci_low * factor)} to {number(record.ci_high * factor)}{f' {unit}' * far}"


def size(record: Record) -> float:
    """What picks the unit of a figure and its interval: the value, or where it is zero the farther end."""
    return record.value or max(record.ends, key=abs)


def metric_label(metric: str) -> str:
    """What a reader calls a metric of speed, memory or quality, or a stage that did not run."""
    if metric in LABELS:
        return LABELS[metric]
    found = find(metric)
    return found.label if found else metric


def backend_and_variant(record: Record | Process) -> str:
    """``JAX`` for the shared step, ``JAX (native-jit)`` for any other variant."""
    return BACKENDS[record.backend] + ("" if record.variant == OURS else f" ({record.variant})")


def setting(record: Record) -> str:
    """``cpu, float32, 64x64 images, batch 32``: only figures of one setting may be ranked."""
    return ", ".join(setting_parts(record))


def setting_parts(record: Record) -> tuple[str, str, str, str]:
    """Device, precision, image size and batch size, each in words."""
    size = record.image_size
    return record.device, record.precision, f"{size}x{size} images", f"batch {record.batch_size}"


def machine(facts: dict[str, Any], device: str) -> str:
    """One line: accelerator if it was used, processor, cores, memory, system; what is unknown is left out."""
    known = {key: value for key, value in facts.items() if value not in (None, "", [])}
    parts = [
        known.get("gpu") if device != "cpu" else None,  # a GPU that was not used says nothing
        " ".join(str(known[key]) for key in ("cpu", "vectors") if key in known),
        f"{known['cores']} cores" if "cores" in known else None,
        f"{known['memory_bytes'] / 2**30:.0f} GiB memory" if "memory_bytes" in known else None,
        known.get("os"),
    ]
    return ", ".join(str(part) for part in parts if part) or "an unnamed machine"


def duration(seconds: float) -> str:
    """``45 s``, ``12 min 5 s``, ``3 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{number(seconds)} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def span(low: str, high: str) -> str:
    """``2 min 0 s to 3 min 0 s``; one of the two where they read alike."""
    return low if low == high else f"{low} to {high}"


def listing(words: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _magnitude(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])
