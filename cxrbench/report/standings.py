"""What may be put side by side: the figures of one setting, the order of the backends, and their ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cxrbench.measure.statistics import ratio_interval
from cxrbench.report.comparison import fewest
from cxrbench.report.results import OURS, Process, Record, Results
from cxrbench.report.wording import number, setting, setting_parts


@dataclass(frozen=True)
class Standing:
    """The figures of speed of one setting, and the shared step's times among them, fastest first.

    ``apart`` says what tells the setting from the report's other ones, such as ``at 64x64 images, batch 32``; it is
    empty where there is only one.
    """

    setting: str
    apart: str
    records: list[Record]
    ours: list[Record]

    def find(self, backend: str, variant: str, metric: str) -> Record | None:
        """One figure, if it was measured."""
        wanted = (backend, variant, metric)
        return next((one for one in self.records if (one.backend, one.variant, one.metric) == wanted), None)

    def begin(self, sentence: str) -> str:
        """The sentence, begun with what tells this setting apart."""
        return f"{self.apart[0].upper()}{self.apart[1:]}, {sentence}" if self.apart else sentence


@dataclass(frozen=True)
class Ratio:
    """How many times as long one step takes as another, with its 95 % interval, or why there is none."""

    value: float
    low: float | None
    high: float | None
    unsure: str = "no interval was measured"

    @property
    def clear(self) -> bool:
        """Whether the interval excludes "equally fast"; False where there is no interval."""
        return self.low is not None and self.low > 1.0

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{number(self.value)} times as long"
        return f"{number(self.value)} times as long (95 % interval {number(self.low)} to {number(self.high)})"


def standings(results: Results) -> list[Standing]:
    """One per setting in which a step was timed: first the main one, then as they were measured.

    The main one is that in which most backends were timed; of several such ones, the experiment's own.
    """
    timed = [record for record in results.records if record.metric == "step_time"]
    settings = {setting(record): record for record in timed}
    found = []
    for name, example in settings.items():
        own = [record for record in results.records if setting(record) == name]
        ours = [record for record in own if (record.metric, record.variant) == ("step_time", OURS)]
        order = sorted(ours, key=lambda record: record.value)
        found.append(Standing(name, _apart(example, [*settings.values()]), own, order))
    return sorted(found, key=lambda one: (-len(one.ours), not _is_own(one.records[0], results)))


def ranking(results: Results) -> list[Record]:
    """The shared step's times in the main setting, fastest first."""
    return next((standing.ours for standing in standings(results)), [])


def ratio(results: Results, slow: Record, fast: Record) -> Ratio:
    """``slow / fast``, of processes that ran side by side in one repeat where the report has them.

    Of too few for any test to tell a difference it has no interval, and so no winner: two of them agreed within 5 % on
    one that a repetition did not find again.
    """
    left, right = _blocks(results, slow), _blocks(results, fast)
    both = sorted(left.keys() & right.keys())
    if not both:
        return _independent(slow, fast)
    found = ratio_interval([left[key] for key in both], [right[key] for key in both])
    if len(both) < fewest():
        return Ratio(found.value, None, None, f"too few processes to be sure ({len(both)} each)")
    return Ratio(*found)


def is_of(process: Process, record: Record) -> bool:
    """Whether a figure is of this process, among others."""
    keys = ("backend", "variant", "precision", "image_size", "batch_size")
    return all(getattr(process, key) == getattr(record, key) for key in keys)


def _blocks(results: Results, record: Record) -> dict[tuple[str, int], list[float]]:
    """Seconds per step of each timed block, by benchmark and repeat: only those of one benchmark ran side by side."""
    own = [process for process in results.processes if is_of(process, record)]
    return {(process.session, process.repeat): process.step_times for process in own}


def _independent(slow: Record, fast: Record) -> Ratio:
    """The two intervals combine as independent errors of the logarithms.

    An interval's half width on the log scale is taken from its wider side, so a skewed interval is not narrowed.
    """
    value = slow.value / fast.value
    widths = []
    for record in (slow, fast):
        if record.ci_low is None or record.ci_high is None or record.ci_low <= 0:
            return Ratio(value, None, None)
        widths.append(max(math.log(record.ci_high / record.value), math.log(record.value / record.ci_low)))
    width = math.hypot(*widths)
    return Ratio(value, value * math.exp(-width), value * math.exp(width))


def _apart(record: Record, all_settings: list[Record]) -> str:
    everyone = [setting_parts(one) for one in all_settings]
    differs = [len({parts[place] for parts in everyone}) > 1 for place in range(4)]
    device, precision, *sizes = (
        part if different else "" for part, different in zip(setting_parts(record), differs, strict=True)
    )
    words = [device and f"on {device}", precision and f"in {precision}", ", ".join(size for size in sizes if size)]
    if words[-1]:
        words[-1] = f"at {words[-1]}"
    return ", ".join(word for word in words if word)


def _is_own(record: Record, results: Results) -> bool:
    data, train, compute = (results.manifest.config.get(section, {}) for section in ("data", "train", "compute"))
    precision = compute.get("precision")
    if precision == "float32" and compute.get("tf32"):
        precision = "tf32"
    own = (data.get("image_size"), train.get("batch_size"), precision)
    return (record.image_size, record.batch_size, record.precision) == own
