"""What a page shows of versions: those that decide a result; and that a figure and its interval have one unit."""

import json

import pytest

from cxrbench.quality.registry import find
from cxrbench.report import origin_tables, tables
from cxrbench.report.results import Results, SeedFigures
from cxrbench.report.wording import metric_label, with_interval
from tests.report.fabricate import BACKENDS

TRAINED = {"zlib-wrapper": "1", "tensorflow_cpu": "2.21.0", "numpy": "2.4.6", "keras": "3.15.1"}


def with_versions(results: Results, trained: dict[str, str], timed: dict[str, str]) -> Results:
    content = json.loads(results.model_dump_json())
    for backend in BACKENDS:
        content["manifest"]["runs"][backend]["versions"] = trained
        content["manifest"]["benchmarks"][backend]["versions"] = timed
    return Results.model_validate(content)


def test_only_deciding_packages_are_shown_however_they_are_spelled(results):
    table = origin_tables.versions(with_versions(results, TRAINED, TRAINED))
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert shown == {"keras": ["3.15.1"] * 3, "tensorflow-cpu": ["2.21.0"] * 3, "numpy": ["2.4.6"] * 3}
    assert list(shown) == ["keras", "tensorflow-cpu", "numpy"]


def test_only_deciding_packages_differ_between_timing_and_training(results):
    def said(timed):
        table = origin_tables.timing(with_versions(results, TRAINED, timed))
        return next(row for row in table.rows if row[0].text == "Versions unlike training")[1].text

    same = {"zlib-wrapper": "2", "tensorflow-cpu": "2.21.0", "numpy": "2.4.6", "keras": "3.15.1"}
    assert said(same) == "none"
    assert said(same | {"numpy": "2.5.0"}) == "numpy 2.5.0"


@pytest.mark.parametrize("name", ["duplicates1_pixels64", "precision5_inception", "kid_inception"])
def test_a_figure_of_quality_and_its_interval_are_in_one_unit(results, name):
    some = next(one for one in results.records if one.metric == "kid_inception")
    record = some.model_copy(update={"metric": name, "unit": find(name).metric.unit, "value": 0.25})
    record = record.model_copy(update={"ci_low": 0.125, "ci_high": 0.5})
    cell = tables.figure([record])
    assert (cell.text, cell.small) == ("0.250", "0.125 to 0.500")
    assert with_interval(record) == "0.250 (0.125 to 0.500)"


def test_a_spread_tells_of_how_many_seeds_it_is_and_what_they_have_in_common(results):
    values = {"jax": {"0": 0.25, "1": 0.5, "2": 0.375}, "torch": {"0": 0.125, "1": 0.75}}
    figures = [SeedFigures(backend=one, metric="kid_inception", values=own) for one, own in values.items()]
    table = tables.quality(results.model_copy(update={"seeds": figures}))
    (spread,) = [row[-1] for row in table.rows if row[0].text == metric_label("kid_inception")]
    assert (spread.text, spread.small) == ("JAX: 0.250 to 0.500; PyTorch: 0.125 to 0.750", "2 to 3 seeds")
    assert table.columns[-1].small == "of trainings of the same settings, data and steps"
