"""Time to quality in sentences, and what is said of a backend whose curve lies apart from the others'."""

from __future__ import annotations

import math

from cxrbench.report.courses import LEADING, apart, best, reached
from cxrbench.report.results import Results
from cxrbench.report.wording import BACKENDS, duration, listing, metric_label, number


def target_kid(results: Results) -> float:
    """The KID to which times are told; infinite in a report of an earlier version, which has no courses either."""
    return math.inf if results.target_kid is None else results.target_kid


def sentences(results: Results) -> list[str]:
    """When each backend reached the quality that was asked for: one sentence, or nothing where nothing was followed."""
    target, came, stayed = target_kid(results), [], []
    for one in results.courses:
        point, least = reached(one.course, LEADING, target), best(one.course, LEADING)
        if one.main and point:
            came.append(f"{BACKENDS[one.backend]} after {duration(point.seconds)} of training")
        elif one.main and least:
            stayed.append(f"{BACKENDS[one.backend]} came to {number(least.figures[LEADING].value)} at best")
    aim = f"a {metric_label(LEADING)} of {number(target)}"
    first = f"{aim[0].upper()}{aim[1:]} was reached by {listing(came)}" if came else f"No backend reached {aim}"
    return [f"{first}{'; ' * bool(stayed)}{listing(stayed)}."] * bool(came or stayed)


def caveats(results: Results) -> list[str]:
    """A backend that learnt otherwise than the others: its speed is not that of the same training."""
    found, alone = apart(results.courses, LEADING), all(one.main for one in results.courses)
    return [
        f"{listing(names)}: {side} images than the others' at most points of the training ({metric_label(LEADING)}, "
        f"intervals apart{', of one seed each' * alone}). Look at that before the speed."
        for side in ("worse", "better")
        for names in [[BACKENDS[backend] for backend, own in found.items() if own == side]]
        if names
    ]
