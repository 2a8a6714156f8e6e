"""The data pipeline is measured: its page says what was found, and of which images."""

import pytest

from cxrbench.configfile import load_config
from cxrbench.errors import CxrbenchError, RunError
from cxrbench.measure.pipeline import reading
from cxrbench.report.pipeline import Pipeline
from cxrbench.report.results import read
from cxrbench.report.wording import number
from cxrbench.tasks import pipeline
from tests.data.sources import write_nih


def test_reading_is_measured_cold_and_warm_and_its_file_has_the_size_of_the_set(tmp_path):
    found = reading(tmp_path / "images.npy", 300, 16, 8, seconds=0.2, step_time=0.02)
    assert found.file_bytes == 300 * 16 * 16 + 128
    assert found.cold > 100 and found.warm > 100
    assert 0 <= found.waiting < 0.5
    assert abs(found.growth) < 50 * 2**20


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in (("SMALL", 2), ("LARGE", 6), ("SECONDS", 0.2), ("STEP_TIME", 0.02)):
        monkeypatch.setattr(pipeline, name, value)


def test_the_page_tells_rates_memory_and_the_time_of_the_whole_set(tmp_path, small):
    source = write_nih(tmp_path / "nih", archives=True)
    config = load_config("nih64", ["data.image_size=16", "train.batch_size=2"])
    pipeline.pipeline_task(config, source, tmp_path / "reports", count=300)
    found = read(tmp_path / "reports" / "pipeline.json", Pipeline)
    assert found.decoding.images == 6 and 0 < found.decoding.decode < found.decoding.prepare < 1
    assert [one.images for one in found.preparing] == [2, 6]
    assert all(one.peak_memory > 10 * 2**20 and one.seconds > 0 for one in found.preparing)
    text = (tmp_path / "reports" / "pipeline.md").read_text()
    share = 100 * found.decoding.decode / found.decoding.prepare
    assert f"preparing reaches {number(share)} % of the bound" in " ".join(text.split())
    per_core = 6 / found.preparing[1].seconds / found.origin.machine["cores"]
    packed = f"{number(per_core)} per second and core, {number(100 * found.decoding.decode * per_core)} % of that bound"
    assert packed in " ".join(text.split())
    assert "A file of 300 images" in text and "NIH Clinical Center" in text and str(tmp_path) not in text
    assert f"{number(6 / found.preparing[1].seconds)}" in text


def test_a_preparation_that_fails_is_said(tmp_path, small):
    source = write_nih(tmp_path / "nih")
    config = load_config("nih64", ["data.image_size=16", "train.batch_size=2", 'data.views=["XX"]'])
    with pytest.raises(CxrbenchError, match='no image of .* has "XX"'):
        pipeline.pipeline_task(config, source, tmp_path / "reports", count=300)


def test_an_experiment_of_other_images_is_refused(tmp_path):
    with pytest.raises(RunError, match='quick: pipeline measures NIH images; .*data.source = "nih"'):
        pipeline.pipeline_task(load_config("quick"), tmp_path, tmp_path / "reports")
