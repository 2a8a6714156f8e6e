"""A report and its reproduction, value by value: the same, within its interval, different, or missing in one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from cxrbench.config import fingerprint
from cxrbench.parity.result import Check
from cxrbench.report.results import HELD_OUT, OURS, Record, Results
from cxrbench.report.wording import BACKENDS, difference, metric_label, number, setting, with_interval

Kind = Literal["same", "within its interval", "within its bound", "different", "missing"]
Value = Record | Check | str  # a figure, a bound of parity, or a fingerprint

TRAINING, DATA, SETTINGS = "Training settings", "Data", "All settings but the name"
HEADS = ("", "report", "again", "verdict")
FEWEST_DIGITS, MOST_DIGITS = 3, 9  # of a ratio, which must not read 1.00 where the two differ


@dataclass(frozen=True)
class Verdict:
    """What became of one value: ``old`` of the report, ``new`` of its reproduction, None where one of them has it not.

    ``ratio`` is new / old of two figures above 0 that are not equal, else None.
    """

    name: str
    old: Value | None
    new: Value | None
    kind: Kind
    ratio: float | None = None

    @property
    def backend(self) -> str | None:
        """Whose figure it is; None for a fingerprint or a bound of parity, which are of the whole report."""
        value = self.old or self.new
        return value.backend if isinstance(value, Record) else None

    @property
    def group(self) -> str:
        """Under which head a reader looks for it."""
        value = self.old or self.new
        return "Fingerprints" if isinstance(value, str) else BACKENDS[self.backend] if self.backend else "Parity"

    def as_json(self) -> dict[str, Any]:
        """Both values whole, as they are in the two results files."""
        old, new = (one.model_dump() if isinstance(one, (Record, Check)) else one for one in (self.old, self.new))
        return {"name": self.name, "verdict": self.kind, "ratio": self.ratio, "old": old, "new": new}


def compare(old: Results, new: Results) -> list[Verdict]:
    """One verdict per fingerprint, then one per bound of parity, then one per figure; what only ``new`` has is last.

    Two figures are of one thing where backend, variant, device, precision, image size, batch size, metric and unit
    agree. They are

    - ``same`` where the values are equal, to the last bit;
    - ``within its interval`` where the report's 95 % interval holds the new value or overlaps the new interval: the two
      measurements show no difference, which is not to say that there is none;
    - ``different`` otherwise. A figure without an interval is the same or different: one measurement does not say how
      far another may lie from it, and any tolerance would be ours and not the data's.

    A bound of parity is ``same`` where its difference was measured alike, ``within its bound`` where it holds in both.
    """
    return [*_fingerprints(old, new), *_bounds(old, new), *_figures(old, new)]


def differing_fingerprints(verdicts: list[Verdict]) -> list[Verdict]:
    """Fingerprints of the report that its reproduction has not, or has otherwise: another experiment was run."""
    return [one for one in verdicts if isinstance(one.old, str) and one.new != one.old]


def missing_figures(verdicts: list[Verdict]) -> list[Verdict]:
    """Figures of the report that its reproduction has not."""
    return [one for one in verdicts if not isinstance(one.old, str) and one.new is None]


def summary(verdicts: list[Verdict]) -> str:
    """``41 values: 30 same, 8 within their interval or bound, 3 different, 0 missing``."""
    count = {kind: sum(one.kind == kind for one in verdicts) for kind in ("same", "different", "missing")}
    within = len(verdicts) - sum(count.values())
    return (
        f"{len(verdicts)} values: {count['same']} same, {within} within their interval or bound, "
        f"{count['different']} different, {count['missing']} missing"
    )


def table(verdicts: list[Verdict]) -> str:
    """Every verdict in one aligned line, grouped by backend; before them, what makes all others worthless."""
    groups: dict[str, list[Verdict]] = {}
    for one in verdicts:
        groups.setdefault(one.group, []).append(one)
    settings = {_setting(value) for one in verdicts for value in (one.old, one.new)} - {""}
    rows = [HEADS]
    for group, members in groups.items():
        rows.append((group, "", "", ""))
        rows += [(f"  {_label(one, len(settings) > 1)}", _text(one.old), _text(one.new), _said(one)) for one in members]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*_warnings(verdicts), *lines])


def _fingerprints(old: Results, new: Results) -> Iterator[Verdict]:
    ours, theirs = new.manifest, old.manifest
    for name, before, now in (
        (TRAINING, theirs.training_fingerprint, ours.training_fingerprint),
        (DATA, theirs.data_fingerprint, ours.data_fingerprint),
        (SETTINGS, _without_name(theirs.config), _without_name(ours.config)),
    ):
        if before and now:
            yield Verdict(name, before, now, "same" if before == now else "different")
        elif before or now:
            yield Verdict(name, before, now, "missing")


def _bounds(old: Results, new: Results) -> Iterator[Verdict]:
    before, now = (
        {check.name: check for check in results.parity.checks} if results.parity else {} for results in (old, new)
    )
    for name in dict.fromkeys([*before, *now]):
        one, other = before.get(name), now.get(name)
        if one is None or other is None:
            yield Verdict(name, one, other, "missing")
        elif one.measured == other.measured:
            yield Verdict(name, one, other, "same")
        else:
            yield Verdict(name, one, other, "within its bound" if one.passed and other.passed else "different")


def _without_name(config: dict[str, Any]) -> str:
    return fingerprint({key: value for key, value in config.items() if key != "name"})


def _figures(old: Results, new: Results) -> Iterator[Verdict]:
    before, now = ({_identity(record): record for record in results.records} for results in (old, new))
    for identity in dict.fromkeys([*before, *now]):
        yield _verdict(identity[-2], before.get(identity), now.get(identity))


def _identity(record: Record) -> tuple[Any, ...]:
    made = (record.device, record.precision, record.image_size, record.batch_size)
    return (record.backend, record.variant, *made, record.metric, record.unit)


def _verdict(metric: str, old: Record | None, new: Record | None) -> Verdict:
    if old is None or new is None:
        return Verdict(metric, old, new, "missing")
    if old.value == new.value:
        return Verdict(metric, old, new, "same")
    return Verdict(metric, old, new, "within its interval" if _within(old, new) else "different", _ratio(old, new))


def _within(old: Record, new: Record) -> bool:
    if old.ci_low is None or old.ci_high is None:
        return False
    inside = old.ci_low <= new.value <= old.ci_high
    if new.ci_low is None or new.ci_high is None:
        return inside
    return inside or (new.ci_low <= old.ci_high and old.ci_low <= new.ci_high)


def _ratio(old: Record, new: Record) -> float | None:
    return new.value / old.value if old.value > 0 and new.value > 0 else None


def _warnings(verdicts: list[Verdict]) -> list[str]:
    worthless = [one for one in differing_fingerprints(verdicts) if one.name in (TRAINING, DATA)]
    return [
        f"*** {one.name.upper()} DIFFER: {_text(one.old)} in the report, {_text(one.new)} now. "
        "What follows does not compare with the report. ***"
        for one in worthless
    ]


def _setting(value: Value | None) -> str:
    """What tells two figures of one metric apart; nothing for fingerprints, and for real images, which have none."""
    return setting(value) if isinstance(value, Record) and value.variant != HELD_OUT else ""


def _label(one: Verdict, with_setting: bool) -> str:
    value = one.old or one.new
    if not isinstance(value, Record):
        return one.name
    variant = "" if value.variant in (OURS, HELD_OUT) else f" ({value.variant})"
    where = f", {_setting(value)}" if with_setting and _setting(value) else ""
    return metric_label(value.metric) + variant + where


def _text(value: Value | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, Check):
        measured = "not finite" if value.measured is None else difference(value.measured)
        return measured + ("" if value.passed else " (FAILS)")
    return with_interval(value)


def _said(one: Verdict) -> str:
    if one.kind == "missing":
        return "missing in the report" if one.old is None else "missing now"
    if one.kind == "different" and one.ratio is not None:
        return f"different: {_digits(one.ratio)} times the report's"
    return one.kind


def _digits(ratio: float) -> str:
    """A ratio with as many digits as tell it from 1, and one more."""
    apart = abs(ratio - 1)
    needed = 2 - math.floor(math.log10(apart)) if apart else MOST_DIGITS
    return number(ratio, min(max(needed, FEWEST_DIGITS), MOST_DIGITS))
