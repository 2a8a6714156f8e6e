"""Further trainings of one backend from other seeds: which are set beside its own, and what a report keeps of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cxrbench.config import Config, seedless_fingerprint
from cxrbench.folders import RUNS, RunFolder
from cxrbench.report.courses import Training
from cxrbench.report.instructions import instructions
from cxrbench.report.manifest import Manifest, Run
from cxrbench.report.results import NotMeasured, ReportError, Results, SeedFigures, read
from cxrbench.report.sides import Side, read_side
from cxrbench.report.stages import Evaluation, RunManifest


@dataclass(frozen=True)
class Trained:
    """One training of one backend, evaluated; ``name`` is that of its experiment."""

    name: str
    run: RunManifest
    evaluation: Evaluation

    @property
    def seed(self) -> str:
        return str(self.run.seeds["train"])


BySeed = dict[str, dict[str, Trained]]  # by backend, that of the report's own training first


def with_seeds(results: Results, config: Config, sides: list[Side], runs: Path = RUNS) -> Results:
    """The results, with the trainings of all seeds: their figures, quality along them, and where the further ones ran.

    What is left out stands among what was not measured, with its reason.
    """
    found, left_out = read_seeds(config, sides, runs)
    several = {backend: own for backend, own in found.items() if len(own) > 1}
    return results.model_copy(
        update={
            "manifest": _manifest(results.manifest, several, [side.backend for side in sides]),
            "seeds": [figure for backend, own in several.items() for figure in _figures(backend, own)],
            "courses": [training for backend, own in found.items() for training in _courses(backend, own)],
            "not_measured": results.not_measured + left_out,
        }
    )


def read_seeds(config: Config, sides: list[Side], runs: Path = RUNS) -> tuple[BySeed, list[NotMeasured]]:
    """The trainings of every backend by seed, and those that were found and left out.

    Other seeds are found by their name, ``<name>-seed<number>``, and are trainings of the same settings, data and
    steps, evaluated alike. Of several of one seed the first by name is kept.
    """
    found: BySeed = {}
    left_out: list[NotMeasured] = []
    for side in sides:
        own: dict[str, Trained] = {}
        if side.run and side.evaluation:
            own[str(side.run.seeds["train"])] = Trained(config.name, side.run, side.evaluation)
            found[side.backend] = own
        for path in sorted(runs.glob(f"{config.name}-seed*/{side.backend}"), key=_by_number):
            other = _beside(own, _read(config, path, runs), path.parent.name)
            if isinstance(other, Trained):
                own[other.seed] = other
            else:
                gap = {"backend": side.backend, "metric": "seed", "reason": f"{path.parent.name}: {other}"}
                left_out.append(NotMeasured.model_validate(gap))
    return found, left_out


def _by_number(path: Path) -> tuple[int, str]:
    """Seed 2 before seed 10."""
    number = re.search(r"-seed(\d+)", path.parent.name)
    return int(number[1]) if number else 0, path.parent.name


def _read(config: Config, path: Path, runs: Path) -> Side | str:
    """What a further seed left, read as that of a main one; or why it cannot be."""
    folder = RunFolder(path)
    if not folder.manifest.exists() or not folder.evaluation.exists():
        return "it was not trained and evaluated"
    try:
        seed = config.train.model_copy(update={"seed": read(folder.manifest, RunManifest).seeds["train"]})
        side = read_side(config.model_copy(update={"name": path.parent.name, "train": seed}), path.name, runs)
    except ReportError as error:
        return str(error)
    return side.outdated or side


def _manifest(manifest: Manifest, several: BySeed, backends: list[str]) -> Manifest:
    """With where the further seeds were trained and measured, and how to make all anew."""
    if not several:
        return manifest
    further = {backend: list(own.values())[1:] for backend, own in several.items()}
    seeds = {backend: [int(one.seed) for one in own] for backend, own in further.items()}
    timed, trained = [str(one) for one in manifest.benchmarks], [str(one) for one in manifest.runs]
    runs = {backend: [Run.model_validate(one.run.model_dump()) for one in own] for backend, own in further.items()}
    return manifest.model_copy(
        update={
            "command": "\n".join(instructions(manifest.config, backends, timed, trained, manifest.name, seeds)),
            "seed_runs": runs,
            "seed_evaluations": {backend: [one.evaluation.origin for one in own] for backend, own in further.items()},
        }
    )


def _beside(own: dict[str, Trained], side: Side | str, name: str) -> Trained | str:
    """A further training, or why it cannot be set beside those of its backend, of which the main one is first."""
    if isinstance(side, str):
        return side
    assert side.run is not None and side.evaluation is not None  # else it was refused
    if not own:
        return "this report has no training of this backend, evaluated, to set it beside"
    main, other = next(iter(own.values())), Trained(name, side.run, side.evaluation)
    data = {one.data_fingerprint for one in (main.run, other.run, other.evaluation)}
    alike = {
        "settings": _settings(other.run) == _settings(main.run) is not None,
        "data": len(data) == 1,
        "steps": other.run.steps == main.run.steps,
        "N or evaluation seed": _measured_by(other.evaluation) == _measured_by(main.evaluation),
        "seed": other.seed not in own,
    }
    different = [what for what, same in alike.items() if not same]
    if not different:
        return other
    taken = "" if alike["seed"] else f"; {own[other.seed].name} has seed {other.seed}, too"
    return f"its {', '.join(different)} cannot be set beside {main.name}'s{taken}"


def _settings(run: RunManifest) -> str | None:
    """What decides the weights but for the seed; None of a file from which that cannot be read."""
    try:
        return seedless_fingerprint(run.config)
    except KeyError:
        return None


def _measured_by(evaluation: Evaluation) -> tuple[int, int]:
    return evaluation.n, evaluation.seed


def _courses(backend: str, own: dict[str, Trained]) -> list[Training]:
    """Quality along every training of which images were kept."""
    return [
        Training.model_validate(
            {
                "backend": backend,
                "seed": int(seed),
                "main": not number,
                "batch_size": one.run.config["train"]["batch_size"],
                "course": one.evaluation.course,
            }
        )
        for number, (seed, one) in enumerate(own.items())
        if one.evaluation.course
    ]


def _figures(backend: str, own: dict[str, Trained]) -> list[SeedFigures]:
    """Every figure of quality that all of these trainings have."""
    by_seed = {
        seed: {record.metric: record.value for record in one.evaluation.records if record.backend == backend}
        for seed, one in own.items()
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
