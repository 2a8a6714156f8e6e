"""Time to quality in sentences, and what is said of a backend whose curves lie apart from the others'."""

from __future__ import annotations

import math

from cxrbench.report.courses import FEWEST, LEADING, Training, along, apart, best, followed, in_common, reached
from cxrbench.report.results import Results
from cxrbench.report.wording import BACKENDS, duration, listing, metric_label, number, span


def target_kid(results: Results) -> float:
    """The KID to which times are told; infinite in a report of an earlier version, which has no courses either."""
    return math.inf if results.target_kid is None else results.target_kid


def sentences(results: Results) -> list[str]:
    """When each backend, of those that were followed, reached the quality that was asked for: one sentence or none."""
    target = target_kid(results)
    came, stayed = [], []
    for backend, own in _followed(results).items():
        if any(reached(one.course, LEADING, target) for one in own):
            came.append(f"after {_times(own, target)} of training on {_whose(backend, own, target)}")
        else:
            stayed.append(f"{_best(own)} on {_whose(backend, own, target)}")
    alone = _of_one_seed(_followed(results))
    label, aim = metric_label(LEADING), f"the aim of {number(target)}"
    if came:
        its_best = f"; its best was {listing(stayed)}" * bool(stayed)
        return [f"{label}, came down to {aim} {listing(came)}{its_best}{alone}."]
    return [f"{label}, did not come down to {aim}: its best was {listing(stayed)}{alone}."] * bool(stayed)


def ending(results: Results) -> list[str]:
    """Whose images were still getting better when their training ended: one sentence or none."""
    rising = []
    for backend, own in _followed(results).items():
        count = sum(_best_at_its_end(one) for one in own)
        seeds = f" ({count} of {len(own)} seeds)" * (len(own) > 1)
        rising += [f"{BACKENDS[backend]}{seeds}"] * bool(count)
    lowest = f"{metric_label(LEADING)}, was lowest at the last point on {listing(rising)}"
    return [f"{lowest}: longer training may bring it lower."] * bool(rising)


def caveats(results: Results) -> list[str]:
    """A backend that learnt otherwise than the others: its speed is not that of the same training."""
    measured, points = _followed(results), in_common(results.courses, LEADING)
    return [
        f"{BACKENDS[backend]}: {side} images than {_others(backend, measured)} at most of the {len(points)} points "
        f"that all measured trainings have in common ({metric_label(LEADING)}, intervals apart"
        f"{_of_one_seed(measured)}). Look at that before the speed."
        for backend, side in apart(results.courses, LEADING).items()
    ]


def _followed(results: Results) -> dict[str, list[Training]]:
    """The trainings along which KID was measured, by backend."""
    found: dict[str, list[Training]] = {}
    for one in followed(results.courses, LEADING):
        found.setdefault(one.backend, []).append(one)
    return found


def _best_at_its_end(one: Training) -> bool:
    points = along(one.course, LEADING)
    return len(points) >= FEWEST and best(one.course, LEADING) == points[-1]


def _times(own: list[Training], target: float) -> str:
    """Of the seeds that reached the aim, from the first to the last."""
    seconds = [point.seconds for one in own if (point := reached(one.course, LEADING, target))]
    return span(duration(min(seconds)), duration(max(seconds)))


def _best(own: list[Training]) -> str:
    """Of each seed, from the lowest to the highest."""
    least = [min(point.figures[LEADING].value for point in along(one.course, LEADING)) for one in own]
    return span(number(min(least)), number(max(least)))


def _whose(backend: str, own: list[Training], target: float) -> str:
    """The backend, and how many of its seeds reached the aim where it has several."""
    count = sum(reached(one.course, LEADING, target) is not None for one in own)
    return BACKENDS[backend] + f" ({count} of {len(own)} seeds reached it)" * (len(own) > 1)


def _others(backend: str, measured: dict[str, list[Training]]) -> str:
    names = [BACKENDS[other] for other in measured if other != backend]
    return f"{names[0]}'s" if len(names) == 1 else "the others'"


def _of_one_seed(measured: dict[str, list[Training]]) -> str:
    """Whose curve may be that of its one seed."""
    alone = [BACKENDS[backend] for backend, own in measured.items() if len(own) == 1]
    if len(alone) == len(measured):
        return f", of one seed{' each' * (len(alone) > 1)}"
    return f", of one seed only on {listing(alone)}" * bool(alone)
