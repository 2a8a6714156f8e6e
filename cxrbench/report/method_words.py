"""How the figures of speed were measured, in sentences."""

from __future__ import annotations

from collections import Counter

from cxrbench.report.results import Results
from cxrbench.report.standings import ranking
from cxrbench.report.wording import listing

VARIANTS = (
    "A backend's name alone is the shared definition of this project, ours; keras-fit is stock Keras: plain layers, a "
    "train_step as in the Keras guides, and fit; keras-fit-xla the same with jit_compile=True, which Keras does not "
    "choose by itself on TensorFlow; native is written by hand in the engine, without Keras, in one of its modes; "
    "without is ours with one thing undone that makes it fast. While timed, the discriminator's gate never shuts, so "
    "that no variant may leave work out of a step."
)
AIMS = (
    "What the shared step is meant to reach on two CPU cores. The aims were set before it was measured, and are not "
    "moved to what was found; the memory of a step is of one process each."
)
QUALITY_AIMS = (
    "What a training on real X-rays at 64x64 is meant to reach within an hour of a CPU. The aims were set before it "
    "was measured, and are not moved to what was found. Settings that were tuned by these held-out images are judged "
    "by them a little too well: their file in configs/ says where that was done."
)
CHANGES = (
    "Ours was timed beside itself with one of the things undone that make it fast, all else as it is. What is undone "
    "is the same function up to rounding; gains do not multiply, since one change may make room for another. Where the "
    "interval holds 1, no gain can be told."
)
QUALITY = (
    "Kernel and Fréchet distances are called KID and FID on the features of Inception-v3 alone. These features were "
    "learnt on photographs; they agree with radiologists better than features of medical images do (Woodland et al. "
    "2023). Below N = 2,048 no figure compares with a published one. Intervals cover the choice of images, not that of "
    "a training's seed: differences between backends that are smaller than those between seeds are none. No figure "
    "says whether an image is medically right."
)
LIMIT = (
    "A step cannot be faster than its arithmetic at the best rates that any backend reached on this machine, nor than "
    "its least memory traffic at the best rate of copying: the roofline model (Williams, Waterman and Patterson, "
    "2009). Work and traffic are counted from the shapes of the networks. Where caches spare traffic, a small step may "
    "come nearer than this says."
)


def course(results: Results) -> str:
    """How the quality along a training was measured; nothing where it was not."""
    if not results.courses:
        return ""
    seeds = any(not one.main for one in results.courses)
    return (
        f"At every grid of samples the generator drew {results.courses[0].course.n} images of the same latents, which "
        "were measured afterwards like the samples, at that N: a bold line per backend with its 95 % interval"
        f"{', thin ones of other seeds' * seeds}, real images in gray. Time is that of the training loop: with what "
        "each session has to compile and with the writing of checkpoints, but without the drawing. As in MLPerf, the "
        "clock stops at the first point that reaches the aim; the aim may have been reached since the point before."
    )


def timing(results: Results) -> str:
    """How the time of a step was measured; a report of an earlier version has one process per backend."""
    if results.processes:
        return _processes(results)
    blocks = listing([str(n) for n in sorted({one.n for one in ranking(results)})])
    return (
        "A step is timed in blocks, after warm-up, with one synchronisation with the device per block, and no callback "
        f"inside. Its time is the median{f' of {blocks} blocks' if blocks else ''} with a bootstrap interval; the "
        "first step, which compiles, is told apart. Intervals cover the spread within one run on one machine, not that "
        "between machines, days or seeds."
    )


def _processes(results: Results) -> str:
    keys = ("backend", "variant", "precision", "image_size", "batch_size")
    counts = Counter(tuple(getattr(one, key) for key in keys) for one in results.processes)
    fewest, most = min(counts.values()), max(counts.values())
    number = f"{most}" if fewest == most else f"{fewest} to {most}"
    return (
        f"Each time is of {number} fresh process{'es' * (most > 1)} per backend and variant, run in rotated order, so "
        "that a drift of the machine falls on all alike. Each warms up until its step time is stable, then runs blocks "
        "of so many steps that the clock and the one synchronisation with the device per block cost nothing, with no "
        "callback inside. A time is the median over processes of their medians, with a 95 % interval over processes, "
        "of Student's t and the bootstrap's standard error; a ratio is of processes of one repeat, which ran close to "
        "each other. The first process of a variant finds an empty compile cache, later ones what it left. "
        "Images lie in memory; the input pipeline is measured apart, and memory in processes of its own. "
        "Intervals cover the spread within one run on one machine, not that between machines, days or seeds."
    )
