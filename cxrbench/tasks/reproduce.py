"""Run a report again from its own manifest, and say value by value what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.data.dataset import Dataset
from cxrbench.data.nih import ENVIRONMENT
from cxrbench.errors import ConfigError, RunError
from cxrbench.folders import RUNS, parity_folder, write_atomically, write_json
from cxrbench.measure import machine
from cxrbench.report import verdicts
from cxrbench.report.instructions import FROM_FILES, as_toml, flat
from cxrbench.report.manifest import Manifest, Run, Timing
from cxrbench.report.results import REAL, Results, is_quality, read
from cxrbench.report.sessions import unlike
from cxrbench.report.verdicts import Verdict
from cxrbench.report.wording import BACKENDS, listing
from cxrbench.tasks.bench import bench_task
from cxrbench.tasks.environments import Environment, find_environments
from cxrbench.tasks.evaluate import evaluate_task
from cxrbench.tasks.prepare import prepare_task
from cxrbench.tasks.report import report_task
from cxrbench.tasks.stage_process import Stage, run_stage

EXPERIMENT = "experiment.toml"
NOTE = "reproduction.json"  # of what, and with what, the folder is the reproduction
VERDICTS = "verdicts.json"
COMPARE = ("parity",)
UNCOMPARED = "memory_bytes"  # of a machine: it varies a little from start to start, and decides nothing


def reproduce_task(report: Path, data_dir: Path | None = None) -> None:
    """Run every stage that a report has results of, with its settings, and compare the new values with its own.

    Everything goes to ``runs/<name>-again/``: the settings as ``experiment.toml``, each engine's runs, a report of
    their own in ``report/``, and ``verdicts.json``. What differs already is said before anything runs. Each engine
    runs in its environment of nox, or in this one if it is installed here.

    The folder holds one reproduction and never a mixture of two. The same command begins anew, except after an
    interruption: where the report, the commit, the versions, the machine and the flags are still the same, and the
    working tree is clean, every stage runs again but training goes on from its last checkpoint.

    Args:
        report: the folder of a report, ``reports/<name>``.
        data_dir: the images of the sources nih and folder; ``CXRBENCH_NIH_DIR`` stands in for those of NIH.

    Raises:
        ReportError: the report cannot be read.
        RunError: before anything runs, an environment or the images' folder is missing; while it runs, a stage failed;
            at the end, fingerprints differ or values are missing, because then something else was run than what the
            report is of. Other speeds, or other images on another machine, are what a reproduction is to find out:
            they are said and are no error.
    """
    old = read(report / "results.json", Results)
    _refuse_without_images(old, data_dir)
    environments = find_environments(_backends(old))
    folder = RUNS / f"{_file_name(old.manifest.name)}-again"
    _claim(folder, report, environments)
    experiment = folder / EXPERIMENT
    write_atomically(experiment, "\n".join(as_toml({**old.manifest.config, "name": folder.name})) + "\n")
    config = _present(experiment, old.manifest)
    for line in differences(old.manifest, config, environments) or ["nothing that is recorded differs from the report"]:
        print(f"reproduce: {line}", flush=True)
    _run_stages(old, config, experiment, environments, data_dir)
    made = report_task(config, _backends(old), RUNS, folder, "report")
    found = verdicts.compare(old, read(made / "results.json", Results))
    values = [one.as_json() for one in found]
    write_json(folder / VERDICTS, {"report": old.manifest.name, "summary": verdicts.summary(found), "values": values})
    print(f"\n{verdicts.table(found)}\n\n{verdicts.summary(found)}; the page: {made / 'index.html'}", flush=True)
    _refuse_another_experiment(found, folder)


def differences(manifest: Manifest, config: Config, environments: dict[str, Environment]) -> list[str]:
    """One line for everything in which this reproduction differs, before it begins, from the making of the report."""
    state = machine.source_state()
    said: dict[str, dict[str, None]] = {}
    for backend, environment in environments.items():
        for line in _other_environment(_makings(manifest, backend), environment, state):
            said.setdefault(line, {})[BACKENDS[backend]] = None
    # What is true of every engine needs no names.
    lines = [line if len(who) == len(environments) else f"{listing([*who])}: {line}" for line, who in said.items()]
    then, now = (flat(settings) | {"name": None} for settings in (manifest.config, config.model_dump(mode="json")))
    return lines + list(_each_difference("setting", then, now))


def _present(experiment: Path, manifest: Manifest) -> Config:
    try:
        return load_config(experiment)
    except ConfigError as error:
        raise RunError(
            f"{manifest.name}: its settings are of another version of this project ({str(error).splitlines()[0]}); "
            f"reproduce it with that one: git checkout {(manifest.commit or 'the commit in its manifest')[:12]}"
        ) from None


def _makings(manifest: Manifest, backend: str) -> list[Run | Timing]:
    """Where a backend was timed and where it was trained, of those what there is."""
    timed = [made for name, made in manifest.benchmarks.items() if name == backend]
    return [*timed, *(made for name, made in manifest.runs.items() if name == backend)]


def _other_environment(makings: list[Run | Timing], here: Environment, state: dict[str, Any]) -> Iterator[str]:
    for made in makings:
        if made.commit != state["commit"]:
            yield f"commit: {made.commit or 'unknown'} in the report, {state['commit'] or 'unknown'} here"
        if made.clean is False:
            yield "commit: the report was made with uncommitted changes, which are nowhere"
        if state["clean"] is False:
            yield "commit: there are uncommitted changes here"
        if isinstance(made, Run) and made.status not in (None, "finished"):
            yield f"training: the report's was {made.status} after {made.steps} steps, this one goes to its end"
        if isinstance(made, Run) and (how := unlike(made.parts)):
            yield f"training: the report's took {len(made.parts)} sessions, {listing(how)}; compared here is its last"
        # A report of an earlier version names a few packages only: what it does not name cannot be compared.
        then = {machine.canonical(name): version for name, version in made.versions.items()}
        yield from _each_difference("version of", then, {name: here.versions.get(name) for name in then})
        yield from _each_difference("machine:", _lasting(made.machine), _lasting(here.machine))
    # A benchmark, the first of these, notes the flags before its engine adds some of its own, as was done here.
    yield from _each_difference("environment flag", makings[0].environment, here.flags)


def _each_difference(kind: str, then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for key in dict.fromkeys([*then, *now]):
        if then.get(key) != now.get(key):
            before, after = ("none" if one.get(key) is None else one[key] for one in (then, now))
            yield f"{kind} {key}: {before} in the report, {after} here"


def _backends(old: Results) -> list[str]:
    witnesses = old.parity.witnesses if old.parity else {}
    return [name for name in BACKENDS if name in {*old.manifest.runs, *old.manifest.benchmarks, *witnesses}]


def _evaluated(old: Results) -> list[str]:
    """The trained backends that have figures of image quality, and so had samples."""
    figures = {record.backend for record in old.records if is_quality(record.metric) and record.backend != REAL}
    return [name for name in old.manifest.runs if name in figures]


def _file_name(name: str) -> str:
    """A report's name as a configuration may be called: lower case, without dots."""
    return re.sub(r"[^a-z0-9_-]", "-", name.lower())


def _run_stages(
    old: Results, config: Config, experiment: Path, environments: dict[str, Environment], data_dir: Path | None
) -> None:
    """Every stage before the report: those without an engine here, each of the others in a process of its own."""
    if old.manifest.benchmarks:
        print("reproduce: bench", flush=True)
        bench_task(config, [*old.manifest.benchmarks])
    dataset = None
    if old.manifest.runs:
        print("reproduce: prepare", flush=True)
        dataset = prepare_task(config, data_dir)
        _say_other_data(old.manifest, dataset)
    if old.manifest.seed_runs:
        print("reproduce: trainings from further seeds are not repeated; the report's page has their commands")
    for stage in _stages(old, dataset):
        try:
            run_stage(stage, stage.command(experiment, environments))
        except RunError:
            if stage.words != COMPARE or not parity_folder(config).result.exists():
                raise
            print("reproduce: bounds of parity fail; their verdicts come at the end", flush=True)
    if dataset and _evaluated(old):
        print("reproduce: evaluate", flush=True)
        evaluate_task(config, _evaluated(old), dataset)


def _stages(old: Results, dataset: Path | None) -> list[Stage]:
    """The stages with an engine that the report has results of, in their order."""
    stages = []
    if old.parity:
        chosen = ("--backends", *old.parity.witnesses)
        for part in ("record", "exchange"):
            stages += [Stage(("parity", part), backend, chosen) for backend in old.parity.witnesses]
        stages.append(Stage(COMPARE, options=chosen))
    for backend in old.manifest.runs:
        stages.append(Stage(("train",), backend, ("--dataset", str(dataset))))
        if backend in _evaluated(old):
            stages.append(Stage(("sample",), backend))
    return stages


def _say_other_data(manifest: Manifest, dataset: Path) -> None:
    """At once, so that nobody trains for hours on images that do not compare."""
    here = Dataset.open(dataset).fingerprint
    if manifest.data_fingerprint not in (None, here):
        print(f"reproduce: *** THE DATA DIFFER: {manifest.data_fingerprint} in the report, {here} here ***", flush=True)


def _refuse_without_images(old: Results, data_dir: Path | None) -> None:
    source = old.manifest.config.get("data", {}).get("source")
    stands_in = source == "nih" and os.environ.get(ENVIRONMENT)
    if old.manifest.runs and source in FROM_FILES and data_dir is None and not stands_in:
        instead = f", or set {ENVIRONMENT}" if source == "nih" else ""
        raise RunError(f"{old.manifest.name}: its images are of the source {source}: pass --data-dir DIR{instead}")


def _claim(folder: Path, report: Path, environments: dict[str, Environment]) -> None:
    """Leave what an interrupted reproduction of the same kind has; otherwise delete an earlier one and begin.

    Raises:
        RunError: the folder was not made by this task.
    """
    note = folder / NOTE
    now = {
        "report": hashlib.sha256((report / "results.json").read_bytes()).hexdigest(),
        **machine.source_state(),
        "environments": {
            backend: {"versions": one.versions, "machine": _lasting(one.machine), "flags": one.flags}
            for backend, one in environments.items()
        },
    }
    if folder.resolve() in report.resolve().parents:
        raise RunError(f"{report}: lies in {folder}, which its reproduction would replace; copy it to another place")
    if folder.exists():
        if not note.exists():
            raise RunError(f"{folder}: was not made by reproduce, which would replace it; move it away")
        unfinished = not (folder / VERDICTS).exists()
        if unfinished and now["clean"] and json.loads(note.read_text(encoding="utf-8")) == now:
            print(f"reproduce: {folder}: was interrupted; training goes on where it stopped", flush=True)
            return
        shutil.rmtree(folder)
    write_json(note, now)


def _lasting(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != UNCOMPARED}


def _refuse_another_experiment(found: list[Verdict], folder: Path) -> None:
    others = [one.name.lower() for one in verdicts.differing_fingerprints(found)]
    missing = verdicts.missing_figures(found)
    problems = [f"the fingerprint of {name} is not the report's" for name in others]
    problems += [f"{len(missing)} values of the report are missing"] if missing else []
    if problems:
        raise RunError(f"{folder / VERDICTS}: this is not the report's experiment: {'; '.join(problems)}")
