"""What keeps the times of a benchmark from being trusted, in sentences, and the one command that mends all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cxrbench.measure.statistics import UNSTABLE_SPREAD, spread
from cxrbench.report.comparison import fewest
from cxrbench.report.instructions import bench_command, report_command
from cxrbench.report.results import OURS, Process, Record, Results
from cxrbench.report.standings import Standing, is_of, standings
from cxrbench.report.wording import backend_and_variant, interval, listing, number, quantity

ENOUGH_PROCESSES = 5
LEAST_LEAK = 2**20  # bytes per 1,000 steps: 100 MiB in a long training of 100,000 steps
ENOUGH_INPUT = 2.0  # times what a step consumes: less, and a slower disk or a busier processor makes training wait
MOST_NAMED = 4
DEFAULTS = {"warmup_seconds": 20.0, "memory_seconds": 20.0, "block_seconds": 1.0}  # where the settings are not known

Timed = tuple[Standing, Record, list[Process]]  # a step time and the processes that it is of


class Caveat(NamedTuple):
    """A sentence, and the setting to change where measuring again as it was would find the same."""

    said: str
    change: str = ""


def timing_caveats(results: Results) -> list[str]:
    """Nothing for a report of an earlier version, which has no processes."""
    timed = [
        (standing, record, [process for process in results.processes if is_of(process, record)])
        for standing in standings(results)
        for record in standing.records
        if record.metric == "step_time"
    ]
    measured = [one for one in timed if one[2]]
    found = [
        *_few(measured),
        *_cold(results, measured),
        *_unstable(results, measured),
        *_disturbed(results),
        *_leaks(results),
        *_starved(results),
    ]
    said, again = [one.said for one in found], _again(results, [one.change for one in found if one.change])
    if len(said) > 1:
        return [*said, f"Then measure again, once for all of this: {again}."]
    return [f"{one} Run: {again}." for one in said]


def _few(timed: list[Timed]) -> Iterator[Caveat]:
    counts = sorted(len(processes) for _, _, processes in timed)
    if counts and counts[0] < ENOUGH_PROCESSES:
        some = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
        processes = f"{some} process{'es' * (counts[-1] > 1)} each"
        least = fewest()
        never = f", and a test of two such reports cannot tell any difference with fewer than {least}"
        yield Caveat(
            f"Timed in {processes}: too few to show how far one process may lie from the next"
            f"{never * (counts[0] < least)}.",
            f"bench.repeats={ENOUGH_PROCESSES}",
        )


def _cold(results: Results, timed: list[Timed]) -> Iterator[Caveat]:
    found = _named(timed, lambda processes: [one for one in processes if not one.warm])
    if found:
        yield Caveat(
            f"Not warm when the clock started, so the step time may still have changed: {found} processes.",
            f"bench.warmup_seconds={2 * _set(results, 'warmup_seconds'):g}",
        )


def _unstable(results: Results, timed: list[Timed]) -> Iterator[Caveat]:
    unsteady = [one for one in timed if spread([process.step_times for process in one[2]]) > UNSTABLE_SPREAD]
    if unsteady:
        shown = [
            f"{_who(standing, record)} by {quantity(spread([one.step_times for one in processes]), 'share')}"
            for standing, record, processes in unsteady
        ]
        yield Caveat(
            f"Unstable, processes differ: {_shortened(shown)}. Small differences cannot be trusted: close other "
            "programs.",
            f"bench.block_seconds={2 * _set(results, 'block_seconds'):g}",
        )


def _disturbed(results: Results) -> Iterator[Caveat]:
    """Each concern once: two that differ in their numbers alone are one."""
    kinds: dict[str, list[str]] = {}
    for process in sorted(results.processes, key=lambda one: one.place):
        for concern in process.concerns:
            kinds.setdefault(re.sub(r"\d+(\.\d+)?", "#", concern), []).append(concern)
    if kinds:
        said = [
            f"in {len(found)} of {len(results.processes)}{', for example,' * (len(set(found)) > 1)} {found[0]}"
            for found in kinds.values()
        ]
        yield Caveat(f"Processes were disturbed: {'; '.join(said)}.")


def _leaks(results: Results) -> Iterator[Caveat]:
    grown = [
        f"{_who(standing, record)} by {quantity(record.value, 'bytes')} ({interval(record)}) per 1,000 steps"
        for standing in standings(results)
        for record in standing.records
        if record.metric == "memory_growth" and (record.ci_low or 0.0) > 0 and record.value > LEAST_LEAK
    ]
    if grown:
        yield Caveat(
            f"Host memory grew during training: {_shortened(grown)}. That is a leak, or something that still fills; "
            "a longer look tells.",
            f"bench.memory_seconds={4 * _set(results, 'memory_seconds'):g}",
        )


def _starved(results: Results) -> Iterator[Caveat]:
    slow = []
    for standing in standings(results):
        for ours in standing.ours:
            delivered = standing.find(ours.backend, OURS, "input_throughput")
            used = standing.find(ours.backend, OURS, "images_per_second")
            if delivered and used and delivered.value < ENOUGH_INPUT * used.value:
                times = number(delivered.value / used.value)
                slow.append(f"{_who(standing, ours)} {quantity(delivered.value, delivered.unit)}, {times} times that")
    if slow:
        yield Caveat(
            f"The input pipeline delivers less than {ENOUGH_INPUT:g} times what the training step consumes: "
            f"{_shortened(slow)}. Training may wait for images, and these step times, of images in memory, do not show "
            "it: give it more CPU cores or a faster disk."
        )


def _named(timed: list[Timed], which: Callable[[list[Process]], list[Process]]) -> str:
    """Of whom how many processes are such; nothing where none is."""
    found = [(standing, record, which(processes), processes) for standing, record, processes in timed]
    return _shortened(
        [f"{_who(standing, record)} in {len(such)} of {len(all_)}" for standing, record, such, all_ in found if such]
    )


def _who(standing: Standing, record: Record) -> str:
    return backend_and_variant(record) + (f" {standing.apart}" if standing.apart else "")


def _shortened(words: list[str]) -> str:
    more = len(words) - MOST_NAMED
    return listing([*words[:MOST_NAMED], f"{more} more"] if more > 0 else words)


def _set(results: Results, key: str) -> float:
    return float(results.manifest.config.get("bench", {}).get(key, DEFAULTS[key]))


def _again(results: Results, changes: list[str]) -> str:
    """The commands that measure anew, with changed settings, and write the report."""
    manifest = results.manifest
    report = report_command(manifest.config, manifest.name, *changes)
    return f"{bench_command(manifest.config, *changes)}, then {report}"
