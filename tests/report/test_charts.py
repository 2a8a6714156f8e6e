"""Live charts: their numbers are those of the results, and a still picture stands in where scripts are off."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from cxrbench.report.charts import script
from cxrbench.report.speed_charts import speed_charts
from cxrbench.report.training_charts import training_charts
from cxrbench.report.wording import BACKENDS, backend_and_variant


def rows(chart):
    """All rows that have a value; Altair keeps data that all layers share apart from them."""
    shared = chart.spec.get("data", {}).get("values", [])
    own = [row for layer in chart.spec["layer"] for row in layer.get("data", {}).get("values", [])]
    return [row for row in [*shared, *own] if "value" in row]


def losses(backends=("jax", "torch")):
    columns = [("step", float), *((name, float) for name in ("d_loss", "g_loss", "d_real", "d_fake"))]
    found = {}
    for number, backend in enumerate(backends):
        found[backend] = np.zeros(400, dtype=columns)
        found[backend]["step"] = np.arange(400)
        found[backend]["d_loss"] = found[backend]["g_loss"] = 1.0 + number
    return found


def test_bars_show_every_step_time_with_its_interval(results):
    charts = [one for one in speed_charts(results) if one.instead_of == "step_time.png"]
    shown = [row for one in charts for row in rows(one)]
    records = [one for one in results.records if one.metric == "step_time"]
    assert len(shown) == len(records)
    for one in records:
        label = backend_and_variant(one)
        (row, *_) = [
            r for r in shown if r["label"] == label and np.isclose(r["value"], [one.value, 1e3 * one.value]).any()
        ]
        assert np.isclose(row["low"] / row["value"], one.ci_low / one.value)
        assert np.isclose(row["high"] / row["value"], one.ci_high / one.value)


def test_an_interval_is_in_the_unit_of_its_chart(results):
    """A bar of less than a second beside one of more, both in seconds."""
    (short, long, *_), others = (
        [one for one in results.records if (one.metric == "step_time") is wanted] for wanted in (True, False)
    )
    short = short.model_copy(update={"value": 0.3, "ci_low": 0.25, "ci_high": 0.35})
    long = long.model_copy(update={"value": 2.0, "ci_low": 1.5, "ci_high": 2.5})
    charts = speed_charts(results.model_copy(update={"records": [*others, short, long]}))
    shown = [row for one in charts if one.instead_of == "step_time.png" for row in rows(one)]
    assert [(row["text"], row["interval"]) for row in shown] == [
        ("0.300 s", "0.250 to 0.350"), ("2.00 s", "1.50 to 2.50")
    ]  # fmt: skip


def test_every_backend_can_be_hidden_in_every_layer(results):
    for one in [*speed_charts(results), *training_charts(results, losses())]:
        names = {own["name"] for own in one.spec["params"] if own.get("bind", {}).get("input") == "checkbox"}
        assert len(names) > 1
        shared = one.spec.get("data", {}).get("values", [{}])
        for layer in one.spec["layer"]:
            if "backend" in layer.get("data", {}).get("values", shared)[0]:
                hides = json.dumps(layer["transform"])
                assert all(f"datum.backend === '{BACKENDS[name]}' && !{name}" in hides for name in names), one.part


def test_losses_and_courses_are_drawn_of_what_was_trained(results):
    found = list(training_charts(results, losses()))
    assert [one.instead_of for one in found[:4]] == ["d_loss.png", "g_loss.png", "d_real.png", "d_fake.png"]
    assert all(one.part == "losses" for one in found[:4]) and not any(one.part == "losses" for one in found[4:])
    assert {(row["backend"], row["value"]) for row in rows(found[0])} == {("JAX", 1.0), ("PyTorch", 2.0)}
    course = next(one for one in found if one.part == "course")
    wanted = {point.figures["kid_inception"].value for one in results.courses for point in one.course.points}
    assert {row["value"] for row in rows(course)} == wanted
    bare = results.model_copy(update={"courses": []})
    assert list(training_charts(bare, {})) == [] == list(training_charts(bare, {"jax": losses()["jax"][:0]}))


def test_losses_that_fall_to_zero_and_below_are_on_a_linear_axis(results):
    found = losses()
    found["jax"]["g_loss"][200:] = -1.0
    axes = {
        one.instead_of: json.dumps(one.spec["layer"][0]["encoding"]["y"]) for one in training_charts(results, found)
    }
    logarithmic = {name for name, axis in axes.items() if '"log"' in axis}
    assert logarithmic == {"d_loss.png"} and {"g_loss.png", "d_real.png", "d_fake.png"} <= set(axes)


def test_a_still_picture_is_an_svg_with_the_numbers(results):
    (first, *_) = speed_charts(results)
    assert ElementTree.fromstring(first.still).tag.endswith("svg")
    assert "JAX (native-jit)" in first.still


def test_a_still_picture_is_without_what_only_a_mouse_shows(results):
    loss = next(one for one in training_charts(results, losses()) if one.part == "losses")
    assert len(loss.still) < 40_000  # 400 hidden points would make it five times as large
    assert loss.still.count('stroke-width="1.8"') == 2


def test_the_script_loads_nothing_and_its_end_cannot_come_early(report):
    page = (report / "index.html").read_text()
    assert "</script" not in script()
    specs = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert len(specs) == page.count('class="chart"') == page.count("<noscript>") > 4
    assert all("layer" in json.loads(spec) for spec in specs)


@pytest.mark.parametrize("name", ["step_time.png", "d_loss.png", "course.png"])
def test_the_markdown_twin_keeps_its_figures(report, name):
    assert f"({name})" in (report / "report.md").read_text() or f'"{name}"' in (report / "report.md").read_text()
    assert (report / name).exists()
