"""Which backend took the least memory and drew the images nearest to real ones, by how much, in sentences."""

from __future__ import annotations

from cxrbench.quality.registry import find
from cxrbench.report.results import REAL, Record, Results
from cxrbench.report.standings import Standing
from cxrbench.report.wording import BACKENDS, listing, metric_label, number, with_interval

LEADING = ("reference", "lower")  # the metrics of which one leads: distances to the held-out images
ENOUGH_SEEDS = 3  # trainings of a backend, of which a lead is told without a doubt
MEMORY = ("peak_device_memory", "peak_host_memory")  # the first that was measured of every backend that was timed


def memory(standing: Standing) -> list[str]:
    """One sentence on the memory of the shared step in one setting; none where it was not measured of all."""
    for metric in MEMORY:
        found = [standing.find(one.backend, one.variant, metric) for one in standing.ours]
        measured = sorted((one for one in found if one), key=lambda one: one.value)
        if len(measured) < max(len(found), 2):
            continue
        least, *others = measured
        more = [f"{BACKENDS[one.backend]} {number(one.value / least.value)} times as much" for one in others]
        unsure = "" if least.ci_low is not None else "; without an interval, of one process each"
        took = f"{BACKENDS[least.backend]} took the least {metric_label(metric)[0].lower()}{metric_label(metric)[1:]}"
        return [standing.begin(f"{took}, {with_interval(least)}, {listing(more)}{unsure}.")]
    return []


def quality(results: Results) -> str:
    """KID of every backend, or the first other distance to real images that there is, and who is nearest to them."""
    known = {record.metric: find(record.metric) for record in results.records}
    distances = {name: one for name, one in known.items() if one and (one.metric.against, one.metric.good) == LEADING}
    for name, one in sorted(distances.items(), key=lambda item: item[1].rank):
        figures = [record for record in results.records if record.metric == name]
        real = next((record for record in figures if record.backend == REAL), None)
        made = [record for record in figures if record.backend != REAL]
        if real and made:
            shown = listing([f"{BACKENDS[record.backend]} {with_interval(record)}" for record in made])
            told = (
                f"{one.label}, lower is nearer to real: {shown}; "
                f"real images score {number(real.value)} at the same N = {real.n}."
            )
            return " ".join([told, *_spread(results, made), *_nearest(results, made), *_sample(results)])
    return "Image quality was not measured."


def _nearest(results: Results, made: list[Record]) -> list[str]:
    """Who leads: only where the two best intervals are apart, and so are their trainings from other seeds."""
    if len(made) < 2:
        return []
    best, second = sorted(made, key=lambda record: record.value)[:2]
    both = f"{BACKENDS[best.backend]} and {BACKENDS[second.backend]}"
    if best.ci_high is None or second.ci_low is None or best.ci_high >= second.ci_low:
        return [f"{both} cannot be told apart."]
    seeds = _by_seed(results, best.metric)
    of_best, of_second = (seeds.get(one.backend, [one.value]) for one in (best, second))
    widest = max((max(values) - min(values) for values in seeds.values()), default=0.0)
    if max(of_best) >= min(of_second) or widest > second.value - best.value:
        return [f"{both} are no further apart than trainings from other seeds are."]
    few = [
        f"{len(values)} training{'s' * (len(values) > 1)} of {BACKENDS[one.backend]}"
        for one, values in ((best, of_best), (second, of_second))
        if len(values) < ENOUGH_SEEDS
    ]
    unsure = f", by {listing(few)} only: another seed may say otherwise" * bool(few)
    return [f"{BACKENDS[best.backend]} is nearest to real images{unsure}."]


def _spread(results: Results, made: list[Record]) -> list[str]:
    """How far a backend's figure moves from seed to seed, and whose lies within that."""
    said, seeds = [], _by_seed(results, made[0].metric)
    for backend, values in seeds.items():
        low, high = min(values), max(values)
        others = [one for one in made if one.backend != backend]
        within = [BACKENDS[one.backend] for one in others if low <= one.value <= high]
        beside = f"; {listing(within) if within else 'no other backend'} lie{'s' * (len(within) < 2)} within that"
        once = [BACKENDS[one.backend] for one in others if one.backend not in seeds]
        unsure = f" (one training{' each' * (len(once) > 1)} of {listing(once)}: another seed may say otherwise)"
        said.append(
            f"Trained from {len(values)} seeds, {BACKENDS[backend]} scored {number(low)} to {number(high)}"
            f"{beside * bool(others)}{unsure * bool(once)}."
        )
    return said


def _by_seed(results: Results, metric: str) -> dict[str, list[float]]:
    """The figures of every backend that was trained from several seeds."""
    return {one.backend: [*one.values.values()] for one in results.seeds if one.metric == metric}


def _sample(results: Results) -> list[str]:
    """What every figure of NIH images must say: the subset that one has is hardly a fair sample of the set."""
    source = results.manifest.config.get("data", {}).get("source")
    if source != "nih":
        return []
    return ["The real images may be a part of NIH ChestX-ray14, and are then not an unbiased sample of it."]
