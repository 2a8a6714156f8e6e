"""Whether the backends of a report did the same work, in sentences: the first thing a reader must know."""

from __future__ import annotations

from collections.abc import Sequence

from cxrbench.measure.machine import deciding, hardware
from cxrbench.parity.bounds import AT_FULL_SIZE, FIRST_STEPS
from cxrbench.parity.result import Parity, Witness
from cxrbench.report.instructions import parity_command, report_command
from cxrbench.report.manifest import Run, Timing
from cxrbench.report.results import Results
from cxrbench.report.sessions import Session
from cxrbench.report.wording import BACKENDS, difference, listing

ALL = {2: "Both backends", 3: "All three backends"}


def proof(results: Results) -> str:
    """One sentence with the numbers of a proof that holds; nothing where there is none, or it fails."""
    parity = results.parity
    if parity is None or refutation(results):
        return ""
    same = set(parity.witnesses) == set(results.backends)
    who = ALL[len(parity.witnesses)] if same else listing([BACKENDS[backend] for backend in parity.witnesses])
    return (
        f"{who} did the same work: in float64 the losses of {parity.float64_steps} steps agree "
        f"{_to(parity, 'losses_float64')} and all weights {_to(parity, 'state_float64')}; in float32 the first "
        f"{FIRST_STEPS} steps {_to(parity, 'losses_float32')}. {_held(parity)} hold."
        f"{_early_parting(results, parity)}"
    )


def alone(results: Results) -> str:
    """What a report without a timed step answers."""
    shown = f"{_held(results.parity)} of parity hold. " if results.parity else ""
    return f"{shown}No training step was timed."


def refutation(results: Results) -> str:
    """What a report answers whose backends did not do the same work, or may not have; nothing where all is well."""
    parity, first, reasons = results.parity, results.first_steps, []
    if parity and parity.failed:
        verb = "fails" if len(parity.failed) == 1 else "fail"
        reasons.append(f"{len(parity.failed)} of {len(parity.checks)} bounds {verb}")
    if first and parted(results):
        reasons.append(f"their trainings differ {_by(first.measured)} at step {first.step} already")
    if reasons and _untold(parity):
        return f"Nothing shows that these backends did the same work: {listing(reasons)}. Their speeds may not compare."
    return f"These backends did not do the same work: {listing(reasons)}. Their speeds do not compare." * bool(reasons)


def parted(results: Results) -> bool:
    """Whether the trainings of a report differ early, and it is not shown that their work is the same.

    It is shown where every bound holds, that of the same steps at full size in float64 among them, and the float32
    trainings stay together until both networks were updated.
    """
    first, parity = results.first_steps, results.parity
    if first is None or first.passed:
        return False
    proven = parity is not None and not parity.failed and at_full_size(parity)
    return not (proven and first.updates_shown)


def caveats(results: Results) -> list[str]:
    """What keeps a reader from trusting that several backends did the same work, and the commands to run."""
    if len(results.backends) < 2:
        return []
    said, parity = [], results.parity
    if failing := _failing(results):
        lead, then = ("Perhaps not", "Run") if _untold(parity) else ("Not", "Once that is mended, run")
        said.append(f"{lead} the same work: {'; '.join(failing)}. {then}: {_commands(results)}.")
    if parity is None:
        said.append(f"Nothing shows that these backends did the same work: {unproven(results)}")
    elif strangers := _strangers(results, parity):
        said.append(f"{' '.join(strangers)} Run: {_commands(results)}.")
    return said


def unproven(results: Results) -> str:
    """Why a report of several backends has no proof, and what mends it; nothing where it has one or needs none."""
    if results.parity or len(results.backends) < 2:
        return ""
    reason = next((one.reason for one in results.not_measured if one.metric == "parity"), "no result")
    return f"parity: {reason.partition('; run: ')[0]}; run: {_commands(results)}."


def few_words(results: Results) -> str:
    """For a column of a list."""
    parity = results.parity
    if parity is None:
        return "one backend alone" if len(results.backends) < 2 else "not shown"
    held = _held(parity)
    if parity.failed:
        return f"**fails**: {held}"
    if parted(results):
        return f"**{'not told' if _untold(parity) else 'fails'}**: {held}, but not the first steps at full size"
    first = results.first_steps
    early = f"; in float32 parted at step {first.together}" if first and not first.passed else ""
    return held + early + (", of another version" if _strangers(results, parity) else "")


def method(results: Results) -> str:
    """What stands behind the claim that a difference in speed is one between the engines."""
    if len(results.backends) < 2:
        return ""
    if refutation(results):
        return "But parity fails, so a difference in speed may be one of the work done."
    if results.parity is None:
        return "But nothing shows it for this report, so a difference in speed may be one of the work done."
    own = (
        f" and over {FIRST_STEPS} steps at its own size in float64, on phantoms" if at_full_size(results.parity) else ""
    )
    return (
        f"That they compute the same is shown and not claimed: {_held(results.parity)} hold over a small twin of this "
        f"experiment{own}, so a difference in speed is one between the engines."
    )


def at_full_size(parity: Parity) -> bool:
    """Whether the experiment itself was compared, which earlier versions did not do."""
    return any(check.name == AT_FULL_SIZE for check in parity.checks)


def _untold(parity: Parity | None) -> bool:
    """Whether nothing tells rounding from other work where float32 trainings part early."""
    return parity is None or not (parity.failed or at_full_size(parity))


def _early_parting(results: Results, parity: Parity) -> str:
    """What is to be known of float32 trainings that part early, though float64 shows no difference in the work."""
    first = results.first_steps
    if first is None or first.passed:
        return ""
    return (
        f" At full size the first {FIRST_STEPS} steps agree {_to(parity, AT_FULL_SIZE)} in float64; the float32 "
        f"trainings of this report agree to {difference(first.limit)} for {first.together} steps and differ "
        f"{_by(first.measured)} at step {first.step}, as trainings of a GAN do that rounding has parted."
    )


def _failing(results: Results) -> list[str]:
    parity, first = results.parity, results.first_steps
    said = [
        f"{check.name} differs {_by(check.measured)}, bound {difference(check.limit)}"
        + (f" ({check.where})" if check.where else "")
        for check in (parity.failed if parity else [])
    ]
    if first and parted(results):
        pair = listing([BACKENDS[backend] for backend in first.backends])
        said.append(
            f"in the trainings of this report {first.metric} of {pair} differs {_by(first.measured)} at step "
            f"{first.step}, bound {difference(first.limit)}"
        )
    return said


def _strangers(results: Results, parity: Parity) -> list[str]:
    """What was shown with another version of this project than ran, or with one that is nowhere."""
    ran: list[tuple[str, Run | Timing]] = [*results.manifest.runs.items(), *results.manifest.benchmarks.items()]
    commits = {
        backend: {part.commit for name, made in ran if name == backend for part in _parts(made)}
        for backend in parity.witnesses
    }
    others = [backend for backend, found in commits.items() if found - {parity.witnesses[backend].commit}]
    unlike = [
        backend
        for backend, witness in parity.witnesses.items()
        if any(_unlike(made, witness) for name, made in ran if name == backend)
    ]
    unclean = [backend for backend, witness in parity.witnesses.items() if not witness.clean]
    return [
        f"Parity was shown {how}: {listing([BACKENDS[backend] for backend in backends])}."
        for backends, how in (
            (others, "with another version of this project than ran"),
            (unlike, "with other packages or on another machine than ran"),
            (unclean, "with uncommitted changes, or outside git"),
        )
        if backends
    ]


def _parts(made: Run | Timing) -> Sequence[Session | Timing]:
    """What was made in one go: a training may have gone on elsewhere."""
    if isinstance(made, Run):
        return made.parts
    return [made]


def _unlike(made: Run | Timing, witness: Witness) -> bool:
    """Whether the deciding packages or, of any part, the hardware differ."""
    elsewhere = {hardware(part.machine) for part in _parts(made)} - {hardware(witness.machine)}
    return bool(elsewhere) or deciding(made.versions) != deciding(witness.versions)


def _commands(results: Results) -> str:
    manifest = results.manifest
    return f"{parity_command(manifest.config)}, then {report_command(manifest.config, manifest.name)}"


def _held(parity: Parity) -> str:
    return f"{len(parity.checks) - len(parity.failed)} of {len(parity.checks)} bounds"


def _to(parity: Parity, name: str) -> str:
    measured = next((check.measured for check in parity.checks if check.name == name), None)
    if measured is None:
        return "within their bound"  # a report of an earlier version may call it by another name
    return f"to {difference(measured)}" if measured else "to the last bit"


def _by(measured: float | None) -> str:
    return "by a value that is not finite" if measured is None else f"by {difference(measured)}"
