"""A comparison of two reports as plain text for a terminal or the log of a CI job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from cxrbench.measure.machine import HARDWARE, deciding
from cxrbench.report.comparison import ALPHA, UNTOLD, Comparison, Pair, can_tell, fewest, smallest_p
from cxrbench.report.instructions import flat
from cxrbench.report.manifest import Timing
from cxrbench.report.results import Record, Results
from cxrbench.report.wording import (
    BACKENDS,
    backend_and_variant,
    listing,
    metric_label,
    number,
    setting,
    with_interval,
)

SIDES = ("OLD", "NEW")
HEADS = ("", "setting", "OLD", "NEW", "change", "p", "")
MACHINE = (*HARDWARE, "driver", "os", "python")
FEWEST_ALIKE = 6  # so many step times that all change one way by chance: twice in 2**6 reports


def head(old: Results, new: Results) -> str:
    """Which reports these are: name, commit, time."""
    return "\n".join(f"{side}  {_report(one)}" for side, one in zip(SIDES, (old, new), strict=True))


def table(pairs: list[Pair]) -> str:
    """Every pair in one aligned line, grouped by metric; intervals are the reports' own."""
    rows: list[tuple[str, ...]] = [HEADS]
    metric = ""
    for pair in pairs:
        if pair.old.metric != metric:
            metric = pair.old.metric
            rows.append((metric_label(metric), *[""] * (len(HEADS) - 1)))
        rows.append(_row(pair))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def summary(found: Comparison) -> str:
    """``12 compared: 1 slower, 11 cannot be told``, and by what rule."""
    counts = Counter(pair.found for pair in found.pairs)
    said = [f"{counts[kind]} {kind}" for kind in ("slower", "more", "faster", "less", UNTOLD) if counts[kind]]
    return (
        f"{len(found.pairs)} compared: {', '.join(said) or 'nothing'}.\n"
        f"Told is what changed by more than a factor of {found.factor:g}, with p <= {ALPHA:g} both in the exact "
        "Mann-Whitney test over processes and in Welch's t test.\n"
        f"p is Welch's, by Holm corrected for the {len(found.tested)} tested: fewer than {100 * ALPHA:g} in 100 equal "
        "reports, measured on a machine as fast as before, show a regression."
    )


def unmatched(found: Comparison) -> Iterator[str]:
    """What one report has alone, and what has no values per process: one line each."""
    for side, records in zip(SIDES, (found.only_old, found.only_new), strict=True):
        yield from (f"only in {side}: {_name(one)}" for one in records)
    yield from (f"not tested, no values per process in one of them: {_name(one)}" for one in found.untested)


def warnings(old: Results, new: Results, found: Comparison) -> Iterator[str]:
    """In what the two reports are not like for like, and what the tests cannot see."""
    yield from _settings(old, new)
    yield from _makings(old, new)
    yield from _processes([pair for pair in found.pairs if pair.old.values and pair.new.values])
    yield from _disturbed(old, new)
    yield from _all_one_way(found.pairs)


def _report(results: Results) -> str:
    manifest = results.manifest
    commit = manifest.commit[:12] if manifest.commit else "unknown"
    return f"{manifest.name}, commit {commit}{'' if manifest.clean else ' (not clean)'}, {manifest.created}"


def _row(pair: Pair) -> tuple[str, ...]:
    who, p = backend_and_variant(pair.old), "" if pair.p is None else f"{pair.p:.2g}"
    old, new = with_interval(pair.old), with_interval(pair.new)
    return (f"  {who}", setting(pair.old), old, new, f"{pair.change:+.1%}", p, pair.found)


def _name(record: Record) -> str:
    return f"{metric_label(record.metric)}, {backend_and_variant(record)}, {setting(record)}"


def _settings(old: Results, new: Results) -> Iterator[str]:
    then, now = old.manifest, new.manifest
    if then.training_fingerprint != now.training_fingerprint:
        yield f"another experiment: training fingerprint {_unlike(then.training_fingerprint, now.training_fingerprint)}"
    settings = (flat(one.config) | {"name": None} for one in (then, now))
    yield from (f"setting {line}" for line in _differences(*settings))


def _makings(old: Results, new: Results) -> Iterator[str]:
    """Machines, versions, flags and threads; what is true of every backend that both timed is said once."""
    said: dict[str, list[str]] = {}
    then, now = old.manifest.benchmarks, new.manifest.benchmarks
    both = [backend for backend in then if backend in now]
    for backend in both:
        for line in _unlike_makings(then[backend], now[backend]):
            said.setdefault(line, []).append(BACKENDS[backend])
    for line, who in said.items():
        yield line if len(who) == len(both) else f"{listing(who)}: {line}"


def _unlike_makings(then: Timing, now: Timing) -> Iterator[str]:
    parts = {
        "machine": [{key: one.machine.get(key) for key in MACHINE} for one in (then, now)],
        "version of": [deciding(one.versions) for one in (then, now)],
        "environment flag": [one.environment for one in (then, now)],
        "engine": [{"threads": one.engine.threads} for one in (then, now)],
    }
    for kind, sides in parts.items():
        yield from (f"{kind} {line}" for line in _differences(*sides))


def _differences(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*then, *now]):
        if then.get(key) != now.get(key):
            yield f"{key}: {_unlike(then.get(key), now.get(key))}"


def _unlike(then: Any, now: Any) -> str:
    before, after = ("none" if one is None else one for one in (then, now))
    return f"{before} in OLD, {after} in NEW"


def _processes(pairs: list[Pair]) -> Iterator[str]:
    """Unlike numbers of processes, and numbers with which no difference, however large, can be told."""
    for (old, new), count in Counter((len(pair.old.values), len(pair.new.values)) for pair in pairs).items():
        of = f"{count} of {len(pairs)} figures: {old} processes in OLD, {new} in NEW"
        if can_tell(old, new):
            yield from [of] if old != new else []
        else:
            yield (
                f"{of} cannot tell any difference: their smallest p is {number(smallest_p(old, new))}. It takes "
                f"{fewest()} on each side{_beside(old)}; raise bench.repeats"
            )


def _beside(old: int) -> str:
    """The way out that keeps OLD, where there is a sensible one."""
    new = fewest(old) if old > 1 else None
    return f", or {new} in NEW beside the {old} in OLD" if new and new > fewest() else ""


def _disturbed(old: Results, new: Results) -> Iterator[str]:
    """Concerns name what they measured, so no two are alike: one stands for all, which each report lists."""
    for side, results in zip(SIDES, (old, new), strict=True):
        disturbed = [process for process in results.processes if process.concerns]
        if disturbed:
            yield (
                f"{len(disturbed)} of {len(results.processes)} processes in {side} were disturbed; "
                f"the first: {disturbed[0].concerns[0]}"
            )


def _all_one_way(pairs: list[Pair]) -> Iterator[str]:
    """Another state of the machine moves everything, by about as much."""
    changes = [pair.change for pair in pairs if pair.old.metric == "step_time"]
    if len(changes) >= FEWEST_ALIKE and len(set(np.sign(changes))) == 1:
        yield (
            f"all {len(changes)} step times changed the same way, by {np.median(changes):+.1%} in the middle: a "
            "machine that is slower or faster that day does so, too. Measure OLD again beside NEW to tell"
        )
