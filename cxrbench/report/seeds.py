"""Further trainings of one backend from other seeds: how far figures of quality spread by the seed alone."""

from __future__ import annotations

from pathlib import Path

from cxrbench.config import Config
from cxrbench.folders import RUNS, RunFolder
from cxrbench.report.gather import Side
from cxrbench.report.results import SeedFigures, read
from cxrbench.report.stages import Evaluation, RunManifest


def read_seeds(config: Config, sides: list[Side], runs: Path = RUNS) -> list[SeedFigures]:
    """Every figure of quality of a backend that was trained from several seeds, by seed.

    They are found by their name, ``<name>-seed<number>``, and are trainings of the same settings, data and steps,
    evaluated alike; others of that name are said and left out.
    """
    found = []
    for side in sides:
        if not side.run or not side.evaluation:
            continue
        evaluations = {str(side.run.seeds["train"]): side.evaluation}
        for folder in sorted(runs.glob(f"{config.name}-seed*/{side.backend}")):
            seed, other = _other_seed(RunFolder(folder), side.run, side.evaluation)
            if other:
                evaluations[seed] = other
        if len(evaluations) > 1:
            found += _figures(side.backend, evaluations)
    return found


def _other_seed(folder: RunFolder, run: RunManifest, evaluation: Evaluation) -> tuple[str, Evaluation | None]:
    if not folder.manifest.exists() or not folder.evaluation.exists():
        print(f"report: {folder.path} is left out: it was not trained and evaluated", flush=True)
        return "", None
    manifest, other = read(folder.manifest, RunManifest), read(folder.evaluation, Evaluation)
    seed = str(manifest.seeds["train"])
    alike = {
        "settings": _settings(manifest) == _settings(run),
        "data": manifest.data_fingerprint == run.data_fingerprint,
        "steps": manifest.steps == run.steps == other.step,
        "N or evaluation seed": (other.n, other.seed) == (evaluation.n, evaluation.seed),
        "seed": seed != str(run.seeds["train"]),
    }
    different = [name for name, same in alike.items() if not same]
    if different:
        print(
            f"report: {folder.path} is left out: its {', '.join(different)} cannot be set beside this run's", flush=True
        )
    return seed, None if different else other


def _settings(manifest: RunManifest) -> dict[str, object]:
    """All but the name, the seed, and what decides nothing of the weights."""
    kept = {key: manifest.config[key] for key in ("data", "model", "objective", "optimizer", "compute")}
    return kept | {"batch_size": manifest.config["train"]["batch_size"]}


def _figures(backend: str, evaluations: dict[str, Evaluation]) -> list[SeedFigures]:
    by_seed = {
        seed: {one.metric: one.value for one in found.records if one.backend == backend}
        for seed, found in evaluations.items()
    }
    shared = set.intersection(*(set(figures) for figures in by_seed.values()))
    return [
        SeedFigures.model_validate(
            {
                "backend": backend,
                "metric": metric,
                "values": {seed: figures[metric] for seed, figures in by_seed.items()},
            }
        )
        for metric in sorted(shared)
    ]
