"""Show that all backends do the same work: record on each, exchange checkpoints, compare.

``record`` and ``exchange`` run on one backend, each in a process of its own; the comparison needs no engine.
"""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import numpy as np

from cxrbench.config import Config
from cxrbench.data.dataset import Dataset
from cxrbench.errors import RunError
from cxrbench.folders import DATASETS, LOSS_COLUMNS, RUNS, ParityFolder, parity_folder, run_folder, write_json
from cxrbench.measure import machine
from cxrbench.parity.bounds import BOUNDS
from cxrbench.parity.evidence import Evidence, load_evidence, save_evidence
from cxrbench.parity.judge import chaotic_from, curves, judge
from cxrbench.parity.result import Check, Parity, Witness
from cxrbench.parity.twin import PRECISIONS, full_size, twin, twin_fingerprint
from cxrbench.report.figures import figure_png
from cxrbench.report.instructions import experiment
from cxrbench.report.parity_figure import parity_figure
from cxrbench.tasks.engine import start_backend
from cxrbench.tasks.prepare import prepare_task

D_SKIPPED = LOSS_COLUMNS.index("d_skipped") - LOSS_COLUMNS.index("d_loss")
RECORD, EXCHANGE = "record", "exchange"
AGAIN = "record and exchange all backends again: nox -s parity"


def record_task(config: Config, backend: str, runs: Path = RUNS, datasets: Path = DATASETS) -> None:
    """Train the twins on one backend and keep what it computed."""
    folder = parity_folder(config, runs)
    dataset, large = _dataset(twin(config, "float32"), datasets), _dataset(full_size(config), datasets)
    engine = start_backend(twin(config, "float32"), run_folder(config, backend, runs).compile_cache)
    from cxrbench.parity.record import record  # imports Keras, so not before the choice of the backend

    for checkpoints in folder.checkpoints(backend).values():
        shutil.rmtree(checkpoints, ignore_errors=True)
    evidence = record(config, backend, engine, dataset, large, folder.checkpoints(backend))
    _keep(folder.evidence(RECORD, backend), config, backend, dataset, evidence)


def exchange_task(
    config: Config, backend: str, backends: list[str], runs: Path = RUNS, datasets: Path = DATASETS
) -> None:
    """Go on from the checkpoints of all ``backends`` on one, and keep what came out."""
    folder, dataset = parity_folder(config, runs), _dataset(twin(config, "float32"), datasets)
    engine = start_backend(twin(config, "float32"), run_folder(config, backend, runs).compile_cache)
    from cxrbench.parity.exchange import exchange

    checkpoints = {writer: folder.checkpoints(writer) for writer in backends}
    evidence = exchange(config, backend, engine, dataset, checkpoints)
    _keep(folder.evidence(EXCHANGE, backend), config, backend, dataset, evidence)


def parity_task(config: Config, backends: list[str], runs: Path = RUNS) -> Parity:
    """Compare what was recorded, write ``parity.json`` and its figure, and print every bound.

    Raises:
        RunError: evidence is missing or cannot be compared, or a bound does not hold.
    """
    if len(set(backends)) < max(2, len(backends)):
        raise RunError(f"parity: {' '.join(backends)} cannot be compared; name two different backends or more")
    folder = parity_folder(config, runs)
    records = {backend: _read(folder, config, RECORD, backend, backends) for backend in backends}
    exchanges = {backend: _read(folder, config, EXCHANGE, backend, backends) for backend in backends}
    _refuse_strangers(folder, records, exchanges)
    _refuse_blown_up(folder, records)
    try:
        checks, drawn = judge(config.train.seed, records, exchanges), curves(records)
    except (KeyError, ValueError) as error:
        raise RunError(f"{folder.path}: evidence of another version of this project ({error}); {AGAIN}") from None
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
        checks=checks,
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
    return Dataset.open(prepare_task(config, None, datasets, workers=1))


def _keep(file: Path, config: Config, backend: str, dataset: Dataset, evidence: Evidence) -> None:
    witness = {**machine.origin(), "engine": evidence.facts["engine"]}
    facts = {
        "backend": backend,
        "twin_fingerprint": twin_fingerprint(config),
        "data_fingerprint": dataset.fingerprint,
        "witness": witness,
    }
    save_evidence(file, Evidence(evidence.facts | facts, evidence.arrays))
    print(f"parity: {file}")


def _refuse_blown_up(folder: ParityFolder, records: dict[str, Evidence]) -> None:
    """A training that ends in NaN proves nothing, even where all do."""
    for backend, record in records.items():
        for name, losses in record.arrays.items():
            if name.endswith("/losses") and not np.isfinite(losses).all():
                step = int(np.argmin(np.isfinite(losses).all(axis=1)))
                file = folder.evidence(RECORD, backend)
                raise RunError(f"{file}: {name} is not finite at step {step}; lower optimizer.learning_rate")


def _command(config: Config, stage: str, backend: str, backends: list[str]) -> str:
    several = f" --backends {' '.join(backends)}" if stage == EXCHANGE else ""
    options = experiment(config.model_dump(mode="json"))
    return f"python -m cxrbench parity {stage} {options} --backend {backend}{several}"


def _read(folder: ParityFolder, config: Config, stage: str, backend: str, backends: list[str]) -> Evidence:
    """One backend's evidence of a stage, refused where it is of another backend or of other settings."""
    file, command = folder.evidence(stage, backend), _command(config, stage, backend, backends)
    evidence = load_evidence(file, command)
    wanted = {"backend": backend, "twin_fingerprint": twin_fingerprint(config)}
    for key, value in wanted.items():
        if evidence.facts.get(key) != value:
            raise RunError(f"{file}: of another {key} ({evidence.facts.get(key)}, not {value}); run: {command}")
    return evidence


def _refuse_strangers(folder: ParityFolder, records: dict[str, Evidence], exchanges: dict[str, Evidence]) -> None:
    """All evidence must be of one version of this project and one data set, and the checkpoints those recorded."""
    several = [*records.values(), *exchanges.values()]
    for what, found in (
        ("versions of this project", {one.facts["witness"]["commit"] for one in several}),
        ("data sets", {one.facts["data_fingerprint"] for one in several}),
    ):
        if len(found) > 1:
            raise RunError(f"{folder.path}: recorded with several {what} ({', '.join(map(str, found))}); {AGAIN}")
    for backend, exchange in exchanges.items():
        if exchange.facts["witness"]["versions"] != records[backend].facts["witness"]["versions"]:
            raise RunError(f"{folder.path}: {backend} was recorded and exchanged with different packages; {AGAIN}")
        for writer, record in records.items():
            for precision in PRECISIONS:
                used = exchange.facts["sha256"].get(f"{precision}/checkpoint/{writer}")
                if used != record.facts["sha256"][f"{precision}/checkpoint"]:
                    file = folder.evidence(EXCHANGE, backend)
                    raise RunError(f"{file}: of another {precision} checkpoint than {writer} recorded; {AGAIN}")
