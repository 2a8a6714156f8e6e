"""The anatomy behind a phantom chest radiograph: its proportions, its finding, and what is true of it.

Lengths are in half image widths: the body frame runs from -1 to 1, x to the image's right (the patient's left)
and y downwards. Every number comes from (seed, index) alone, so any image can be drawn again, in any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxrbench.data.items import NO_FINDING

Plane = NDArray[np.floating]

CARDIOMEGALY, EFFUSION, INFILTRATION = "Cardiomegaly", "Effusion", "Infiltration"
NODULE, PNEUMOTHORAX = "Nodule", "Pneumothorax"
FINDINGS = (NO_FINDING, CARDIOMEGALY, EFFUSION, INFILTRATION, NODULE, PNEUMOTHORAX)
SHARES = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)  # like the NIH set, about half of the images are without a finding

TRUTH_GRID = 128  # pixels a side of the grid on which areas are counted


@dataclass(frozen=True)
class Spot:
    """A round opacity inside a lung: its centre, its radius and how much it attenuates."""

    x: float
    y: float
    radius: float
    strength: float


@dataclass(frozen=True)
class Anatomy:
    """One patient in front of one detector."""

    seed: int
    index: int
    findings: tuple[str, ...]
    sex: str
    age: int
    tilt: float  # radians
    shift_x: float
    shift_y: float
    scale: float
    thorax: float  # half the inner width of the rib cage
    apex: float  # y of the top of the lungs
    dome: float  # y of the right hemidiaphragm's top
    dome_drop: float  # how much lower the left one is
    recess: float  # how far the costophrenic angles reach below the domes
    heart_width: float
    heart_left: float  # share of the heart's width that lies left of the midline
    heart_tilt: float  # radians
    mediastinum: float  # half width
    rib_spacing: float
    rib_offset: float
    habitus: float  # thickness of the soft tissue; 1 is average
    arms: float  # how far the arms stand off the trunk
    bubble: float  # radius of the gas in the stomach; 0 where none is seen
    marker: bool  # the technician's lead letter L
    exposure: float  # 1 is correct; less is darker film, more is lighter
    gamma: float
    grain: float  # standard deviation of the noise behind the lungs, in gray levels of 1
    effusion: tuple[float, float] = (0.0, 0.0)  # height of the fluid above the angle: patient's right, left
    collapse: tuple[float, float] = (0.0, 0.0)  # width of the air around the lung: patient's right, left
    spots: tuple[Spot, ...] = ()

    @property
    def cardiothoracic_ratio(self) -> float:
        """Widest heart over widest inner rib cage; above 0.5 is enlarged on a PA film."""
        return self.heart_width / (2 * self.thorax)

    @property
    def lung_share(self) -> float:
        """Share of the image where aerated lung is projected, free of heart, mediastinum and fluid."""
        return float(lung_mask(self, TRUTH_GRID).mean())


def anatomy(seed: int, index: int) -> Anatomy:
    """The patient number ``index`` of the series ``seed``; the same whatever else was drawn before."""
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, index])))
    between = random.uniform
    finding = FINDINGS[int(random.choice(len(FINDINGS), p=SHARES))]
    sex = "F" if random.random() < 0.45 else "M"
    thorax = between(0.64, 0.78)
    healthy = Anatomy(
        seed=seed,
        index=index,
        findings=(finding,),
        sex=sex,
        age=int(np.clip(random.normal(47, 17), 4, 92)),
        tilt=float(random.normal(0, 0.03)),
        shift_x=float(random.normal(0, 0.025)),
        shift_y=between(-0.05, 0.05),
        scale=between(0.92, 1.07),
        thorax=thorax,
        apex=between(-0.88, -0.74),
        dome=between(0.36, 0.54),
        dome_drop=between(0.03, 0.09),
        recess=between(0.2, 0.3),
        heart_width=2 * thorax * between(0.40, 0.48),
        heart_left=between(0.64, 0.74),
        heart_tilt=between(0.55, 0.8),
        mediastinum=between(0.105, 0.14),
        rib_spacing=between(0.145, 0.165),
        rib_offset=between(-0.04, 0.04),
        habitus=between(0.85, 1.2),
        arms=between(0.0, 0.14),
        bubble=between(0.06, 0.11) if random.random() < 0.5 else 0.0,
        marker=bool(random.random() < 0.6),
        exposure=between(0.82, 1.2),
        gamma=between(0.8, 1.25),
        grain=between(0.008, 0.022),
    )
    return _with_finding(healthy, finding, random)


def _with_finding(healthy: Anatomy, finding: str, random: np.random.Generator) -> Anatomy:
    """The same patient with the one thing that the label says."""
    between = random.uniform
    on_the_left = bool(random.random() < 0.5)
    if finding == CARDIOMEGALY:
        return replace(healthy, heart_width=2 * healthy.thorax * between(0.56, 0.68))
    if finding == EFFUSION:
        return replace(healthy, effusion=_one_side(between(0.3, 0.6), on_the_left))
    if finding == PNEUMOTHORAX:
        return replace(healthy, collapse=_one_side(between(0.09, 0.2), on_the_left))
    if finding == NODULE:
        return replace(healthy, spots=(_spot(healthy, random, between(0.035, 0.065), between(0.26, 0.36)),))
    if finding == INFILTRATION:
        centre = _spot(healthy, random, between(0.12, 0.18), between(0.14, 0.2))
        around = tuple(
            Spot(centre.x + dx, centre.y + dy, centre.radius * between(0.5, 0.9), centre.strength)
            for dx, dy in random.normal(0, 0.09, (4, 2)).tolist()
        )
        return replace(healthy, spots=(centre, *around))
    return healthy


def _one_side(value: float, on_the_left: bool) -> tuple[float, float]:
    return (0.0, value) if on_the_left else (value, 0.0)


def _spot(patient: Anatomy, random: np.random.Generator, radius: float, strength: float) -> Spot:
    """A spot in the outer half of a lung, away from its border."""
    side = 1.0 if random.random() < 0.5 else -1.0
    y = random.uniform(patient.apex + 0.3, patient.dome - 0.16)
    centre, half = _lung_span(patient, np.array(y))
    return Spot(side * float(centre + random.uniform(0.1, 0.6) * half), y, radius, strength)


def body_frame(patient: Anatomy, size: int) -> tuple[Plane, Plane]:
    """The body-frame x and y of every pixel centre of a (size, size) image, float32."""
    centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - np.float32(1)
    right = (centres - np.float32(patient.shift_x)) / np.float32(patient.scale)
    down = (centres - np.float32(patient.shift_y))[:, None] / np.float32(patient.scale)
    cos, sin = np.float32(math.cos(patient.tilt)), np.float32(math.sin(patient.tilt))
    return cos * right + sin * down, cos * down - sin * right


def image_frame(patient: Anatomy, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[Plane, Plane]:
    """The inverse of `body_frame`: where body points fall in the image, from -1 to 1."""
    cos, sin = math.cos(patient.tilt), math.sin(patient.tilt)
    right = (cos * x - sin * y) * patient.scale + patient.shift_x
    down = (sin * x + cos * y) * patient.scale + patient.shift_y
    return right.astype(np.float32), down.astype(np.float32)


def per_side(x: Plane, pair: tuple[float, float]) -> Plane:
    """A (patient's right, patient's left) pair as a plane: the image's left half shows the patient's right."""
    return np.where(x < 0, np.float32(pair[0]), np.float32(pair[1]))


def _lung_span(patient: Anatomy, y: Plane) -> tuple[Plane, Plane]:
    """The distance of a lung's middle from the midline and half the lung's width, at every y."""
    up = np.clip((0.55 - y) / (0.55 - patient.apex), 0, 1)
    half = (patient.thorax - 0.04) / 2 * np.sqrt(np.maximum(1 - up**2.7, 1e-6))
    return (patient.thorax + 0.04) / 2 - 0.13 * up**1.5, half


def rib_cage(patient: Anatomy, x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """How far inside the pleural space a point lies (negative outside), and its place across it from -1 to 1."""
    centre, half = _lung_span(patient, y)
    across = np.abs(x) - centre
    inside = np.minimum(half - np.abs(across), (y - patient.apex) * 0.9)
    return inside, np.clip(across / half, -1, 1)


def diaphragm(patient: Anatomy, x: Plane) -> Plane:
    """The y of the diaphragm under every x: two domes, the left one lower, falling to the costophrenic angles."""
    u = np.abs(x)
    top = 0.5 * patient.thorax
    lateral = np.clip((u - top) / (patient.thorax - top), 0, 1.3)
    medial = np.clip((top - u) / top, 0, 1)
    domes = per_side(x, (patient.dome, patient.dome + patient.dome_drop))
    return domes + patient.recess * lateral**2.6 + 0.09 * medial**2


def fluid_level(patient: Anatomy, x: Plane) -> Plane:
    """The y of the top of the pleural fluid: a meniscus that climbs the lateral wall; far below where there is none."""
    height = per_side(x, patient.effusion)
    climb = np.clip((np.abs(x) - 0.1) / (patient.thorax - 0.1), 0, 1) ** 2
    level = diaphragm(patient, np.full_like(x, patient.thorax) * np.sign(x)) - height * (0.55 + 0.45 * climb)
    return np.where(height > 0, level, np.float32(3))


def heart(patient: Anatomy, x: Plane, y: Plane) -> Plane:
    """1 at the centre of the heart's oval, 0 on its border, negative outside. Its width is exactly heart_width."""
    cos, sin = math.cos(patient.heart_tilt), math.sin(patient.heart_tilt)
    slender = 0.78  # short axis over long axis
    long = patient.heart_width / 2 / math.hypot(cos, slender * sin)
    centre_x = (patient.heart_left - 0.5) * patient.heart_width
    centre_y = patient.dome + 0.08 - 0.72 * long
    right, down = x - centre_x, y - centre_y
    along, aside = cos * right + sin * down, cos * down - sin * right
    return 1 - (along / long) ** 2 - (aside / (slender * long)) ** 2


def lung_mask(patient: Anatomy, size: int) -> NDArray[np.bool_]:
    """Where aerated lung is projected clear of heart, mediastinum and fluid: (size, size) bool."""
    x, y = body_frame(patient, size)
    inside, _ = rib_cage(patient, x, y)
    floor = np.minimum(diaphragm(patient, x), fluid_level(patient, x))
    clear = (heart(patient, x, y) < 0) & (np.abs(x) > patient.mediastinum)
    return (inside > 0) & (y < floor) & clear


def heart_mask(patient: Anatomy, size: int) -> NDArray[np.bool_]:
    """Where the heart is projected: (size, size) bool."""
    return heart(patient, *body_frame(patient, size)) > 0
