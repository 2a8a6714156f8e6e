"""Which process trained which steps of a run: the list ``sessions`` of ``run.json``, which is kept when a run goes on.

An entry says from which step a process trained, how far it is saved, how many seconds of training that took, when it
began, and where and with what it ran. Each begins at the step at which the one before it ended. An entry is there from
the start of its process, so that a checkpoint that was written just before a kill has one to belong to; if the process
left no step, the entry is dropped when the run goes on. ``cxrbench.report.sessions`` has its schema.
"""

from __future__ import annotations

from typing import Any

from cxrbench.measure.machine import HARDWARE

Session = dict[str, Any]
FACTS = ("started", "backend", "commit", "clean", "device")


def opened(first_step: int, facts: dict[str, Any]) -> Session:
    """The entry of a process that has trained nothing yet; ``facts`` has the keys of a manifest, or None for some."""
    hardware = {key: facts.get("machine", {}).get(key) for key in HARDWARE}
    told = {key: facts.get(key) for key in FACTS}
    return {"first_step": first_step, "steps": first_step, "seconds": 0.0, **told, "machine": hardware}


def reached(sessions: list[Session], step: int, seconds: float) -> list[Session]:
    """The same with the last one brought to ``step``; ``seconds`` are those of all, of which it gets what is left."""
    *before, last = sessions
    left = round(seconds - sum(one["seconds"] for one in before), 3)
    return [*before, last | {"steps": step, "seconds": max(0.0, left)}]  # a sum of rounded parts may leave -0.0


def restored(manifest: dict[str, Any], step: int, seconds: float) -> list[Session]:
    """The sessions of the first ``step`` steps, one or more, which took so many seconds of training.

    Later ones are dropped, as their steps are, and the last that is left ends where the checkpoint does.

    Args:
        manifest: of the run before it goes on. One of an earlier version tells of its last process alone, which is
            taken for all of them; an empty one, for a run without a manifest, of none: then all facts are None.
    """
    sessions = manifest.get("sessions", [opened(0, manifest)])
    return reached([one for one in sessions if one["first_step"] < step], step, seconds)
