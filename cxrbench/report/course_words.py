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
    came, stayed = [], []
    for one in results.courses:
        point, least = reached(one.course, LEADING, target_kid(results)), best(one.course, LEADING)
        if one.main and point:
            came.append(f"after {duration(point.seconds)} of training on {BACKENDS[one.backend]}")
        elif one.main and least:
            stayed.append(f"{number(least.figures[LEADING].value)} on {BACKENDS[one.backend]}")
    fell = f"{metric_label(LEADING)}, came down to the aim of {number(target_kid(results))}"
    best_of_all = f"; its best was {listing(stayed)}" * bool(stayed)
    return [f"{fell} {listing(came) or 'on no backend'}{best_of_all}."] * bool(came or stayed)


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
