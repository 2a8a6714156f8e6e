"""The benchmark's tables: one row per backend and variant, grouped by setting, with the figures of the records."""

import pytest

from cxrbench.config import OFF
from cxrbench.measure.work import training_step
from cxrbench.report import bench_tables, limit_tables
from cxrbench.report.results import Record, Results
from cxrbench.report.wording import interval, quantity, size, with_interval
from tests.report.fabricate import small_config
from tests.report.fabricate_bench import BACKENDS, VARIANTS, benchmarked, least_time, record, settings, step_time

CONFIG = small_config()
GROUPS = ["cpu, float32, 32x32 images, batch 16", "cpu, float32, 64x64 images, batch 4"]


@pytest.fixture
def results() -> Results:
    return Results.model_validate(benchmarked(CONFIG))


def grouped(table) -> dict[str, dict[str, dict[str, str]]]:
    """Text of each cell by setting, row and column."""
    found = {}
    for row in table.rows:
        if len(row) == 1:
            group = found.setdefault(row[0].text, {})
        else:
            group[row[0].text] = {head.text: cell.text for head, cell in zip(table.columns, row, strict=True)}
    return found


def test_every_variant_has_its_row_in_the_group_of_its_setting(results):
    found = grouped(bench_tables.speed(results))
    assert list(found) == GROUPS
    for at, rows in zip(settings(CONFIG), found.values(), strict=True):
        assert len(rows) == sum(len(own) for own in VARIANTS.values())
        time = step_time(at, CONFIG, "torch", "native-eager")
        row = rows["PyTorch (native-eager)"]
        assert row["Time per training step"] == f"{time * 1e3:.3g} ms"
        assert row["Share of the limit"] == f"{100 * least_time(at) / time:.2f} %"
        assert row["Ours over this"] == f"{1 / 1.6:.3f}" and rows["PyTorch"]["Ours over this"] == "–"
        assert row["Input pipeline"] == "–" and rows["PyTorch"]["Input pipeline"].endswith("images/s")


def test_each_row_says_how_its_step_was_compiled(results):
    heads = {row[0].text: row[0].small for row in bench_tables.speed(results).rows}
    assert heads["JAX"] == "XLA, one program per step" and heads["JAX (native-jit)"] == "native-jit of jax"


def test_one_setting_needs_no_groups(results):
    own = [one for one in results.records if one.image_size == CONFIG.data.image_size]
    table = bench_tables.start(results.model_copy(update={"records": own}))
    assert all(len(row) > 1 for row in table.rows)
    assert [head.text for head in table.columns] == [
        "Backend", "Import", "Build", "First step, nothing compiled before", "First sample"
    ]  # fmt: skip


def test_memory_that_shrinks_is_shown_as_it_is(results):
    rows = grouped(bench_tables.memory(results))[GROUPS[0]]
    assert rows["JAX"]["Growth of host memory"] == "-19.5 KiB/1000 steps"  # -2e4 bytes
    assert rows["JAX"]["Peak host memory"] == "1.30 GiB"


def test_energy_is_a_table_only_where_it_was_read(results):
    assert bench_tables.energy(results).rows == []
    read = Results.model_validate(benchmarked(CONFIG) | {"records": [record(CONFIG, "jax", "energy", 123.4)]})
    (row,) = bench_tables.energy(read).rows
    assert [cell.text for cell in row] == ["JAX", "123 J/1000 images"]


def test_processes_stand_in_the_order_in_which_they_ran(results):
    content = benchmarked(CONFIG)
    content["processes"][3] |= {
        "warm": False,
        "concerns": ["something ran"],
        "step_times": [0.010, 0.011, 0.012, 0.016],
    }
    rows = bench_tables.processes(Results.model_validate(content)).rows
    assert len(rows) == 2 * 12 * 5
    places = [int(row[0].text) for row in rows]
    assert places == sorted(places) and places[0] == 7  # after the limits of three backends in two settings
    (odd,) = [row for row in rows if row[4].small == "not warm"]
    assert [odd[6].text, odd[7].text, odd[8].text] == ["11.5 ms", "2.25 ms", "something ran"]
    assert odd[1].text == "JAX" and odd[3].text == "4"


def test_the_best_rate_of_the_machine_may_be_of_any_backend(results):
    found = grouped(limit_tables.rates(results))
    assert list(found) == GROUPS
    best = found[GROUPS[0]]["The machine's best"]
    assert best["Convolution"] == "60.0 GFLOP/s" and best["Matrix product"] == "90.0 GFLOP/s"
    assert best["Copy"] == f"{10e9 / 2**30:.2f} GiB/s" and found[GROUPS[0]]["JAX"]["Copy"] == f"{9e9 / 2**30:.2f} GiB/s"


def test_the_work_of_a_step_is_that_of_its_own_setting(results):
    rows = limit_tables.steps(results).rows
    assert [row[0].text for row in rows] == GROUPS
    for at, row in zip(settings(CONFIG), rows, strict=True):
        work = training_step(at)
        assert row[1].text == f"{work.flops / 1e6:.3g} MFLOPs" and row[2].text == f"{work.bytes / 2**20:.3g} MiB"
        assert row[3].text == f"{least_time(at) * 1e3:.3g} ms"
    # The shortest step comes nearest to the limit: 0.9 of 62.1 ms, and PyTorch's 70.5 ms
    assert [row[4].text.split(" %")[0][:-5] for row in rows] == ["JAX (native-jit)", "PyTorch"]


def test_without_rates_or_known_settings_there_is_no_limit(results):
    one_kind_missing = [one for one in results.records if one.metric != "gemm_rate"]
    without = results.model_copy(update={"records": one_kind_missing})
    assert limit_tables.rates(without).rows == limit_tables.steps(without).rows == []
    earlier = results.manifest.model_copy(update={"config": {"name": "smoke", "train": {"batch_size": 16}}})
    assert limit_tables.steps(results.model_copy(update={"manifest": earlier})).rows == []
    assert len(limit_tables.rates(results).rows) == 2 * (1 + len(BACKENDS) + 1)


def test_a_report_of_before_a_setting_came_has_the_same_limit(results):
    config = {section: dict(one) if isinstance(one, dict) else one for section, one in results.manifest.config.items()}
    for section, off in OFF.items():
        for key in off:
            del config[section][key]
    del config["evaluate"]["target_kid"]
    earlier = results.manifest.model_copy(update={"config": config})
    assert limit_tables.steps(results.model_copy(update={"manifest": earlier})) == limit_tables.steps(results)


def test_an_interval_that_is_far_wider_than_its_growth_has_its_own_unit():
    wide = Record.model_validate(record(CONFIG, "jax", "memory_growth", 178e3, ci_low=0.0, ci_high=5.04e9))
    assert with_interval(wide) == "174 KiB/1000 steps (0 to 4.69 GiB/1000 steps)"


def test_a_growth_of_zero_takes_the_unit_of_its_interval():
    still = Record.model_validate(record(CONFIG, "torch", "memory_growth", 0.0, ci_low=-585_000.0, ci_high=0.0))
    assert interval(still) == "-571 to 0"
    assert quantity(still.value, still.unit, size(still)) == "0 KiB/1000 steps"
