"""What keeps a backend's further seeds from being trainings like its main one, in sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cxrbench.measure.machine import deciding, hardware
from cxrbench.measure.statistics import UNSTABLE_SPREAD
from cxrbench.report.manifest import Origin, Run
from cxrbench.report.results import Results
from cxrbench.report.wording import BACKENDS, listing


def caveats(results: Results) -> list[str]:
    """Seeds that were trained or measured otherwise than the main one of their backend, or not to the end."""
    versions = _named(results, lambda seed, main: _software(seed) != _software(main))
    places = _named(results, lambda seed, main: _place(seed) != _place(main))
    slower = _named(results, lambda seed, main: _place(seed) == _place(main) and _uneven(seed, main))
    measured = _measured_otherwise(results)
    unfinished = _named(results, lambda seed, _: seed.status not in (None, "finished"))
    return [
        f"{said}: {'; '.join(named)}.{meaning}"
        for said, named, meaning in (
            (
                "Trained with another version of this project or of its packages than the backend's main seed",
                versions,
                " A spread between these seeds may be one between versions.",
            ),
            (
                "Trained on another machine or device than the backend's main seed",
                places,
                " Training times do not compare between these seeds.",
            ),
            (
                f"Trained in a time more than {100 * UNSTABLE_SPREAD:g} % from that of the backend's main seed, though "
                "on the same machine",
                slower,
                " Other work may have disturbed one of them: their minutes do not compare.",
            ),
            (
                "Measured with another version of this project or of its packages than the backend's main seed",
                measured,
                " Evaluate them again.",
            ),
            ("Training from a further seed has not finished", unfinished, ""),
        )
        if named
    ]


def _named(results: Results, unlike: Callable[[Run, Run], bool]) -> list[str]:
    """``JAX from seeds 1 and 2``, for every backend with such seeds beside its main one."""
    manifest, found = results.manifest, []
    for backend, further in manifest.seed_runs.items():
        seeds = [str(run.seeds["train"]) for run in further if unlike(run, manifest.runs[backend])]
        found += [_seeds(backend, seeds)] * bool(seeds)
    return found


def _measured_otherwise(results: Results) -> list[str]:
    """The same, of seeds whose images were measured by other software; a report of an earlier version tells of none."""
    manifest, found = results.manifest, []
    for backend, origins in manifest.seed_evaluations.items():
        main = manifest.evaluations[backend]
        pairs = zip(manifest.seed_runs[backend], origins, strict=True)
        seeds = [str(run.seeds["train"]) for run, origin in pairs if _measuring(origin) != _measuring(main)]
        found += [_seeds(backend, seeds)] * bool(seeds)
    return found


def _seeds(backend: str, seeds: list[str]) -> str:
    return f"{BACKENDS[backend]} from seed{'s' * (len(seeds) > 1)} {listing(seeds)}"


def _measuring(origin: Origin) -> tuple[Any, ...]:
    return origin.commit, origin.clean, deciding(origin.versions)


def _software(run: Run) -> tuple[Any, ...]:
    """The commits of its sessions, with what was not committed then, and the packages that decide a result."""
    return {(part.commit, part.clean) for part in run.parts}, deciding(run.versions)


def _uneven(run: Run, main: Run) -> bool:
    return abs(run.train_seconds - main.train_seconds) > UNSTABLE_SPREAD * main.train_seconds


def _place(run: Run) -> set[tuple[Any, ...]]:
    """The devices and machines of its sessions."""
    return {(part.device, hardware(part.machine)) for part in run.parts}
