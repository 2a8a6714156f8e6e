"""The command line: one command per task, nothing else.

Tasks are imported when they are asked for: `evaluate` and `report` run where no engine is installed, and
the others import Keras, which has to be told the backend first.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import cxrbench
from cxrbench.config import Config, load_config
from cxrbench.errors import CxrbenchError
from cxrbench.folders import BACKENDS, REPORTS, RUNS

INTERRUPTED = 130  # the shell's number for a program ended by Ctrl-C


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for an error that is named, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _interrupt)  # so that what a task started is stopped with it
    try:
        options.run(load_config(options.config, options.set), options)
    except CxrbenchError as error:
        print(f"cxrbench {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print(f"\ncxrbench {options.command}: {stop or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        print(f"cxrbench {options.command}: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


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
    """measure step time, first-step time, sampling throughput and memory of one backend"""
    from cxrbench.tasks.bench import bench_task
    from cxrbench.tasks.engine import choose_backend

    bench_task(config, choose_backend(options.backend))


def evaluate(config: Config, options: argparse.Namespace) -> None:
    """measure the quality of the samples of every backend, beside held-out real images"""
    from cxrbench.tasks.evaluate import evaluate_task

    evaluate_task(config, options.backends, _dataset(config, options), RUNS)


def report(config: Config, options: argparse.Namespace) -> None:
    """put the backends side by side in reports/<name>/"""
    from cxrbench.tasks.report import report_task

    report_task(config, options.backends, RUNS, REPORTS, options.name)


def _parser() -> argparse.ArgumentParser:
    about = f"{cxrbench.__doc__} Stages, in their order:"
    parser = argparse.ArgumentParser(prog="python -m cxrbench", description=about)
    parser.add_argument("--version", action="version", version=f"cxrbench {cxrbench.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    added = {}
    for task in (prepare, train, sample, bench, evaluate, report):
        added[task] = command = commands.add_parser(task.__name__, help=task.__doc__, description=task.__doc__)
        command.set_defaults(run=task)
        command.add_argument(
            "--config", default="quick", metavar="FILE", help="a TOML file, or the name of one in configs/ (quick)"
        )
        command.add_argument(
            "--set", action="append", metavar="KEY=VALUE", help="one setting, such as train.epochs=3; may be repeated"
        )
        command.add_argument(
            "--data-dir",
            type=Path,
            metavar="DIR",
            help="the images of the sources nih and folder; tasks that read none take it too, so that one line of "
            "options serves several",
        )
    for task in (train, evaluate):
        added[task].add_argument(
            "--dataset", type=Path, metavar="FOLDER", help="what prepare wrote, where the source images are not at hand"
        )
    for task in (train, sample, bench):
        added[task].add_argument(
            "--backend", choices=BACKENDS, help="KERAS_BACKEND, or the only one that is installed, without it"
        )
    for task in (evaluate, report):
        added[task].add_argument(
            "--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS), help="all three without it"
        )
    added[prepare].add_argument("--workers", type=int, metavar="N", help="processes; one per core without it")
    added[train].add_argument("--fresh", action="store_true", help="delete an earlier run of this name and train anew")
    added[report].add_argument("--name", help="the folder under reports/; the configuration's name without it")
    return parser
