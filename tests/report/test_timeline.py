"""Epoch by epoch: the same latents of all backends at epochs that all have, and a slider that moves them together."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from cxrbench.folders import run_folder
from cxrbench.report.gather import gather
from cxrbench.report.results import ReportError
from cxrbench.report.timeline import timelines
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS


@pytest.fixture
def sides(config, runs):
    def read():
        return gather(config, BACKENDS, runs, "smoke")[1]

    return read


def test_frames_are_of_the_epochs_that_all_backends_have(sides, config, runs):
    found = timelines(sides())
    assert [one.backend for one in found] == list(BACKENDS)
    assert all([frame.epoch for frame in one.frames] == [1, 2] == one.strip_epochs for one in found)
    run_folder(config, "torch", runs).drawn(2).unlink()
    assert timelines(sides()) == []  # one epoch in common moves nothing


def test_a_frame_shows_16_latents_as_they_were_drawn(sides, config, runs):
    drawn = np.load(run_folder(config, "jax", runs).drawn(2))
    frame = timelines(sides())[0].frames[1]
    np.testing.assert_array_equal(frame.picture[:32, 34:66], drawn[1])
    assert frame.picture.shape == (4 * 34 - 2, 4 * 34 - 2)
    data = base64.b64decode(frame.embedded.partition("base64,")[2])
    with Image.open(io.BytesIO(data)) as seen:
        assert seen.format == "WEBP" and seen.size == (134, 134)
        apart = np.asarray(seen.convert("L")).astype(int) - frame.picture
    assert np.abs(apart).mean() < 6  # gray levels


def test_a_strip_has_a_row_per_epoch(sides, config, runs):
    drawn = [np.load(run_folder(config, "jax", runs).drawn(epoch)) for epoch in (1, 2)]
    strip = timelines(sides())[0].strip
    assert strip.shape == (2 * 34 - 2, 8 * 34 - 2)
    np.testing.assert_array_equal(strip[:32, :32], drawn[0][0])
    np.testing.assert_array_equal(strip[34:, 34:66], drawn[1][1])


def test_the_page_has_one_slider_for_all_and_shows_the_last_epoch_without_scripts(report):
    page = (report / "index.html").read_text()
    assert page.count("data-epochs hidden") == 1 and 'data-labels="1,2"' in page
    assert page.count('data-frame="0" hidden>') == page.count('data-frame="1">') == len(BACKENDS)
    below = page.partition("<summary>Some epochs one below the other</summary>")[2].partition("</details>")[0]
    assert all(f"{name}, synthetic: the same latents after epochs 1 and 2" in below for name in ("JAX", "TensorFlow"))
    assert (report / "epochs-jax.png").exists() and "after epochs 1 and 2" in (report / "report.md").read_text()


def test_a_report_of_runs_that_kept_no_images_has_no_slider(config, runs, tmp_path):
    for backend in BACKENDS:
        run_folder(config, backend, runs).progress.unlink()
    page = (report_task(config, BACKENDS, runs, tmp_path / "reports") / "index.html").read_text()
    assert "data-epochs hidden" not in page and 'id="epochs"' not in page


def test_a_damaged_file_is_named_with_the_way_out(sides, config, runs):
    file = run_folder(config, "torch", runs).drawn(1)
    file.write_bytes(b"not an array")
    with pytest.raises(ReportError, match="epoch-00001.npy: damaged .*; delete it"):
        timelines(sides())
