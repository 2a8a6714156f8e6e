"""Ctrl-C and SIGTERM as a request: what runs is ended and saved before anything stops."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a question that the loop asks after each step.

    A step is never cut in two; a second signal acts as usual.
    """
    asked = []

    def note(number: int) -> None:
        asked.append(number)
        print("\nstopping after this step, and saving it; once more to leave at once", flush=True)
        as_before()

    with handled(note) as as_before:
        yield lambda: bool(asked)


@contextmanager
def handled(note: Callable[[int], None]) -> Iterator[Callable[[], None]]:
    """Have ``note`` called with the number of each SIGINT and SIGTERM; yields what makes both act as before.

    They do so in any case at the end. A program that is started meanwhile has the usual actions.
    """
    before = {number: signal.signal(number, lambda n, _: note(n)) for number in (signal.SIGINT, signal.SIGTERM)}

    def as_before() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    try:
        yield as_before
    finally:
        as_before()
