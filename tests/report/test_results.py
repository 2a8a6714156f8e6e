"""The schema: what is refused, and how it is said."""

import json

import pytest

from cxrbench.report.results import Record, ReportError, Results, read
from cxrbench.report.stages import Benchmark, Evaluation
from tests.report.fabricate import bench_json, record, small_config

CONFIG = small_config()


def refusal(tmp_path, text, schema=Benchmark) -> str:
    path = tmp_path / "bench.json"
    path.write_text(text)
    with pytest.raises(ReportError) as caught:
        read(path, schema)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message


def test_a_benchmark_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(bench_json(CONFIG, "jax")))
    read_back = read(path, Benchmark)
    assert [one.model_dump() for one in read_back.records] == bench_json(CONFIG, "jax")["records"]


def test_results_survive_a_round_trip(results, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(results.model_dump_json())
    assert read(path, Results) == results


def test_a_cut_file_is_refused(tmp_path):
    assert "not valid JSON" in refusal(tmp_path, json.dumps(bench_json(CONFIG, "jax"))[:-20])


def test_a_file_of_another_kind_is_refused(tmp_path):
    assert "not a Benchmark file of this version: versions" in refusal(tmp_path, '{"machine_info": {}}')
    assert "not a Evaluation file of this version" in refusal(tmp_path, "[1, 2]", Evaluation)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ReportError, match="nothing.json: cannot be read: No such file"):
        read(tmp_path / "nothing.json", Results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backend": "mxnet"}, "records.0.backend"),
        ({"value": float("nan")}, "records.0.value"),
        ({"value": -1.0}, "step_time is -1.0, but a measured one is above 0"),
        ({"unit": "ms"}, "step_time is in s, not in ms"),
        ({"ci_low": 0.5}, "both numbers or both null"),
        ({"ci_low": 2.0, "ci_high": 1.0}, "ci_low 2.0 is above ci_high 1.0"),
        ({"n": 0}, "records.0.n"),
        ({"speed": 1}, "records.0.speed"),
    ],
)
def test_a_bad_record_is_refused_with_its_key(tmp_path, change, said):
    content = bench_json(CONFIG, "jax")
    content["records"][0] = record(CONFIG, "jax", "step_time", 0.5) | change
    assert said in refusal(tmp_path, json.dumps(content))


@pytest.mark.parametrize("key", [key for key in Record.model_fields if key != "values"])
def test_every_field_without_a_default_is_needed(tmp_path, key):
    content = bench_json(CONFIG, "jax")
    del content["records"][0][key]
    if key in ("ci_low", "ci_high"):
        assert "both numbers or both null" in refusal(tmp_path, json.dumps(content))
    else:
        assert f"records.0.{key}" in refusal(tmp_path, json.dumps(content))


def test_a_histogram_has_256_bins(tmp_path, made):
    content = json.loads((made / "smoke" / "jax" / "evaluation.json").read_text())
    content["histograms"]["generated"].pop()
    assert "histograms.generated" in refusal(tmp_path, json.dumps(content), Evaluation)
