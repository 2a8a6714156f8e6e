"""The sentences on top of a report. Each number in them comes from the results and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cxrbench.measure.machine import hardware
from cxrbench.report import course_words, parity_words, seed_words, winners
from cxrbench.report.change_tables import greatest
from cxrbench.report.peers import against_native, against_stock
from cxrbench.report.results import OURS, Results
from cxrbench.report.sessions import unlike
from cxrbench.report.standings import Standing, ranking, ratio, standings
from cxrbench.report.timing_caveats import timing_caveats
from cxrbench.report.wording import BACKENDS, listing, machine, quantity, setting_parts, with_interval

NOT_FOR_DIAGNOSIS = (
    "Images shown under a backend's name are synthetic, made by a neural network. They show no patient, and nothing "
    "here is for diagnosis."
)


@dataclass(frozen=True)
class Headline:
    """What a reader takes home: the answer, how sure it is, on what, and how the images compare with real ones.

    ``answer`` is of the main setting: ours against what is written by hand, or what made it fast, or the order of the
    backends, the first of these that was timed; ``further`` is the rest on that setting, the same of the other ones,
    memory, and the time to a quality. Where a backend did not learn what the others did, that comes first, since its
    speed is then of something else. ``proof`` says that all backends did the same work; it is empty where that is not
    shown.
    """

    answer: str
    further: list[str]
    detail: str
    where: str
    proof: str
    quality: str
    caveats: list[str]


def headline(results: Results) -> Headline:
    """The sentences of one report."""
    timed = [standing for standing in standings(results) if standing.ours]
    speed = [
        [*against_native(standing), *greatest(standing), _order(results, standing), *against_stock(standing)]
        for standing in timed
    ]
    said = [
        *course_words.caveats(results),
        *([sentence for setting in speed for sentence in setting] or [parity_words.alone(results)]),
        *[sentence for standing in timed for sentence in winners.memory(standing)],
        *course_words.sentences(results),
        *course_words.ending(results),
    ]
    refuted = parity_words.refutation(results)  # then no two times compare
    return Headline(
        answer=refuted or said[0],
        further=[] if refuted else said[1:],
        detail=_detail(timed),
        where=_where(results, timed),
        proof=parity_words.proof(results),
        quality=winners.quality(results),
        caveats=[
            *parity_words.caveats(results),
            *(course_words.caveats(results) if refuted else []),
            *seed_words.caveats(results),
            *timing_caveats(results),
            *_devices(results),
            *_untrained(results),
            *_unlike_training(results),
            *_sessions(results),
            *_caveats(results),
        ],
    )


def machines(results: Results) -> dict[str, str]:
    """The machine of each backend in one line: where it was timed, or else trained, or else showed its parity."""
    manifest, order = results.manifest, ranking(results)
    facts: dict[str, tuple[dict[str, Any], str]] = {
        backend: (run.machine, run.device) for backend, run in manifest.runs.items()
    }
    facts |= {backend: (timing.machine, timing.engine.device) for backend, timing in manifest.benchmarks.items()}
    if not facts and results.parity:
        facts = {backend: (one.machine, str(one.engine["device"])) for backend, one in results.parity.witnesses.items()}
    # The device that is ranked, for all: a GPU that only one of them used does not make two machines of one.
    return {backend: machine(found, order[0].device if order else device) for backend, (found, device) in facts.items()}


def _order(results: Results, standing: Standing) -> str:
    order = standing.ours
    first = BACKENDS[order[0].backend]
    if len(order) == 1:
        took = quantity(order[0].value, "s")
        return standing.begin(f"{first} took {took} per training step; nothing else was timed beside it.")
    second = BACKENDS[order[1].backend]
    lead = ratio(results, order[1], order[0])
    if lead.low is None:
        return standing.begin(f"{first} had the shortest training step, {second} took {lead}; {lead.unsure}.")
    if not lead.clear:
        return standing.begin(f"{first} and {second} cannot be told apart: {second}'s step took {lead}.")
    return standing.begin(f"{first} was fastest: {second}'s training step took {lead}.")


def _detail(timed: list[Standing]) -> str:
    shown = []
    for standing in timed:
        times = [f"{BACKENDS[record.backend]} {with_interval(record)}" for record in standing.ours]
        shown.append(f"{standing.apart}{', ' * bool(standing.apart)}{listing(times)}")
    if not shown:
        return "Run the benchmark to fill this page."
    return f"Time per training step with its 95 % interval: {'; '.join(shown)}."


def _where(results: Results, timed: list[Standing]) -> str:
    """The machine, and what all settings that were timed have in common."""
    found = machines(results)
    parts = [setting_parts(record) for standing in timed for record in standing.ours]
    common = [one[0] for one in zip(*parts, strict=True) if len(set(one)) == 1]
    what = f"; {', '.join(common)}" if common else ""
    if len(set(found.values())) > 1:
        shown = "; ".join(f"{BACKENDS[backend]} on {name}" for backend, name in found.items())
        return f"The machines differ, so these times do not compare the backends: {shown}{what}."
    return f"Measured on {next(iter(found.values()), 'an unnamed machine')}{what}."


def _devices(results: Results) -> list[str]:
    """Backends timed on different devices, of which only those of one are ranked."""
    devices = {one.backend: one.device for one in results.records if (one.metric, one.variant) == ("step_time", OURS)}
    if len(set(devices.values())) < 2:
        return []
    shown = listing([f"{BACKENDS[backend]} on {device}" for backend, device in devices.items()])
    return [f"Timed on different devices ({shown}): only backends timed on one device are ranked against each other."]


def _unlike_training(results: Results) -> list[str]:
    """Benchmarks of another version or machine than every session of the training of the same backend."""
    runs, timings = results.manifest.runs, results.manifest.benchmarks
    both = [backend for backend in timings if backend in runs]
    versions = [backend for backend in both if timings[backend].commit not in runs[backend].commits]
    elsewhere = [backend for backend in both if hardware(timings[backend].machine) not in runs[backend].places]
    return [
        f"{listing([BACKENDS[backend] for backend in backends])}: timed {how} than trained."
        for backends, how in ((versions, "with another version of this project"), (elsewhere, "on another machine"))
        if backends
    ]


def _untrained(results: Results) -> list[str]:
    """Backends that were timed and not trained, where another was."""
    manifest = results.manifest
    timed = [BACKENDS[backend] for backend in manifest.benchmarks if backend not in manifest.runs]
    if not timed or not manifest.runs:
        return []
    whose = listing([f"{BACKENDS[backend]}'s" for backend in manifest.runs])
    were = "was" if len(timed) == 1 else "were"
    return [f"{listing(timed)} {were} timed and not trained: the images and their quality are {whose} alone."]


def _sessions(results: Results) -> list[str]:
    """Trainings that were not made in one place with one version, or of which a part is not recorded."""
    caveats = []
    for backend, run in results.manifest.runs.items():
        name, first, how = BACKENDS[backend], run.unrecorded_steps, unlike(run.parts)
        if first:
            caveats.append(f"{name}: where and with what its first {first:,} steps were trained is not recorded.")
        if how:
            caveats.append(
                f"{name} was trained in {len(run.parts)} sessions, {listing(how)}: its training time is a sum over "
                "them, and each is listed below."
            )
    return caveats


def _caveats(results: Results) -> list[str]:
    """What keeps the backends from being equals."""
    manifest = results.manifest
    runs, timings = manifest.runs, manifest.benchmarks
    caveats = []
    unfinished = [BACKENDS[backend] for backend, run in runs.items() if run.status not in (None, "finished")]
    if unfinished:
        caveats.append(f"Training has not finished: {listing(unfinished)}.")
    if _differ(run.commits for run in runs.values()) or _differ(one.commit for one in timings.values()):
        caveats.append("The backends ran different versions of this project; the commit of each is listed below.")
    if _differ((one.commit, one.clean) for one in manifest.evaluations.values()):
        caveats.append("The backends' images were measured by different versions of this project: evaluate them again.")
    if _differ(run.places for run in runs.values()):
        caveats.append("The backends were trained on different machines: their training times do not compare.")
    return caveats


def _differ(values: Iterable[Any]) -> bool:
    return len(set(values)) > 1
