"""Further trainings of one backend from other seeds: how far quality spreads by the seed, at the end and before."""

from __future__ import annotations

from pathlib import Path

from cxrbench.config import Config
from cxrbench.folders import RUNS, RunFolder
from cxrbench.report.courses import Training
from cxrbench.report.gather import Side
from cxrbench.report.results import SeedFigures, read
from cxrbench.report.stages import Evaluation, RunManifest

BySeed = dict[str, dict[str, Evaluation]]  # by backend, that of the report's own training first


def read_seeds(config: Config, sides: list[Side], runs: Path = RUNS) -> BySeed:
    """The evaluations of every backend's trainings, by seed.

    Other seeds are found by their name, ``<name>-seed<number>``, and are trainings of the same settings, data and
    steps, evaluated alike; others of that name are said and left out.
    """
    found: BySeed = {}
    for side in sides:
        if not side.run or not side.evaluation:
            continue
        found[side.backend] = {str(side.run.seeds["train"]): side.evaluation}
        for folder in sorted(runs.glob(f"{config.name}-seed*/{side.backend}")):
            seed, other = _other_seed(RunFolder(folder), side.run, side.evaluation)
            if other:
                found[side.backend][seed] = other
    return found


def seed_figures(found: BySeed) -> list[SeedFigures]:
    """Every figure of quality of each backend that was trained from several seeds."""
    several = {backend: own for backend, own in found.items() if len(own) > 1}
    return [figure for backend, own in several.items() for figure in _figures(backend, own)]


def courses(found: BySeed, batch_size: int) -> list[Training]:
    """Quality along every training of which images were kept."""
    return [
        Training.model_validate(
            {"backend": backend, "seed": int(seed), "main": not number, "batch_size": batch_size, "course": own.course}
        )
        for backend, evaluations in found.items()
        for number, (seed, own) in enumerate(evaluations.items())
        if own.course
    ]


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
