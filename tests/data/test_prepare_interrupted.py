"""Packing that is stopped, fails, or is done twice at once: nothing is lost, and nothing half done passes for whole."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cxrbench.config import DataConfig
from cxrbench.data import packing, phantom
from cxrbench.data.dataset import Dataset
from cxrbench.errors import DataError

from .preparing import count_reads, files, quietly
from .sources import MakeConfig

MANY = 480  # drawings: enough that a process can be stopped in the middle


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_goes_on_where_it_stopped(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    config = make_config(count=MANY)
    partial, done, children = interrupted(config, tmp_path / "sets", how)
    assert 0 < done < MANY
    assert [path.name for path in (tmp_path / "sets").iterdir()] == [partial.name]
    with pytest.raises(DataError, match=r"\.partial: is not a packed data set"):
        Dataset.open(partial)
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "workers outlived their parent")

    seen = count_reads(monkeypatch, phantom)
    resumed = quietly(config, None, tmp_path / "sets")
    assert len(seen) == MANY - done
    monkeypatch.undo()
    assert files(resumed) == files(quietly(config, None, tmp_path / "whole"))
    assert not partial.exists()


def interrupted(config: DataConfig, root: Path, how: signal.Signals) -> tuple[Path, int, list[int]]:
    """Prepare in another process, stop it in the middle; the partial folder, its finished rows, its workers."""
    code = (
        "import sys, pathlib; from cxrbench.config import DataConfig; from cxrbench.data.prepare import prepare; "
        "prepare(DataConfig.model_validate_json(sys.argv[1]), None, pathlib.Path(sys.argv[2]), workers=2)"
    )
    here = Path(packing.__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, config.model_dump_json(), str(root)],
        cwd=here,
        stderr=subprocess.DEVNULL,
        # A shell starts background jobs with SIGINT ignored, and that would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: finished(root) >= 32 or process.poll() is not None, "nothing was prepared")
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = [int(child) for child in tasks.read_text().split()] if tasks.exists() else []
        os.kill(process.pid, how)
        assert process.wait(30) != 0
    finally:
        process.kill()
    (partial,) = root.glob("*.partial")
    return partial, finished(root), children


def finished(root: Path) -> int:
    return sum(np.count_nonzero(np.fromfile(file, np.uint64)) for file in root.glob("*.partial/journal.bin"))


def wait_for(condition, otherwise: str) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)


def interrupt(config: DataConfig, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after 33 phantoms were read: 32 rows, two whole chunks, are done."""
    with monkeypatch.context() as patch:
        count_reads(patch, phantom, stop_after=33)
        with pytest.raises(KeyboardInterrupt):
            quietly(config, None, root)


def test_a_row_that_was_lost_after_all_is_made_again(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(count=40)
    interrupt(config, tmp_path / "sets", monkeypatch)
    (file,) = (tmp_path / "sets").glob("*.partial/images.npy")
    content = bytearray(file.read_bytes())
    content[-40 * 1024 + 5 * 1024] ^= 255  # one pixel of row 5, as a power cut might leave it
    file.write_bytes(content)
    with monkeypatch.context() as patch:
        seen = count_reads(patch, phantom)
        resumed = quietly(config, None, tmp_path / "sets")
    assert seen == ["phantom-000005"] + [f"phantom-{index:06d}" for index in range(32, 40)]
    assert files(resumed) == files(quietly(config, None, tmp_path / "whole"))


@pytest.mark.parametrize("broken", ["images.npy", "journal.bin"])
def test_a_partial_folder_that_does_not_fit_is_begun_anew(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    config = make_config(count=40)
    interrupt(config, tmp_path / "sets", monkeypatch)
    (file,) = (tmp_path / "sets").glob(f"*.partial/{broken}")
    file.write_bytes(file.read_bytes()[:50])
    assert files(quietly(config, None, tmp_path / "sets")) == files(quietly(config, None, tmp_path / "whole"))


def test_a_worker_that_dies_is_an_error_and_not_a_wait(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(count=160)
    items = phantom.list_items(config, None).items
    with pytest.raises(DataError, match=r"a worker process died.*goes on where it stopped"):
        packing.pack(items, die, config, None, tmp_path / "images.npy", workers=2, progress=False, bad_allowed=0)


def die(item, config, data_dir):
    os._exit(9)  # as when the system kills a process for want of memory


def test_two_at_once_do_the_work_once(tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(count=60)
    seen = count_reads(monkeypatch, phantom)
    made: list[Path] = []
    threads = [threading.Thread(target=lambda: made.append(quietly(config, None, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 2 and made[0] == made[1]
    assert len(seen) == 60


def test_a_finished_set_waits_for_nobody(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(count=4)
    made = quietly(config, None, tmp_path)
    busy = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(busy, fcntl.LOCK_EX)  # another data set is being packed beside it
    found: list[Path] = []
    thread = threading.Thread(target=lambda: found.append(quietly(config, None, tmp_path)), daemon=True)
    thread.start()
    thread.join(10)
    os.close(busy)
    assert found == [made]


def test_a_full_disk_is_an_error_that_can_be_mended(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(count=20)
    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda handle, data, place: write(handle, data[:100], place))
        with pytest.raises(DataError, match=r"sets: cannot be written \(.*[Nn]o space left.*free space"):
            quietly(config, None, tmp_path / "sets")
    assert files(quietly(config, None, tmp_path / "sets")) == files(quietly(config, None, tmp_path / "whole"))
