"""The proof of a report as a table of finished words, and what it was made with."""

from __future__ import annotations

from typing import Any

from cxrbench.parity.bounds import BOUNDS, FIRST_STEPS, FULL_SIZE, Bound
from cxrbench.parity.result import Check, Parity
from cxrbench.parity.twin import full_size_batch
from cxrbench.report import parity_words
from cxrbench.report.first_steps import FirstSteps
from cxrbench.report.results import Results
from cxrbench.report.tables import NOTHING, Cell, Table
from cxrbench.report.wording import BACKENDS, difference, listing

FORMER = Bound("Former bounds", "as this report's version of the project had it", 0, "absolute", "")
PARTED = "parted"  # not held, but every bound holds, those in float64 among them
SCALES = {"count": "unequal values"}
GATE_NEVER = 1.0  # the share of right answers above which the discriminator waits


def bounds(results: Results) -> Table:
    """One row per bound; a row of one cell is the head of the group below it."""
    rows: list[list[Cell]] = []
    group = None
    for check in results.parity.checks if results.parity else []:
        bound = BOUNDS.get(check.name, FORMER)
        if bound.group != group:
            group = bound.group
            rows.append([Cell(group)])
        about, scale = Cell(bound.about, check.name), SCALES.get(bound.scale, bound.scale)
        rows.append(_row(about, check.limit, scale, check.measured, check.where, _verdict(check)))
    if results.first_steps:
        rows += [[Cell(FULL_SIZE)]] * (group != FULL_SIZE) + [_first_steps(results, results.first_steps)]
    heads = ("What is compared", "Verdict", "Measured", "Bound", "Where")  # the verdict is seen on a phone, too
    return Table([Cell(head) for head in heads], rows)


def trained(results: Results, parity: Parity) -> str:
    """What was trained to compare the backends, with everything that makes training stable."""
    settings, sizes = parity.settings, parity.settings["parity"]
    shut = listing([f"{count} of the {precision} steps" for precision, count in parity.skipped_updates.items()])
    compared = "compared as well" if all(parity.skipped_updates.values()) else "not compared in both precisions"
    side = sizes["image_size"]
    return (
        f"Parity is shown on a small twin of the experiment: the same definition at {side}x{side} pixels, batch "
        f"{sizes['batch_size']}, widths {sizes['generator_width']} and {sizes['discriminator_width']}, trained by each "
        f"backend for {parity.float32_steps} steps in float32 and {parity.float64_steps} in float64, with "
        f"{listing(_stabilisations(settings))}. The gate shut in {shut}, so it was {compared}. "
        f"{_chaos(parity)}{_peers(parity)}{_full_size(results, parity)}"
    )


def provenance(parity: Parity) -> str:
    """The initial weights that all began from, and the version of this project that was judged."""
    weights = listing([f"{one[:12]} ({precision})" for precision, one in parity.initial_weights_sha256.items()])
    versions: dict[str, list[str]] = {}
    for backend, witness in parity.witnesses.items():
        state = (witness.commit or "unknown")[:12] + ("" if witness.clean else " with uncommitted changes")
        versions.setdefault(state, []).append(BACKENDS[backend])
    commits = "; ".join(f"{state} ({', '.join(backends)})" for state, backends in versions.items())
    return f"SHA-256 of the initial weights: {weights}. Recorded at commit {commits}, compared {parity.created[:10]}."


def _row(about: Cell, limit: float, scale: str, measured: float | None, where: str, verdict: str) -> list[Cell]:
    found = "not finite" if measured is None else difference(measured)
    return [about, Cell(verdict), Cell(found), Cell(difference(limit), scale), Cell(where or NOTHING)]


def _verdict(judged: Check | FirstSteps) -> str:
    return "holds" if judged.passed else "FAILS"


def _first_steps(results: Results, first: FirstSteps) -> list[Cell]:
    about = Cell(f"metrics of the first {first.steps} steps of the trainings in this report", "first_steps")
    pair = listing([BACKENDS[backend] for backend in first.backends])
    where = "" if first.measured == 0 else f"{first.metric}, step {first.step}, {pair}"
    verdict = _verdict(first) if first.passed or parity_words.parted(results) else PARTED
    return _row(about, first.limit, "absolute", first.measured, where, verdict)


def _stabilisations(settings: dict[str, Any]) -> list[str]:
    """Those that are on; each costs random numbers, a condition or arithmetic, and so is a place to differ."""
    objective = settings["objective"]
    strengths = {
        "label smoothing": objective["label_smoothing"],
        "label flips": objective["label_flip"],
        "instance noise": objective["instance_noise"],
        "dropout": settings["model"]["dropout"],
        "gradient penalty": objective.get("gradient_penalty", 0.0),  # not known to reports of earlier versions
        "moving average of the generator": objective.get("average_decay", 0.0),
    }
    on = [f"{name} {value:g}" for name, value in strengths.items() if value]
    if objective["gate_accuracy"] < GATE_NEVER:
        on.append(f"the discriminator's gate at {objective['gate_accuracy']:g}")
    on += [f"augmentation by {kind}" for kind in objective.get("augmentation", [])]
    on += ["a hinge loss"] * (objective.get("loss") == "hinge")
    on += ["spectral normalization"] * settings["model"].get("spectral_norm", False)
    rate = settings["optimizer"].get("discriminator_rate", 1.0)
    on += [f"a learning rate of the discriminator {rate:g} times the generator's"] * (rate != 1)
    half_life = settings["optimizer"].get("half_life", 0)
    on += [f"learning rates that halve within {half_life:,} updates"] * bool(half_life)
    updates = objective["generator_updates"]
    return [*on, f"{updates} generator update{'s' * (updates > 1)} per step"]


def _peers(parity: Parity) -> str:
    compared = any(check.name.startswith("native") for check in parity.checks)
    return "" if compared else " The hand-written peers were not compared: they are not written for all of this."


def _full_size(results: Results, parity: Parity) -> str:
    if not parity_words.at_full_size(parity):
        return ""
    config = results.manifest.config
    side, model = config["data"]["image_size"], config["model"]
    batch = full_size_batch(side, config["train"]["batch_size"])
    return (
        f" At full size, {side}x{side} pixels, batch {batch}, widths {model['generator_width']} and "
        f"{model['discriminator_width']}, {FIRST_STEPS} steps were trained in float64."
    )


def _chaos(parity: Parity) -> str:
    if parity.chaotic_from is None:
        return "In float32 the losses stay together over all these steps."
    return (
        f"In float32 the trainings part at step {parity.chaotic_from}: training a GAN is chaotic, so rounding errors "
        "grow, and a long comparison needs float64."
    )
