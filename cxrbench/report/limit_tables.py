"""The limit -> tables of finished words: what the machine can do, what one step must do, and who comes how near."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from cxrbench.config import OFF, Config
from cxrbench.measure.roofline import Rate, Rates, limit
from cxrbench.measure.work import training_step
from cxrbench.report.results import OURS, RATES, Record, Results
from cxrbench.report.standings import Standing, standings
from cxrbench.report.tables import NOTHING, Cell, Table, figure
from cxrbench.report.wording import backend_and_variant, metric_label, quantity


def rates(results: Results) -> Table:
    """One row per backend with the best that it reached, and one with the machine's best; grouped by setting."""
    rows: list[list[Cell]] = []
    measured = [(standing, best) for standing in standings(results) if (best := _best(standing))]
    for standing, best in measured:
        rows += [[Cell(standing.setting)]] if len(measured) > 1 else []
        for ours in standing.ours:
            found = [standing.find(ours.backend, OURS, metric) for metric in RATES.values()]
            rows.append(
                [Cell(backend_and_variant(ours), "", ours.backend), *(figure([one] if one else []) for one in found)]
            )
        rows.append([Cell("The machine's best"), *(Cell(quantity(one.value, one.unit)) for one in best.values())])
    return Table([Cell("Backend"), *(Cell(metric_label(metric)) for metric in RATES.values())], rows)


def steps(results: Results) -> Table:
    """One row per setting: the work of one step, the least time at the machine's best rates, and who reaches what."""
    rows = []
    for standing in standings(results):
        config, best = _at(results, standing), _best(standing)
        if config and best:
            work = training_step(config)
            least = limit(work, Rates(**{kind: Rate(one.value, one.backend) for kind, one in best.items()}))
            rows.append(
                [
                    Cell(standing.setting),
                    Cell(quantity(work.flops, "FLOPs"), f"at least {quantity(least.arithmetic, 's')}"),
                    Cell(quantity(work.bytes, "bytes"), f"at least {quantity(least.memory, 's')}"),
                    Cell(quantity(least.seconds, "s"), f"bound by {least.bound_by}"),
                    Cell(_shares(standing)),
                ]
            )
    heads = ("One step", "Arithmetic", "Memory traffic", "Least time", "Share of it that is reached")
    return Table([Cell(head) for head in heads], rows)


def _best(standing: Standing) -> dict[str, Record]:
    """The machine's best rate of each kind, over all backends; empty where one kind was not measured."""
    found = {kind: [one for one in standing.records if one.metric == metric] for kind, metric in RATES.items()}
    return {kind: max(own, key=lambda one: one.value) for kind, own in found.items()} if all(found.values()) else {}


def _at(results: Results, standing: Standing) -> Config | None:
    """The experiment in this setting, with what came after its version off; None where this version differs in more."""
    settings, here = results.manifest.config, standing.records[0]
    changes: dict[str, dict[str, Any]] = {
        "evaluate": {"target_kid": 1.0},  # whatever it is: no part of a step, and later than the first reports
        "data": {"image_size": here.image_size},
        "train": {"batch_size": here.batch_size},
        "compute": {"precision": "float32" if here.precision == "tf32" else here.precision},
    }
    whole = {
        section: OFF.get(section, {}) | settings.get(section, {}) | changes.get(section, {})
        for section in {**OFF, **changes}
    }
    try:
        return Config.model_validate(settings | whole)
    except ValidationError:
        return None


def _shares(standing: Standing) -> str:
    """The nearest to the limit first."""
    reached = sorted((one for one in standing.records if one.metric == "limit_share"), key=lambda one: -one.value)
    return ", ".join(f"{backend_and_variant(one)} {quantity(one.value, one.unit)}" for one in reached) or NOTHING
