"""The profile as a user meets it: a trace, a table in a file, and the same table printed."""

import gzip
import json
import re

import keras
import pytest

from cxrbench.measure.operations import KINDS
from cxrbench.tasks.profile import TOP, profile_task
from tests.gan.small import small_config

pytestmark = pytest.mark.engine


def test_profile_writes_a_trace_and_a_table_and_prints_it(tmp_path, capsys):
    config = small_config()
    run = profile_task(config, keras.backend.backend(), tmp_path)
    printed = capsys.readouterr().out

    folder = run.path / "profile"
    with gzip.open(folder / "trace.json.gz", "rt", encoding="utf-8") as stream:
        assert any(event["ph"] == "X" for event in json.load(stream)["traceEvents"])
    found = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    assert found["training_fingerprint"] == config.training_fingerprint
    assert found["engine"]["engine"].startswith(keras.backend.backend())
    assert [row["name"] for row in found["kinds"]] == list(KINDS)
    assert sum(row["share"] for row in found["kinds"]) == pytest.approx(1)
    whole = found["seconds_per_step"] * found["threads"]
    assert sum(row["seconds"] for row in found["kinds"]) == pytest.approx(whole)
    seconds = [row["seconds"] for row in found["operations"]]
    assert seconds == sorted(seconds, reverse=True)

    lines = [line for line in printed.splitlines() if re.match(r" *-?\d+\.\d%", line)]
    assert len(lines) == len(KINDS) + TOP
    assert [line.split(maxsplit=3)[3] for line in lines[: len(KINDS)]] == list(KINDS)
    top = found["operations"][0]
    assert lines[len(KINDS)].endswith(f"({top['kind']})")
    assert f"{top['share']:.1%}" in lines[len(KINDS)]
    assert printed.index("compiling") < printed.index("tracing") < printed.index("share")
