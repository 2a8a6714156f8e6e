"""The figure of the proof, by what it draws."""

import contextlib

import numpy as np
import pytest
from PIL import Image

from cxrbench.errors import RunError
from cxrbench.folders import parity_folder
from cxrbench.parity.evidence import Evidence, save_evidence
from cxrbench.parity.result import Parity
from cxrbench.parity.twin import twin_fingerprint
from cxrbench.report.parity_figure import FLOOR, NEVER, parity_figure
from cxrbench.tasks.parity import parity_task
from tests.parity.fabricate import BACKENDS as TWO
from tests.parity.fabricate import SEED, agreeing
from tests.report.fabricate import BACKENDS, parity_json, small_config, witness

CONFIG = small_config()


def drawn(**changes):
    parity = Parity.model_validate(parity_json(CONFIG, **changes))
    return parity, parity_figure(parity).axes


def texts(axes):
    return " | ".join(text.get_text() for text in axes.texts)


def test_every_backend_is_seen_though_all_lie_on_one_another():
    parity, (above, middle, _) = drawn()
    for axes, losses in ((above, parity.curves["float32"].d_loss), (middle, parity.curves["float32"].g_loss)):
        assert [list(line.get_ydata()) for line in axes.lines] == [losses[backend] for backend in BACKENDS]
        assert len({str(line.get_linestyle()) + str(line._unscaled_dash_pattern) for line in axes.lines}) == 3
        widths = [line.get_linewidth() for line in axes.lines]
        assert widths == sorted(widths, reverse=True) and len(set(widths)) == 3


def test_differences_of_nothing_are_drawn_and_said():
    parity, (_, _, below) = drawn()
    lines = {line.get_label(): line for line in below.lines}
    for precision in ("float32", "float64"):
        values = np.array(parity.curves[precision].difference)
        assert (values == 0).any()
        np.testing.assert_array_equal(lines[precision].get_ydata(), np.maximum(values, FLOOR))
    low, high = below.get_ylim()
    assert low < FLOOR and high > 1 and below.get_yscale() == "log"
    assert "exactly 0 is drawn at 1e-17" in below.get_xlabel()


def test_bounds_and_epsilons_are_marked():
    _, (_, _, below) = drawn()
    bounds = [line for line in below.lines if line.get_label() == "_bound"]
    assert [(list(line.get_xdata()), line.get_ydata()[0]) for line in bounds] == [([0, 9], 1e-4), ([0, 99], 1e-8)]
    levels = {float(line.get_ydata()[0]) for line in below.lines if len(set(line.get_ydata())) == 1}
    assert {2.0**-23, 2.0**-52} <= levels
    assert all(name in texts(below) for name in ("bound float32", "bound float64", "ε float32", "ε float64"))


@pytest.mark.parametrize("step", [5, 60])
def test_the_step_of_chaos_is_marked(step):
    _, (_, _, below) = drawn(chaotic_from=step)
    mark = next(line for line in below.lines if line.get_label() == "_chaos")
    assert set(mark.get_xdata()) == {step} and f"chaotic from step {step}" in texts(below)


def test_no_chaos_is_said():
    _, (_, _, below) = drawn(chaotic_from=None)
    assert NEVER in texts(below) and not any(line.get_label() == "_chaos" for line in below.lines)


@pytest.mark.parametrize("chaotic_from", [3, 49, 51, 97, None])
def test_no_label_lies_on_another(chaotic_from):
    parity = Parity.model_validate(parity_json(CONFIG, chaotic_from=chaotic_from))
    figure = parity_figure(parity)
    figure.draw_without_rendering()
    below = figure.axes[2]
    labels = [*below.texts, below.get_legend(), below.xaxis.label, *figure.legends]
    labels += [axes._left_title for axes in figure.axes]
    boxes = [label.get_window_extent() for label in labels]
    for place, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width, labels[place]
        assert not any(box.overlaps(other) for other in boxes[:place]), labels[place]


@pytest.mark.parametrize("failing", [False, True])
def test_the_comparison_leaves_its_figure(failing, tmp_path):
    config = small_config(train_seed=str(SEED))
    folder = parity_folder(config, tmp_path)
    witnesses = [witness(backend) for backend in TWO]
    for stage, several in zip(("record", "exchange"), agreeing(), strict=True):
        for (backend, evidence), seen in zip(several.items(), witnesses, strict=True):
            facts = evidence.facts | {
                "backend": backend,
                "twin_fingerprint": twin_fingerprint(config),
                "data_fingerprint": "phantoms",
                "witness": seen | {"versions": {"keras": "3.15.1"}},
            }
            if failing and backend == "torch" and stage == "record":
                evidence.arrays["float64/ours/losses"][4] += 1
            save_evidence(folder.evidence(stage, backend), Evidence(facts, evidence.arrays))
    with pytest.raises(RunError, match="do not hold") if failing else contextlib.nullcontext():
        parity_task(config, list(TWO), tmp_path)
    with Image.open(folder.figure) as image:
        assert image.width > 700 and image.height > image.width
