"""The list of sessions: each has steps and seconds of its own, and a run that goes on keeps those of its steps."""

import pytest

from cxrbench.tasks.sessions import opened, reached, restored

HERE = {
    "started": "2026-01-02T03:04:05+00:00",
    "backend": "jax",
    "commit": "0" * 40,
    "clean": True,
    "device": "cpu",
    "machine": {"cpu": "Imaginary CPU 3000", "vectors": "AVX2", "cores": 2, "gpu": None, "memory_bytes": 8 * 2**30},
}
THERE = HERE | {"commit": "f" * 40, "device": "gpu"}
FIRST = reached([opened(0, HERE)], 8, 10.0)
BOTH = reached([*FIRST, opened(8, THERE)], 16, 25.0)
JUST_BEGUN = [*FIRST, opened(8, THERE)]


def summed(sessions):
    return [(one["first_step"], one["steps"], one["seconds"], one["commit"]) for one in sessions]


HERE_WHOLE = (0, 8, 10.0, HERE["commit"])


def test_an_entry_says_where_and_with_what_by_the_hardware_alone():
    assert FIRST == [
        {
            "first_step": 0,
            "steps": 8,
            "seconds": 10.0,
            "started": "2026-01-02T03:04:05+00:00",
            "backend": "jax",
            "commit": "0" * 40,
            "clean": True,
            "device": "cpu",
            "machine": {"cpu": "Imaginary CPU 3000", "vectors": "AVX2", "cores": 2, "gpu": None},
        }
    ]


def test_a_session_has_its_own_seconds_of_those_of_the_run():
    assert summed(BOTH) == [HERE_WHOLE, (8, 16, 15.0, THERE["commit"])]
    assert summed(reached(BOTH, 24, 41.25))[1:] == [(8, 24, 31.25, THERE["commit"])]


@pytest.mark.parametrize(
    ("sessions", "step", "seconds", "kept"),
    [
        (BOTH, 16, 25.0, [HERE_WHOLE, (8, 16, 15.0, THERE["commit"])]),
        (BOTH, 12, 18.0, [HERE_WHOLE, (8, 12, 8.0, THERE["commit"])]),  # the newest checkpoint was torn
        (BOTH, 8, 10.0, [HERE_WHOLE]),  # as were all of the second session
        (BOTH, 5, 6.0, [(0, 5, 6.0, HERE["commit"])]),
        (JUST_BEGUN, 16, 25.0, [HERE_WHOLE, (8, 16, 15.0, THERE["commit"])]),  # a kill just after its first checkpoint
        (JUST_BEGUN, 8, 10.0, [HERE_WHOLE]),  # and one before it
    ],
)
def test_what_goes_on_are_the_sessions_of_the_steps_that_are_left(sessions, step, seconds, kept):
    assert summed(restored({"sessions": sessions}, step, seconds)) == kept


def test_a_manifest_of_an_earlier_version_is_one_session():
    assert restored(HERE | {"steps": 8, "train_seconds": 10.0}, 8, 10.0) == FIRST


def test_without_a_manifest_nothing_is_made_up():
    (only,) = restored({}, 8, 10.0)
    assert (only["first_step"], only["steps"], only["seconds"]) == (0, 8, 10.0)
    assert {only[key] for key in ("started", "backend", "commit", "clean", "device")} == {None}
    assert set(only["machine"].values()) == {None}
