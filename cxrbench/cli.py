"""The command line: one command per task, nothing else.

Tasks are imported when they are asked for: `evaluate` and `report` run where no engine is installed, and
the others import Keras, which has to be told the backend first.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import cxrbench
from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.errors import CxrbenchError
from cxrbench.folders import BACKENDS, REPORTS, RUNS
from cxrbench.measure.statistics import FACTOR

INTERRUPTED = 130  # the shell's number for a program ended by Ctrl-C


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error that is named, 130 after Ctrl-C.

    Of ``compare`` 1 is a regression, and 2 an error.
    """
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _interrupt)  # so that what a task started is stopped with it
    try:
        return options.run(options) or 0
    except KeyboardInterrupt as stop:
        print(f"\ncxrbench {options.command}: {str(stop) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except (CxrbenchError, OSError) as error:
        print(f"cxrbench {options.command}: {error}", file=sys.stderr)
        return options.failed
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt("terminated")


def prepare(config: Config, options: argparse.Namespace) -> None:
    """pack the images of an experiment into one data set"""
    from cxrbench.tasks.prepare import prepare_task

    prepare_task(config, options.data_dir, workers=options.workers)


def _dataset(config: Config, options: argparse.Namespace) -> Path:
    """The packed data set that was named, else the one that the configuration asks for, packed if it is not yet."""
    from cxrbench.tasks.prepare import prepare_task

    return options.dataset or prepare_task(config, options.data_dir)


def train(config: Config, options: argparse.Namespace) -> None:
    """train the DCGAN on one backend (prepares first; goes on where it was stopped)"""
    from cxrbench.tasks.engine import choose_backend

    backend = choose_backend(options.backend)
    dataset = _dataset(config, options)
    from cxrbench.tasks.train import train_task

    train_task(config, backend, dataset, options.fresh)


def sample(config: Config, options: argparse.Namespace) -> None:
    """draw images from a trained generator, as PNG files and one array"""
    from cxrbench.tasks.engine import choose_backend

    backend = choose_backend(options.backend)
    from cxrbench.tasks.sample import sample_task

    sample_task(config, backend)


def bench(config: Config, options: argparse.Namespace) -> None:
    """measure speed, memory and energy of every variant of the step, in fresh processes in rotated order"""
    from cxrbench.tasks.bench import bench_task

    bench_task(config, options.backends)


def parity(config: Config, options: argparse.Namespace) -> None:
    """show that all backends do the same work: record and exchange on each, then compare"""
    from cxrbench.tasks.engine import choose_backend
    from cxrbench.tasks.parity import exchange_task, parity_task, record_task

    if options.stage == "record":
        record_task(config, choose_backend(options.backend))
    elif options.stage == "exchange":
        exchange_task(config, choose_backend(options.backend), options.backends)
    else:
        parity_task(config, options.backends)


def evaluate(config: Config, options: argparse.Namespace) -> None:
    """measure the quality of the samples of every backend, beside held-out real images"""
    from cxrbench.tasks.evaluate import evaluate_task

    evaluate_task(config, options.backends, _dataset(config, options), RUNS, options.features)


def ladders(config: Config, options: argparse.Namespace) -> None:
    """damage real images step by step, and show which metric of image quality sees what"""
    from cxrbench.tasks.ladders import ladders_task

    ladders_task(config, _dataset(config, options), REPORTS, options.features)


def pipeline(config: Config, options: argparse.Namespace) -> None:
    """measure how fast the files of the NIH set become batches, into reports/pipeline.md"""
    from cxrbench.tasks.pipeline import pipeline_task

    pipeline_task(config, options.data_dir, REPORTS)


def report(config: Config, options: argparse.Namespace) -> None:
    """put the backends side by side in reports/<name>/"""
    from cxrbench.tasks.report import report_task

    report_task(config, options.backends, RUNS, REPORTS, options.name)


def rewrite(options: argparse.Namespace) -> None:
    """write the pages of reports without trainings by this version, from their results, and all lists"""
    from cxrbench.tasks.report import rewrite_task

    rewrite_task(options.reports, REPORTS)


def reproduce(options: argparse.Namespace) -> None:
    """run a report again from its own manifest, and say value by value what came out the same"""
    from cxrbench.tasks.reproduce import reproduce_task

    reproduce_task(options.report, options.data_dir)


def compare(options: argparse.Namespace) -> int:
    """say what got faster, slower, or cannot be told between two reports; exit status 1: a regression, 2: an error"""
    from cxrbench.tasks.compare import compare_task

    return 0 if compare_task(options.old, options.new, options.factor, options.metric) else 1


def profile(config: Config, options: argparse.Namespace) -> None:
    """show where the time of a training step goes on one backend: a trace for Perfetto, and a table of operations"""
    from cxrbench.tasks.engine import choose_backend
    from cxrbench.tasks.profile import profile_task

    profile_task(config, choose_backend(options.backend))


def _configured(task: Callable[[Config, argparse.Namespace], None]) -> Callable[[argparse.Namespace], None]:
    return lambda options: task(load_config(options.config, options.set), options)


def _parser() -> argparse.ArgumentParser:
    about = f"{cxrbench.__doc__} Stages, in their order:"
    parser = argparse.ArgumentParser(prog="python -m cxrbench", description=about)
    parser.add_argument("--version", action="version", version=f"cxrbench {cxrbench.__version__}")
    parser.set_defaults(failed=1)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    added = {}
    for task in (prepare, bench, profile, parity, train, sample, evaluate, report, ladders, pipeline):
        added[task] = command = commands.add_parser(task.__name__, help=task.__doc__, description=task.__doc__)
        command.set_defaults(run=_configured(task))
        command.add_argument(
            "--config", default="quick", metavar="FILE", help="a TOML file, or the name of one in configs/ (quick)"
        )
        command.add_argument(
            "--set", action="append", metavar="KEY=VALUE", help="one setting, such as train.epochs=3; may be repeated"
        )
        _add_data_dir(command)
    again = commands.add_parser(reproduce.__name__, help=reproduce.__doc__, description=reproduce.__doc__)
    again.set_defaults(run=reproduce)
    again.add_argument("report", type=Path, metavar="REPORT", help="the folder of a report, such as reports/quick")
    _add_data_dir(again)
    anew = commands.add_parser(rewrite.__name__, help=rewrite.__doc__, description=rewrite.__doc__)
    anew.set_defaults(run=rewrite)
    anew.add_argument("reports", type=Path, nargs="*", metavar="REPORT", help="the folder of a report; none: the list")
    pair = commands.add_parser(compare.__name__, help=compare.__doc__, description=compare.__doc__)
    pair.set_defaults(run=compare, failed=2)
    for side in ("old", "new"):
        pair.add_argument(side, type=Path, metavar=side.upper(), help="the folder of a report, or its results.json")
    pair.add_argument(
        "--factor", type=float, default=FACTOR, metavar="F", help=f"the smallest change that counts ({FACTOR})"
    )
    pair.add_argument("--metric", action="append", metavar="NAME", help="this metric alone; may be repeated")
    for task in (train, evaluate, ladders):
        added[task].add_argument(
            "--dataset", type=Path, metavar="FOLDER", help="what prepare wrote, where the source images are not at hand"
        )
    for task in (profile, parity, train, sample):
        added[task].add_argument(
            "--backend", choices=BACKENDS, help="KERAS_BACKEND, or the only one that is installed, without it"
        )
    for task in (bench, parity, evaluate, report):
        added[task].add_argument(
            "--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS), help="all three without it"
        )
    added[parity].add_argument(
        "stage", nargs="?", choices=("record", "exchange", "compare"), default="compare",
        help="record: train the twins on one backend; exchange: go on there from the checkpoints of all; "
        "compare (without it): judge what all left",
    )  # fmt: skip
    for task in (evaluate, ladders):
        added[task].add_argument(
            "--features",
            type=Path,
            metavar="FILE",
            help="a network in an ONNX file, to compare images by its features too",
        )
    added[prepare].add_argument("--workers", type=int, metavar="N", help="processes; one per core without it")
    added[train].add_argument("--fresh", action="store_true", help="delete an earlier run of this name and train anew")
    added[report].add_argument("--name", help="the folder under reports/; the configuration's name without it")
    return parser


def _add_data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="the images of the sources nih and folder; tasks that read none take it too, so that one line of "
        "options serves several",
    )
