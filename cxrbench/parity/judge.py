"""The comparison of evidence: NumPy alone, so that no engine has a say in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.parity import reference
from cxrbench.parity.bounds import AT_FULL_SIZE, BOUNDS, CHAOS, FIRST_STEPS
from cxrbench.parity.evidence import Evidence
from cxrbench.parity.result import Check, Curves
from cxrbench.parity.twin import PRECISIONS

Arrays = dict[str, NDArray[Any]]
Finding = tuple[float, str]  # how far something differs, and where
NOTHING: Finding = (np.nan, "nothing was recorded")
METRICS = ("d_loss", "g_loss")
INITIAL = tuple(f"{precision}/initial" for precision in PRECISIONS)


def judge(seed: int, records: dict[str, Evidence], exchanges: dict[str, Evidence]) -> list[Check]:
    """Every bound of ``BOUNDS`` with what was measured.

    Args:
        seed: of the training, which keys the random stream.
        records: by backend, what ``record`` left.
        exchanges: what ``exchange`` left, of the same backends, each with the checkpoints of all; nothing, to judge
            the records alone.
    """
    findings = dict(_stream(seed, records))
    findings |= dict(_start(records))
    findings |= dict(_trainings(records))
    findings |= dict(_other_forms(records))
    if not any(one.facts["unknown_to_peers"] for one in records.values()):
        findings |= dict(_natives(records))
    if exchanges:
        findings |= dict(_checkpoints(records, exchanges))
        findings |= dict(_repeats(records, exchanges))
    return [_check(name, findings[name]) for name in BOUNDS if name in findings]


def curves(records: dict[str, Evidence]) -> dict[str, Curves]:
    """Losses and their largest difference by step, per precision."""
    drawn: dict[str, Curves] = {}
    for precision in PRECISIONS:
        losses = {backend: one.arrays[f"{precision}/ours/losses"] for backend, one in records.items()}
        columns = {
            metric: {backend: table[:, column].tolist() for backend, table in losses.items()}
            for column, metric in enumerate(METRICS)
        }
        drawn[precision] = Curves(**columns, difference=_spread(losses.values()).max(axis=1).tolist())
    return drawn


def chaotic_from(difference: list[float]) -> int | None:
    """The first step whose difference is above ``CHAOS``."""
    return next((step for step, value in enumerate(difference) if value > CHAOS), None)


def _stream(seed: int, records: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    published = np.array([result for _, _, result in reference.PUBLISHED], dtype=np.uint32)
    yield (
        "stream_published",
        _worst(
            (_unequal(one.arrays["stream/published"].reshape(published.shape), published), backend)
            for backend, one in records.items()
        ),
    )
    yield (
        "stream_words",
        _worst(
            (_unequal(words, reference.words(seed, *place, reference.WORDS)), f"{backend}, purpose and step {place}")
            for backend, one in records.items()
            for place, words in _words(one)
        ),
    )
    shown = reference.words(seed, reference.SHOWN_PURPOSE, reference.SHOWN_STEP, reference.WORDS)
    own = {backend: one.arrays["stream/engine"] for backend, one in records.items() if "stream/engine" in one.arrays}
    if own:
        yield "stream_engine", _worst((_unequal(words, shown), backend) for backend, words in own.items())
    uniforms, normals = reference.uniforms(*shown), reference.normals(*shown)
    yield (
        "stream_uniforms",
        _worst(
            (_unequal(one.arrays[f"{precision}/uniforms"], uniforms), f"{backend}, {precision}")
            for backend, one in records.items()
            for precision in PRECISIONS
        ),
    )
    for precision in PRECISIONS:
        yield (
            f"stream_normals_{precision}",
            _worst(
                (_absolute(one.arrays[f"{precision}/normals"], normals), backend) for backend, one in records.items()
            ),
        )


def _words(record: Evidence) -> Iterator[tuple[tuple[int, int], NDArray[np.uint32]]]:
    for name, array in record.below("stream/").items():
        if name.count("/") == 1:
            purpose, step = name.split("/")
            yield (int(purpose), int(step)), array


def _start(records: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    hashes = {name: {one.facts["sha256"][name] for one in records.values()} for name in ("order", *INITIAL)}
    yield "order", (len(hashes["order"]) - 1, "")
    yield "initial_weights", _worst((len(hashes[name]) - 1, name) for name in INITIAL)


def _trainings(records: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    """Ours on every backend against ours on every other."""
    for precision in PRECISIONS:
        for part in ("forward", "gradients"):
            yield f"{part}_{precision}", _tensors([one.below(f"{precision}/{part}/") for one in records.values()])
    losses = {p: [one.arrays[f"{p}/ours/losses"] for one in records.values()] for p in PRECISIONS}
    yield "losses_float32", _steps([table[:FIRST_STEPS] for table in losses["float32"]])
    yield "losses_float64", _steps(losses["float64"])
    yield AT_FULL_SIZE, _steps([one.arrays["full_size/losses"] for one in records.values()])
    yield "statistics_float32", _tensors([one.below("float32/ours/statistics/") for one in records.values()])
    yield "state_float64", _tensors([one.below("float64/ours/state/") for one in records.values()])


def _against_ours(records: dict[str, Evidence], precision: str, other: str) -> Finding:
    """What has to equal ours on the same backend, over the steps that it was trained for."""
    found = []
    for backend, one in records.items():
        for name in _forms(one, precision, other):
            tables = [one.arrays[f"{precision}/{whose}/losses"] for whose in ("ours", name)]
            value, where = _steps([table[: len(tables[1])] for table in tables])
            found.append((value, f"{backend}, {_mode(name)}{where}"))
    return _worst(found)


def _other_forms(records: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    yield "other_form_float64", _against_ours(records, "float64", "other_form")


def _natives(records: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    yield "native_losses_float32", _against_ours(records, "float32", "native")
    yield "native_losses_float64", _against_ours(records, "float64", "native")
    for name, part in (
        ("native_statistics_float32", "float32/{}/statistics/"),
        ("native_state_float64", "float64/{}/state/"),
    ):
        found = []
        for backend, one in records.items():
            for form in _forms(one, part.partition("/")[0], "native"):
                value, where = _tensors([one.below(part.format(whose)) for whose in ("ours", form)])
                found.append((value, f"{backend}, {_mode(form)}{where}"))
        yield name, _worst(found)


def _forms(record: Evidence, precision: str, name: str) -> list[str]:
    """What was recorded under a name and, of a peer, in each of its modes: ``native``, ``native-compile``."""
    own = {array.split("/")[1] for array in record.arrays if array.startswith(f"{precision}/{name}")}
    return sorted(own) or [name]


def _mode(form: str) -> str:
    return f"{form.partition('-')[2]}, " if "-" in form else ""


def _checkpoints(records: dict[str, Evidence], exchanges: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    """What becomes of one checkpoint on every backend."""
    loaded = [
        (one.facts["sha256"][f"{precision}/loaded/{writer}"] != record.facts["sha256"][f"{precision}/half"], where)
        for reader, one in exchanges.items()
        for writer, record in records.items()
        for precision in PRECISIONS
        for where in [f"{precision}, written by {writer}, loaded by {reader}"]
    ]
    yield "loaded", _worst(loaded)
    samples = {w: [one.arrays[f"samples/{w}"].astype(np.int16) for one in exchanges.values()] for w in records}
    yield "samples", _worst((_spread(images).max(), f"written by {writer}") for writer, images in samples.items())
    for precision in PRECISIONS:
        found = []
        for writer, record in records.items():
            went_on = [one.arrays[f"{precision}/resumed/{writer}"] for one in exchanges.values()]
            half = len(exchanges[writer].arrays[f"{precision}/again"])
            straight = record.arrays[f"{precision}/ours/losses"][half : half + len(went_on[0])]
            bound = 1 if precision == "float32" else len(straight)
            value, where = _steps([table[:bound] for table in (straight, *went_on)])
            found.append((value, f"written by {writer}, {where} after it"))
        yield f"resumed_{precision}", _worst(found)


def _repeats(records: dict[str, Evidence], exchanges: dict[str, Evidence]) -> Iterator[tuple[str, Finding]]:
    """The same backend in two processes: equal to the bit."""
    resumed: list[Finding] = []
    again: list[Finding] = []
    for backend, one in exchanges.items():
        record, hashes = records[backend], one.facts["sha256"]
        for precision in PRECISIONS:
            place = f"{backend}, {precision}"
            straight = record.arrays[f"{precision}/ours/losses"]
            repeated, went_on = one.arrays[f"{precision}/again"], one.arrays[f"{precision}/resumed/{backend}"]
            half, end = len(repeated), len(repeated) + len(went_on)
            other_half = hashes[f"{precision}/half"] != record.facts["sha256"][f"{precision}/half"]
            other_end = hashes[f"{precision}/resumed/{backend}"] != record.facts["sha256"][f"{precision}/resumed"]
            for found, one_run, other_run, other_state in (
                (again, repeated, straight[:half], other_half),
                (resumed, went_on, straight[half:end], other_end),
            ):
                where = f"{place}{_first_unequal(one_run, other_run)}"
                found.append((_unequal(one_run, other_run) + other_state, where))
    yield "resume", _worst(resumed)
    yield "again", _worst(again)


def _spread(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Largest difference between any two of several arrays, element by element."""
    stacked = np.stack(list(arrays))
    return stacked.max(axis=0) - stacked.min(axis=0)


def _steps(tables: list[NDArray[Any]]) -> Finding:
    """Largest difference of several tables of metrics, and its step."""
    by_step = _spread(tables).max(axis=1)
    step = int(np.argmax(by_step))  # of a value that is not finite, where there is one
    return float(by_step[step]), f"step {step}"


def _tensors(several: list[Arrays]) -> Finding:
    """Largest difference of the same tensors, relative to the largest value of each."""
    names = several[0].keys()
    strange = sorted({name for one in several for name in one.keys() ^ names})
    if strange:
        return np.nan, f"not the same tensors: {', '.join(strange)}"
    found = []
    for name in names:
        arrays = [one[name].astype(np.float64) for one in several]
        largest = max(np.abs(array).max() for array in arrays)
        found.append((_spread(arrays).max() / (largest or 1.0), name))
    return _worst(found)


def _unequal(left: NDArray[Any], right: Any) -> int:
    return int(np.sum(left != np.asarray(right)))


def _first_unequal(left: NDArray[Any], right: NDArray[Any]) -> str:
    """The first step whose metrics differ, and how far: noise of rounding, or more than that."""
    step = next(iter(np.flatnonzero((left != right).any(axis=1))), None)
    return "" if step is None else f", first at step {step}, by {_absolute(left[step], right[step]):.2g}"


def _absolute(left: NDArray[Any], right: NDArray[Any]) -> float:
    return float(np.abs(left - right).max())


def _worst(findings: Iterable[Finding]) -> Finding:
    """The largest of several; a value that is not finite is worse than any."""
    return max(findings, key=lambda one: one[0] if np.isfinite(one[0]) else np.inf, default=NOTHING)


def _check(name: str, finding: Finding) -> Check:
    value, where = finding
    measured = float(value) if np.isfinite(value) else None
    return Check(name=name, limit=BOUNDS[name].limit, measured=measured, where=where if value else "")
