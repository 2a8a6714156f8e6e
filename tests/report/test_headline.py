"""The sentences, checked against numbers worked out here."""

import pytest

from cxrbench.parity.result import Parity
from cxrbench.report.headline import headline
from cxrbench.report.manifest import Manifest, Run, Timing
from cxrbench.report.results import Record, Results
from cxrbench.report.wording import difference, duration, interval, listing, number, quantity
from tests.report.fabricate import MACHINE, STEP_TIME, parity_json, record, run_json, small_config, timing

CONFIG = small_config()
HOLDING = Parity.model_validate(parity_json(CONFIG))


def results_of(*records, runs=("jax", "torch"), timed=None, **changes) -> Results:
    manifest = Manifest(
        name="test",
        created="2026-01-01T00:00:00+00:00",
        commit=None,
        clean=None,
        config=CONFIG.model_dump(mode="json"),
        config_fingerprint="0" * 16,
        data_fingerprint=None,
        attribution=None,
        command="none",
        runs={name: Run.model_validate(run_json(CONFIG, name) | changes.get(name, {})) for name in runs},
        benchmarks={name: Timing.model_validate(timing(CONFIG, name, **one)) for name, one in (timed or {}).items()},
    )
    figures = [Record.model_validate(one) for one in records]
    return Results(manifest=manifest, records=figures, not_measured=[], parity=HOLDING)


def step(backend, value, low=None, high=None, **changes):
    return record(CONFIG, backend, "step_time", value, ci_low=low, ci_high=high, **changes)


def test_the_fastest_is_named_with_the_ratio_to_the_second():
    said = headline(results_of(*(step(backend, *times) for backend, times in STEP_TIME.items())))
    assert said.answer == (
        "JAX was fastest: PyTorch's training step took 1.78 times as long (95 % interval 1.71 to 1.86)."
    )
    assert "JAX 62.1 ms (61.0 to 63.4), PyTorch 111 ms (108 to 115) and TensorFlow 124 ms (122 to 126)" in said.detail
    assert said.where == (
        "Measured on Imaginary CPU 3000, 2 cores, 8 GiB memory, Linux 6.1; cpu, float32, 32x32 images, batch 16."
    )


def test_another_winner_is_named_when_the_numbers_say_so():
    said = headline(results_of(step("jax", 0.2, 0.19, 0.21), step("torch", 0.1, 0.09, 0.11)))
    assert said.answer.startswith("PyTorch was fastest: JAX's training step took 2.00 times as long")


def test_backends_whose_intervals_allow_a_tie_are_not_ranked():
    said = headline(results_of(step("jax", 0.100, 0.095, 0.106), step("torch", 0.102, 0.098, 0.107)))
    assert "JAX and PyTorch cannot be told apart" in said.answer and "fastest" not in said.answer


def test_no_interval_no_claim_of_certainty():
    said = headline(results_of(step("jax", 0.1), step("torch", 0.3)))
    assert (
        said.answer == "JAX had the shortest training step, PyTorch took 3.00 times as long; no interval was measured."
    )


def test_one_backend_or_none():
    assert headline(results_of(step("jax", 0.1))).answer.startswith("JAX took 100 ms per training step; nothing else")
    nothing = results_of()
    proven = headline(nothing)
    assert proven.answer.endswith("bounds of parity hold. No training step was timed.")
    assert proven.where.startswith("Measured on Imaginary CPU 3000")  # that of the proof
    assert headline(nothing.model_copy(update={"parity": None})).answer == "No training step was timed."


def test_differing_machines_versions_and_unfinished_training_are_said():
    other = {"torch": {"machine": {"cpu": "Other"}, "status": "stopped", "commit": "f" * 40}}
    said = headline(results_of(step("jax", 0.1), step("torch", 0.2), **other))
    assert said.where.startswith("The machines differ") and "PyTorch on Other" in said.where
    assert said.caveats[0].startswith("Parity was shown with another version of this project than ran: PyTorch.")
    assert said.caveats[1] == "Training has not finished: PyTorch."
    assert "different versions of this project" in said.caveats[2]
    assert "trained on different machines" in said.caveats[3]
    assert headline(results_of(step("jax", 0.1), step("torch", 0.2))).caveats == []


def test_a_benchmark_unlike_its_training_is_said():
    steps = (step("jax", 0.1), step("torch", 0.2))
    same = headline(results_of(*steps, timed={"jax": {}, "torch": {}}))
    assert same.caveats == [] and same.where.startswith("Measured on Imaginary CPU 3000")
    commit = headline(results_of(*steps, timed={"jax": {}, "torch": {"commit": "f" * 40}}))
    assert commit.caveats == [
        "Parity was shown with another version of this project than ran: PyTorch. "
        "Run: nox -s parity -- --config smoke, then nox -s report -- --config smoke --name test.",
        "PyTorch: timed with another version of this project than trained.",
        "The backends ran different versions of this project; the commit of each is listed below.",
    ]
    both = {"machine": MACHINE | {"cores": 64}}
    machine = headline(results_of(*steps, timed={"jax": both, "torch": both}))
    assert machine.caveats == [
        "Parity was shown with other packages or on another machine than ran: JAX and PyTorch. "
        "Run: nox -s parity -- --config smoke, then nox -s report -- --config smoke --name test.",
        "JAX and PyTorch: timed on another machine than trained.",
    ]
    assert "64 cores" in machine.where  # the times are of the benchmark's machine, not of that of training


def test_times_of_benchmarks_on_different_machines_do_not_compare():
    timed = {"jax": {}, "torch": {"machine": MACHINE | {"cpu": "Other"}}}
    said = headline(results_of(step("jax", 0.1), step("torch", 0.2), timed=timed))
    assert said.where.startswith("The machines differ") and "PyTorch on Other" in said.where
    unlike = "Parity was shown with other packages or on another machine than ran: "
    assert said.caveats[0].startswith(f"{unlike}PyTorch.")
    assert said.caveats[1:] == ["PyTorch: timed on another machine than trained."]


def test_different_devices_are_said_and_do_not_make_two_machines():
    engine = {"engine": "jax 1", "device": "gpu", "compiled": "XLA"}
    facts = {"machine": MACHINE | {"gpu": "Some GPU"}}
    runs = {"jax": facts | {"device": "gpu"}, "torch": facts, "tensorflow": facts}
    timed = {"jax": facts | {"engine": engine}, "torch": facts, "tensorflow": facts}
    steps = (step("jax", 0.01, device="gpu"), step("torch", 0.2), step("tensorflow", 0.3))
    said = headline(results_of(*steps, runs=tuple(runs), timed=timed, **runs))
    assert said.caveats[0].startswith("Parity was shown with other packages or on another machine than ran")
    assert said.caveats[1:] == [
        "Timed on different devices (JAX on gpu, PyTorch on cpu and TensorFlow on cpu): only backends timed on one "
        "device are ranked against each other."
    ]
    assert said.where.startswith("Measured on Imaginary CPU 3000")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (0.01234, "0.0123"), (4.567, "4.57"), (99.96, "100"), (1234.5, "1,230"), (1.2e-7, "1.20e-07")],
)
def test_numbers_have_three_digits(value, said):
    assert number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (2.22e-16, "2.2e-16"), (1e-4, "1e-4"), (0.0314, "0.031"), (0.996, "1"), (1.0, "1"), (1204, "1,204")],
)
def test_differences_are_short(value, said):
    assert difference(value) == said


def test_quantities_suit_their_size():
    assert quantity(0.0621, "s") == "62.1 ms" and quantity(62.1, "s") == "62.1 s"
    assert quantity(1.5 * 2**30, "bytes") == "1.50 GiB" and quantity(2**29, "bytes") == "512 MiB"
    assert interval(Record.model_validate(step("jax", 0.99, 0.9, 1.1))) == "900 to 1,100"  # in the value's unit, ms
    assert [duration(seconds) for seconds in (4.56, 75.4, 7300)] == ["4.56 s", "1 min 15 s", "2 h 2 min"]
    assert [listing(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_the_accelerator_is_named_where_it_was_used():
    both = {"cpu": "Some CPU", "gpu": "Some GPU"}
    on_gpu = results_of(step("jax", 0.1, device="gpu"), runs=("jax",), jax={"machine": both, "device": "gpu"})
    on_cpu = results_of(step("jax", 0.1), runs=("jax",), jax={"machine": both, "device": "cpu"})
    assert "Measured on Some GPU, Some CPU;" in headline(on_gpu).where
    assert "Measured on Some CPU;" in headline(on_cpu).where
