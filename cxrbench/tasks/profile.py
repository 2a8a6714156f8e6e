"""Show where the time of the training step goes on one backend."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cxrbench.config import Config
from cxrbench.folders import RUNS, RunFolder, run_folder, write_json
from cxrbench.measure import machine
from cxrbench.measure.operations import Profile, Row, profile
from cxrbench.tasks.engine import start_backend
from cxrbench.tasks.rotation import settings
from cxrbench.variants import OURS, build_variant

WARMUP_STEPS = 3  # the first compiles; an engine may choose its kernels anew in the next
TRACED_STEPS = 5
TOP = 15
WIDEST_NAME = 90


def profile_task(config: Config, backend: str, runs: Path = RUNS) -> RunFolder:
    """Trace the compiled shared step; print and write a table of its operations.

    ``profile/trace.json.gz`` is for https://ui.perfetto.dev, ``profile/profile.json`` has the table with every
    operation. The images lie ready on the host, as in ``bench``; the profiler's own cost is in all times.
    """
    run = run_folder(config, backend, runs)
    folder = run.path / "profile"
    engine = start_backend(config, run.compile_cache)
    trace = engine.trace(folder / "trace.json.gz")
    print(f"profile {backend}: compiling the step, which takes up to a minute", flush=True)
    step = build_variant(OURS, settings(config)[0], engine)  # as it is timed, its gate never shut
    step.run(WARMUP_STEPS)
    step.wait()

    print(f"profile {backend}: tracing {TRACED_STEPS} steps", flush=True)
    with trace:
        started = time.perf_counter()
        step.run(TRACED_STEPS)
        step.wait()
        seconds = time.perf_counter() - started
    with gzip.open(folder / "trace.json.gz", "rt", encoding="utf-8") as stream:
        found = profile(json.load(stream), seconds, TRACED_STEPS)

    write_json(
        folder / "profile.json",
        {
            "training_fingerprint": config.training_fingerprint,
            "config": config.model_dump(mode="json"),
            **machine.origin(),
            "engine": engine.describe(config.bench.assumed_steps),
            "traced_steps": TRACED_STEPS,
            "seconds_per_step": found.seconds,
            "threads": found.threads,
            "kinds": [row._asdict() for row in found.kinds],
            "operations": [row._asdict() for row in found.operations],
        },
    )
    print("\n".join(_table(found)))
    print(f"{folder}: the whole table, and a trace for https://ui.perfetto.dev")
    return run


def _table(found: Profile) -> Iterator[str]:
    yield f"{1e3 * found.seconds:.1f} ms per step under the profiler, at most {found.threads} operations at a time"
    yield ""
    yield from _rows("kind", found.kinds)
    yield "an operation whose name does not say whose it is counts as elementwise"
    yield ""
    yield from _rows(f"the {TOP} longest operations", found.operations[:TOP], with_kind=True)


def _rows(title: str, rows: Sequence[Row], with_kind: bool = False) -> Iterator[str]:
    yield f"{'share':>7} {'ms/step':>9} {'calls/step':>10}  {title}"
    for row in rows:
        name = row.name if len(row.name) <= WIDEST_NAME else f"{row.name[: WIDEST_NAME - 1]}…"
        kind = f"  ({row.kind})" if with_kind else ""
        yield f"{row.share:>7.1%} {1e3 * row.seconds:>9.3f} {row.calls:>10.1f}  {name}{kind}"
