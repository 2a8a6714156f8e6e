"""Show that all backends do the same work: record on each, exchange checkpoints, compare.

``record`` and ``exchange`` run on one backend, each in a process of its own; the comparison needs no engine.
"""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from cxrbench.config import Config
from cxrbench.data.batches import Dataset
from cxrbench.errors import RunError
from cxrbench.folders import DATASETS, LOSS_COLUMNS, RUNS, ParityFolder, parity_folder, run_folder, write_json
from cxrbench.measure import machine
from cxrbench.parity.bounds import BOUNDS
from cxrbench.parity.evidence import Evidence, load_evidence, save_evidence
from cxrbench.parity.judge import chaotic_from, curves, judge
from cxrbench.parity.result import Check, Parity, Witness
from cxrbench.parity.twin import twin, twin_fingerprint
from cxrbench.report.figures import figure_png
from cxrbench.report.parity_figure import parity_figure
from cxrbench.tasks.engine import start_backend
from cxrbench.tasks.prepare import prepare_task

D_SKIPPED = LOSS_COLUMNS.index("d_skipped") - LOSS_COLUMNS.index("d_loss")
RECORD, EXCHANGE = "record", "exchange"


def record_task(config: Config, backend: str, runs: Path = RUNS, datasets: Path = DATASETS) -> None:
    """Train the twins on one backend and keep what it computed."""
    folder, dataset = parity_folder(config, runs), _dataset(config, datasets)
    engine = start_backend(twin(config, "float32"), run_folder(config, backend, runs).compile_cache)
    from cxrbench.parity.record import record  # imports Keras, so not before the choice of the backend

    for checkpoints in folder.checkpoints(backend).values():
        shutil.rmtree(checkpoints, ignore_errors=True)
    evidence = record(config, backend, engine, dataset, folder.checkpoints(backend))
    _keep(folder.evidence(RECORD, backend), config, evidence)


def exchange_task(
    config: Config, backend: str, backends: list[str], runs: Path = RUNS, datasets: Path = DATASETS
) -> None:
    """Go on from the checkpoints of all ``backends`` on one, and keep what came out."""
    folder, dataset = parity_folder(config, runs), _dataset(config, datasets)
    engine = start_backend(twin(config, "float32"), run_folder(config, backend, runs).compile_cache)
    from cxrbench.parity.exchange import exchange

    checkpoints = {writer: folder.checkpoints(writer) for writer in backends}
    evidence = exchange(config, backend, engine, dataset, checkpoints)
    _keep(folder.evidence(EXCHANGE, backend), config, evidence, writers=backends)


def parity_task(config: Config, backends: list[str], runs: Path = RUNS) -> Parity:
    """Compare what was recorded, write ``parity.json`` and its figure, and print every bound.

    Raises:
        RunError: evidence is missing or cannot be compared, or a bound does not hold.
    """
    if len(backends) < 2:
        raise RunError(f"parity: {' '.join(backends)} alone cannot be compared; name two backends or more")
    folder = parity_folder(config, runs)
    records = {backend: _read(folder, config, RECORD, backend) for backend in backends}
    exchanges = {backend: _read(folder, config, EXCHANGE, backend) for backend in backends}
    _refuse_strangers(folder, config, backends, records, exchanges)
    _refuse_blown_up(folder, records)
    drawn = curves(records)
    result = Parity(
        name=config.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        twin_fingerprint=twin_fingerprint(config),
        data_fingerprint=records[backends[0]].facts["data_fingerprint"],
        settings=twin(config, "float32").model_dump(mode="json"),
        float32_steps=config.parity.float32_steps,
        float64_steps=config.parity.float64_steps,
        witnesses={backend: Witness.model_validate(one.facts["witness"]) for backend, one in records.items()},
        initial_weights_sha256={
            precision: records[backends[0]].facts["sha256"][f"{precision}/initial"] for precision in drawn
        },
        checks=judge(config.train.seed, records, exchanges),
        skipped_updates={
            precision: int(records[backends[0]].arrays[f"{precision}/ours/losses"][:, D_SKIPPED].sum())
            for precision in drawn
        },
        chaotic_from=chaotic_from(drawn["float32"].difference),
        curves=drawn,
    )
    write_json(folder.result, result.model_dump(mode="json"))
    folder.figure.write_bytes(figure_png(parity_figure(result)))
    print("\n".join(table(result.checks)))
    if result.failed:
        raise RunError(
            f"{folder.result}: {len(result.failed)} of {len(result.checks)} bounds do not hold: "
            f"{', '.join(check.name for check in result.failed)}; these backends do not do the same work"
        )
    print(f"parity: {len(result.checks)} bounds hold on {', '.join(backends)}: {folder.result}")
    return result


def table(checks: list[Check]) -> list[str]:
    """One line per bound, by group."""
    lines, group = [], ""
    for check in checks:
        bound = BOUNDS[check.name]
        if bound.group != group:
            group = bound.group
            lines.append(group)
        measured = "not finite" if check.measured is None else f"{check.measured:.3g}"
        mark = "holds" if check.passed else "FAILS"
        where = f" ({check.where})" if check.where else ""
        lines.append(f"  {mark}  {check.name:<24}{measured:>10} of {check.limit:<8g}{bound.scale}{where}")
    return lines


def _dataset(config: Config, datasets: Path) -> Dataset:
    return Dataset.open(prepare_task(twin(config, "float32"), None, datasets, workers=1))


def _keep(file: Path, config: Config, evidence: Evidence, **further: Any) -> None:
    witness = {**machine.origin(), "engine": evidence.facts["engine"]}
    facts = evidence.facts | {"twin_fingerprint": twin_fingerprint(config), "witness": witness} | further
    save_evidence(file, Evidence(facts, evidence.arrays))
    print(f"parity: {file}")


def _refuse_blown_up(folder: ParityFolder, records: dict[str, Evidence]) -> None:
    """A training that ends in NaN proves nothing, even where all do."""
    for backend, record in records.items():
        for name, losses in record.arrays.items():
            if name.endswith("/losses") and not np.isfinite(losses).all():
                step = int(np.argmin(np.isfinite(losses).all(axis=1)))
                file = folder.evidence(RECORD, backend)
                raise RunError(f"{file}: {name} is not finite at step {step}; lower optimizer.learning_rate")


def _command(config: Config, stage: str, backend: str) -> str:
    return f"python -m cxrbench parity {stage} --config {config.name} --backend {backend}"


def _read(folder: ParityFolder, config: Config, stage: str, backend: str) -> Evidence:
    return load_evidence(folder.evidence(stage, backend), _command(config, stage, backend))


def _refuse_strangers(
    folder: ParityFolder,
    config: Config,
    backends: list[str],
    records: dict[str, Evidence],
    exchanges: dict[str, Evidence],
) -> None:
    """All evidence must be of these settings, of one version of this project, and of these backends."""
    commits = set()
    for stage, several in ((RECORD, records), (EXCHANGE, exchanges)):
        for backend, evidence in several.items():
            file, command = folder.evidence(stage, backend), _command(config, stage, backend)
            theirs = evidence.facts["twin_fingerprint"]
            if theirs != twin_fingerprint(config):
                raise RunError(f"{file}: of other settings ({theirs}, not {twin_fingerprint(config)}); run: {command}")
            if not set(backends) <= set(evidence.facts.get("writers", backends)):
                raise RunError(f"{file}: without the checkpoints of all of {', '.join(backends)}; run: {command}")
            commits.add(evidence.facts["witness"]["commit"])
    if len(commits) > 1:
        raise RunError(
            f"{folder.path}: recorded with several versions of this project ({', '.join(map(str, commits))}); "
            "record all backends again: nox -s parity"
        )
