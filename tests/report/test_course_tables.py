"""The table of the time to quality: between which points it lies, of how many images, and with what energy."""

import pytest

from cxrbench.report.course_tables import time_to_quality
from cxrbench.report.results import Record
from tests.report.fabricate import record
from tests.report.fabricate_bench import MACHINE
from tests.report.test_courses import training, with_courses
from tests.report.test_seeds import with_seed_runs

OTHER_MACHINE = {"machine": MACHINE | {"cpu": "Other"}}


def energy(config, joules, **changes):
    """What the benchmark measured on JAX per 1,000 images, in batches as large as those of ``training``."""
    return Record.model_validate(record(config, "jax", "energy", joules, batch_size=32, **changes))


def with_energy(results, *records):
    return results.model_copy(update={"records": [*records, *results.records]})


def with_run(results, **changes):
    """A report whose training on JAX was another."""
    runs = results.manifest.runs | {"jax": results.manifest.runs["jax"].model_copy(update=changes)}
    return results.model_copy(update={"manifest": results.manifest.model_copy(update={"runs": runs})})


def energies(results):
    return [(row[3].text, row[3].small) for row in time_to_quality(results).rows]


def test_a_row_tells_when_the_aim_was_reached_or_how_long_it_was_not(results):
    table = time_to_quality(
        with_courses(
            results,
            training("jax", 0.3, 0.05, 0.04),
            training("torch", 0.3, 0.07, 0.08),
            training("jax", 0.1, 0.2, seed=1, main=False),
            training("tensorflow", 0.06, 0.1),
        )
    )
    rows = [[(cell.text, cell.small) for cell in row] for row in table.rows]
    assert rows[0][:3] == [
        ("JAX", "seed 0"),
        ("2 min 0 s", "epoch 2; above it at epoch 1, 1 min 0 s"),
        ("3,200", ""),
    ]
    assert rows[1][:3] == [
        ("PyTorch", ""),
        ("not reached", "by epoch 3, 3 min 0 s"),
        ("4,800", "at its last point"),
    ]
    assert rows[2][:3] == [
        ("JAX", "seed 1"),
        ("not reached", "by epoch 2, 2 min 0 s"),
        ("3,200", "at its last point"),
    ]
    assert rows[3][:3] == [("TensorFlow", ""), ("1 min 0 s", "epoch 1, the first point"), ("1,600", "")]
    assert [row[4] for row in rows[:2]] == [("0.0400", "epoch 3, 3 min 0 s"), ("0.0700", "epoch 2, 2 min 0 s")]
    assert "0.0600" in table.columns[1].text


def test_energy_is_extrapolated_from_the_benchmark_of_just_this_step(config, results):
    """500 J per 1,000 images are 1,600 J for 3,200 images, and 2,400 J for 4,800."""
    made = with_courses(
        with_seed_runs(results, {}),
        training("jax", 0.3, 0.05),
        training("jax", 0.3, 0.2, 0.1, seed=1, main=False),
        training("torch", 0.3, 0.05),
    )
    measured = with_energy(
        made,
        energy(config, 100.0, precision="bfloat16"),
        energy(config, 200.0, image_size=64),
        energy(config, 300.0, variant="native-jit"),
        energy(config, 400.0, device="gpu"),
        energy(config, 500.0),
    )
    assert energies(measured) == [("1,600 J", ""), ("2,400 J", "at its last point"), ("–", "")]
    assert energies(made) == [("–", "")] * 3
    assert time_to_quality(measured).columns[3].small == "extrapolated from the benchmark's energy per image"


def test_energy_of_tf32_is_that_of_the_benchmark_in_tf32(config, results):
    """700 J per 1,000 images are 2,240 J for 3,200."""
    settings = results.manifest.config | {"compute": results.manifest.config["compute"] | {"tf32": True}}
    made = with_courses(results, training("jax", 0.3, 0.05))
    made = made.model_copy(update={"manifest": made.manifest.model_copy(update={"config": settings})})
    both = (energy(config, 500.0), energy(config, 700.0, precision="tf32"))
    assert energies(with_energy(made, *both)) == [("2,240 J", "")]


@pytest.mark.parametrize("changes", [OTHER_MACHINE, {"device": "gpu"}, {"precision": "bfloat16"}])
def test_energy_of_another_machine_device_or_precision_is_not_told(changes, config, results):
    made = with_energy(with_courses(results, training("jax", 0.3, 0.05)), energy(config, 500.0))
    assert energies(with_run(made, **changes)) == [("–", "")]


def test_energy_of_a_seed_is_told_only_where_it_is_known_to_have_run_on_the_benchmarks_machine(config, results):
    made = with_energy(
        with_courses(results, training("jax", 0.3, 0.05), training("jax", 0.3, 0.05, seed=1, main=False)),
        energy(config, 500.0),
    )
    for one in (made, with_seed_runs(made, OTHER_MACHINE)):
        assert energies(one) == [("1,600 J", ""), ("–", "")]
    assert energies(with_seed_runs(made, {})) == [("1,600 J", ""), ("1,600 J", "")]
