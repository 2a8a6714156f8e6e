"""The command runs with the allocator's settings, and with a user's own where there are any."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from cxrbench.allocator import OWN_SETTINGS, TUNABLES

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are those of glibc")


SCRIPT = Path(sys.executable).parent / "cxrbench"


def starts(folder, *command, **own):
    """What GLIBC_TUNABLES was at each start of one command."""
    seen = folder / "seen"
    (folder / "sitecustomize.py").write_text(
        f"import os\nwith open({str(seen)!r}, 'a') as f:\n    f.write(os.environ.get('GLIBC_TUNABLES', '') + '\\n')\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    paths = os.pathsep.join([str(folder), *sys.path])
    command = [*(command or (sys.executable, "-m", "cxrbench")), "--version"]
    finished = subprocess.run(
        command, env=kept | {"PYTHONPATH": paths} | own, capture_output=True, text=True, check=True
    )
    assert finished.stdout.startswith("cxrbench ")
    return seen.read_text().splitlines()


@pytest.mark.parametrize("command", [(), (str(SCRIPT),)], ids=["module", "script"])
def test_a_command_starts_again_with_the_settings(tmp_path, command):
    before, after = starts(tmp_path, *command)
    assert before == ""
    assert after.split(":") == [f"{name}={value}" for name, value in TUNABLES.items()]


def test_the_c_library_takes_the_settings():
    """It passes over what it does not know without a word."""
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    if not loader.exists():
        pytest.skip(f"{loader} is not the loader here")
    names = subprocess.run([loader, "--list-tunables"], capture_output=True, text=True, check=False)
    if names.returncode:
        pytest.skip("this loader does not list its tunables")
    assert TUNABLES.keys() <= {line.partition(":")[0] for line in names.stdout.splitlines()}


def test_a_users_own_allocator_is_left_alone(tmp_path):
    assert starts(tmp_path, GLIBC_TUNABLES="glibc.malloc.arena_max=4") == ["glibc.malloc.arena_max=4"]
    (tmp_path / "seen").unlink()
    assert starts(tmp_path, MALLOC_ARENA_MAX="2") == [""]
