"""Ctrl-C and SIGTERM as a question: a training ends its step and saves it before it stops."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a question that the loop asks after each step.

    A step is never cut in two; a second signal acts as usual.
    """
    asked = []

    def note(number: int, _: Any) -> None:
        asked.append(number)
        print("\nstopping after this step, and saving it; once more to leave at once", flush=True)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
