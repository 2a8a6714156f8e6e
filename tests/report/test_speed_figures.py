"""What the figures of the benchmark draw: every process, each setting by itself, and a drift where there is one."""

import numpy as np
import pytest

from cxrbench.report.growth_figures import growth
from cxrbench.report.results import Results
from cxrbench.report.speed_figures import bars, order
from tests.report.fabricate import small_config
from tests.report.fabricate_bench import DRIFT, benchmarked, record, settings, step_time

CONFIG = small_config()


@pytest.fixture
def results() -> Results:
    return Results.model_validate(benchmarked(CONFIG))


def of(*records) -> Results:
    return Results.model_validate(benchmarked(CONFIG) | {"records": list(records), "processes": []})


def test_each_setting_has_a_panel_with_a_dot_per_process(results):
    panels = bars(results, "step_time").axes
    assert [axes.get_title(loc="left").splitlines()[1] for axes in panels] == [
        "cpu, float32, 32x32 images, batch 16", "cpu, float32, 64x64 images, batch 4"
    ]  # fmt: skip
    for axes, at in zip(panels, settings(CONFIG), strict=True):
        assert len(axes.patches) == 12
        drawn = axes.patches[0].get_width()
        assert drawn == pytest.approx(1e3 * step_time(at, CONFIG, "jax", "ours"))
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert len(dots) == 12 and sorted(dots[0].get_xdata()) == pytest.approx(sorted(drawn * np.array(DRIFT)))
        assert all(line.get_xdata().max() < axes.get_xlim()[1] for line in dots)


def test_ours_is_told_from_the_others_of_its_colour(results):
    own, stock, native = bars(results, "step_time").axes[0].patches[:3]
    assert own.get_facecolor()[:3] == stock.get_facecolor()[:3] == native.get_facecolor()[:3]
    assert own.get_alpha() > stock.get_alpha() and len({one.get_hatch() for one in (own, stock, native)}) == 3


def test_a_figure_of_an_earlier_report_has_one_panel_and_no_dots():
    figure = bars(of(record(CONFIG, "jax", "step_time", 0.1, ci_low=0.09, ci_high=0.12)), "step_time")
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "Time per training step"
    assert not [line for line in axes.lines if line.get_marker() == "o"]
    assert bars(of(), "step_time") is None


def test_the_order_of_running_shows_a_drift(results):
    drawn = {}
    for container in order(results).axes[0].containers:
        drawn |= dict(zip(container.lines[0].get_xdata(), container.lines[0].get_ydata(), strict=True))
    assert len(drawn) == 2 * 12 * 5
    ours = [one for one in results.processes if (one.backend, one.variant) == ("jax", "ours")]
    for one in ours:  # each setting against its own median
        assert drawn[one.place + 1] == pytest.approx(100 * (DRIFT[one.repeat] - 1), abs=1e-6)
    assert order(of()) is None


def sweep(*sizes, metric="step_time", backend="jax"):
    return [record(CONFIG, backend, metric, 0.1 * b, image_size=s, batch_size=b) for s, b in sizes]


@pytest.mark.parametrize(
    ("sizes", "labels"),
    [
        ([(32, 8)], []),
        ([(32, 8), (64, 8)], ["image size"]),
        ([(32, 8), (32, 16)], ["batch size"]),
        ([(32, 8), (64, 8), (32, 16)], ["image size", "batch size"]),
        ([(32, 16), (64, 4)], ["image and batch size"]),
    ],
)
def test_growth_is_drawn_along_what_was_swept(sizes, labels):
    figure = growth(of(*sweep(*sizes)), "step_time")
    assert [axes.get_xlabel() for axes in figure.axes] == labels if labels else figure is None


def test_time_grows_per_image_and_memory_as_it_is():
    sizes = [(32, 8), (32, 16), (32, 32)]
    (line,) = growth(of(*sweep(*sizes)), "step_time").axes[0].lines
    assert line.get_xdata().tolist() == [8, 16, 32]
    assert line.get_ydata() == pytest.approx([100.0, 100.0, 100.0])  # ms per image
    memory = [one | {"value": 2.0**30 * one["batch_size"]} for one in sweep(*sizes, metric="peak_host_memory")]
    axes = growth(of(*memory), "peak_host_memory").axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx([8.0, 16.0, 32.0])
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_ylabel()) == ("log", "log", "GiB")


def test_a_line_never_joins_what_differs_in_more_than_its_axis():
    grid = sweep((32, 8), (64, 8), (32, 16), (64, 16)) + sweep((32, 8), (64, 8), backend="torch")
    size, batch = growth(of(*grid), "step_time").axes
    assert len(size.lines) == 3 and len(batch.lines) == 2
    assert all(len(line.get_xdata()) == 2 for line in (*size.lines, *batch.lines))
