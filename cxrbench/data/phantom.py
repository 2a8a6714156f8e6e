"""Drawn chest radiographs: a source of images with known truth, for machines and jobs without patient data.

A film is the sum of what a beam passes on its way (soft tissue, bone, vessels, minus air), developed with an
exposure and a gamma, with noise that grows where little light comes through.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cxrbench.config import DataConfig
from cxrbench.data.anatomy import (
    Anatomy,
    Plane,
    anatomy,
    body_frame,
    diaphragm,
    fluid_level,
    heart,
    image_frame,
    per_side,
    rib_cage,
)
from cxrbench.data.items import Item, Listing, Split, held_out_count

DRAWING = 1  # raise it with every change of the drawing: packed phantoms are then drawn anew
FINEST = 128  # smaller images are drawn at this size and reduced, so that thin ribs do not alias
VESSEL_GRID = 256


def list_items(config: DataConfig, data_dir: Path | None) -> Listing:
    """Number 0 to count - 1, the last ``test_share`` of them held out. ``data_dir`` is not used."""
    first_held_out = config.count - held_out_count(config, config.count)
    items = []
    for index in range(config.count):
        patient = anatomy(config.seed, index)
        name = f"phantom-{index:06d}"
        split: Split = "train" if index < first_held_out else "test"
        items.append(Item(name, split, name, "PA", str(patient.age), patient.sex, patient.findings, name))
    return Listing(tuple(items), listed=len(items))


def read(item: Item, config: DataConfig, data_dir: Path | None) -> NDArray[np.uint8]:
    """Draw one item: (S, S) uint8, S the image size or 128 if that is larger."""
    index = int(item.file.removeprefix("phantom-"))
    return draw(anatomy(config.seed, index), max(FINEST, config.image_size))


def draw(patient: Anatomy, size: int) -> NDArray[np.uint8]:
    """The frontal (PA) radiograph of an anatomy: (size, size) uint8, bone white and air black."""
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([patient.seed, patient.index, 1])))
    x, y = body_frame(patient, size)
    soft = 1.6 / size  # borders are about one pixel wide
    body = _body(patient, x, y, soft)
    chest, _ = rib_cage(patient, x, y)
    wall = _edge(chest, soft)
    film = body + _lungs(patient, x, y, soft, random, size) + _mediastinum(patient, x, y, soft)
    film += _ribs(patient, x, y, wall) + _shoulder_girdle(patient, x, y) * (body > 0.05)
    film += _abdomen(patient, x, y, soft) * (body > 0.05)
    return _develop(patient, film, random)


def _edge(field: Plane, soft: float) -> Plane:
    """A mask from 0 to 1 with a border of width ``soft``, for a field that is positive inside."""
    return np.clip(field / (2 * soft) + 0.5, 0, 1)


def _tube(distance: Plane, radius: float) -> Plane:
    """What a beam sees of a hollow bone: a bright cortex around a fainter marrow, 0 outside."""
    across = (distance / radius) ** 2
    return np.where(across < 1, 0.55 + 0.45 * across, np.maximum(0, 3 - 2 * across))


def _cloud(random: np.random.Generator, size: int, cells: int) -> Plane:
    """Smooth noise with standard deviation near 1 and ``cells`` swells a side."""
    coarse = random.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def _body(patient: Anatomy, x: Plane, y: Plane, soft: float) -> Plane:
    """Neck, trunk and arms: the chord that a beam cuts through them."""
    u = np.abs(x)
    trunk_half = patient.thorax + 0.09 * patient.habitus + 0.05 * np.clip(-y, 0, 1) + 0.03 * np.clip(y - 0.3, 0, 1)
    trunk = np.sqrt(np.maximum(0, 1 - (u / trunk_half) ** 2))
    arm_at = trunk_half + 0.1 + patient.arms * np.clip(y + 0.55, 0, 2)
    arm = 0.5 * np.sqrt(np.maximum(0, 1 - ((u - arm_at) / 0.17) ** 2))
    shoulder_line = -0.99 + 0.36 * np.clip((u - 0.24) / 0.8, 0, 1) ** 1.3
    below = np.clip((y - shoulder_line) / 0.4, 0, 1) ** 0.6
    neck = 0.55 * np.sqrt(np.maximum(0, 1 - (u / 0.27) ** 2)) * (y < -0.5)
    deltoid = 0.42 * (y < -0.1) * _edge(1.02 - u - 0.35 * np.clip(y + 0.5, 0, 1), 0.1)
    body = np.maximum(np.maximum(np.maximum(trunk, arm), deltoid) * below, neck)
    if patient.sex == "F" and patient.age > 15:
        breast = 1 - ((u - 0.43) / 0.33) ** 2 - ((y - 0.22) / 0.33) ** 2
        body = body + 0.09 * patient.habitus * np.clip(breast, 0, 1) ** 0.5 * trunk
    return 0.78 * patient.habitus**0.5 * body


def _lungs(patient: Anatomy, x: Plane, y: Plane, soft: float, random: np.random.Generator, size: int) -> Plane:
    """The air in the lungs, negative, with vessels, texture, fluid, spots and a collapsed rim."""
    inside, across = rib_cage(patient, x, y)
    chest = _edge(np.minimum(inside, diaphragm(patient, x) - y), soft)
    fluid = _edge(y - fluid_level(patient, x), 3 * soft)
    rim = per_side(x, patient.collapse)
    aerated = np.where(rim > 0, _edge(inside - rim, soft), 1)

    air = -0.50 * (0.62 + 0.38 * np.sqrt(np.maximum(0, 1 - across**2))) * (1 - 0.16 * np.clip(y, 0, 1))
    texture = 0.012 * _cloud(random, size, 40) + 0.02 * _cloud(random, size, 8)
    markings = texture + 0.105 * _vessels(patient, random, size)
    hilum = 0.2 * np.exp(-((np.abs(x) - 0.2) ** 2 / 0.006 + (y + 0.02 + 0.04 * np.sign(x)) ** 2 / 0.025))
    spots = np.zeros_like(x)
    for spot in patient.spots:
        inner = 1 - ((x - spot.x) ** 2 + (y - spot.y) ** 2) / spot.radius**2
        shape = np.clip(inner, 0, 1) ** 0.5 if len(patient.spots) == 1 else np.exp(np.minimum(inner, 1) - 1)
        spots = spots + spot.strength * shape
    lung = air + (markings + hilum + spots) * aerated - 0.1 * (1 - aerated)
    return chest * np.where(fluid > 0, lung * (1 - fluid) + 0.12 * fluid, lung)


def _vessels(patient: Anatomy, random: np.random.Generator, size: int) -> Plane:
    """Branching vessels from both hila, thinner and fainter towards the periphery; 0 to 1."""
    sheet = Image.new("L", (VESSEL_GRID, VESSEL_GRID))
    pen = ImageDraw.Draw(sheet)
    fan = np.concatenate([np.linspace(-1.35, 1.25, 9)] * 2)
    side = np.repeat([-1.0, 1.0], 9)
    start_x, start_y = 0.15 * side, 0.05 * fan - 0.02
    angle = fan + random.normal(0, 0.12, fan.shape)
    for generation, (length, shade) in enumerate(zip((0.17, 0.14, 0.12, 0.1), (255, 190, 130, 85), strict=True)):
        reach = length * random.uniform(0.75, 1.25, angle.shape)
        end_x, end_y = start_x + side * reach * np.cos(angle), start_y + reach * np.sin(angle)
        ends = np.stack(image_frame(patient, start_x, start_y) + image_frame(patient, end_x, end_y), axis=1)
        for segment in ((ends + 1) * (VESSEL_GRID / 2)).tolist():
            pen.line(segment, fill=shade, width=3 - generation if generation < 2 else 1)
        start_x, start_y, side = np.repeat(end_x, 2), np.repeat(end_y, 2), np.repeat(side, 2)
        fork = np.tile([-0.32, 0.32], len(angle)) + random.normal(0, 0.16, 2 * len(angle))
        angle = np.repeat(angle, 2) + fork
    return np.asarray(sheet.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255


def _mediastinum(patient: Anatomy, x: Plane, y: Plane, soft: float) -> Plane:
    """Heart, great vessels, spine and the air in the trachea and main bronchi."""
    oval = heart(patient, x, y)
    above = _edge(diaphragm(patient, x) + 0.1 - y, 0.08)
    shadow = 0.42 * np.clip(4.5 * oval + 0.5, 0, 1) * (0.8 + 0.2 * np.sqrt(np.maximum(0, oval))) * above
    half = patient.mediastinum * (1 + 0.3 * np.exp(-((y + 0.75) ** 2) / 0.03) + 0.25 * np.clip(y + 0.35, 0, 0.6))
    band = 0.34 * _edge(half - np.abs(x - 0.012), 0.025)
    knob = 0.34 * _edge(1 - ((x - 0.09) / 0.1) ** 2 - ((y + 0.3) / 0.12) ** 2, 0.25)
    trunk = 0.34 * _edge(1 - ((x - 0.1) / 0.11) ** 2 - ((y + 0.08) / 0.16) ** 2, 0.35)
    centre = np.maximum(np.maximum(shadow, band), np.maximum(knob, trunk))
    disc = 0.5 + 0.5 * np.cos(y * (2 * np.pi / 0.135))
    spine = _edge(0.075 - np.abs(x), 0.02) * (0.045 + 0.05 * np.minimum(1, 2 * disc))
    pedicles = 0.05 * np.exp(-((np.abs(x) - 0.045) ** 2) / 0.0002) * disc**2
    trachea = -0.15 * _edge(0.034 - np.abs(x + 0.005), 0.012) * _edge(-0.2 - y, 0.04)
    bronchus = np.abs(y + 0.2 - 0.9 * np.abs(x))
    bronchi = -0.07 * _edge(0.025 - bronchus, 0.012) * _edge(0.15 - np.abs(x), 0.03)
    return centre + spine + pedicles + trachea + bronchi


def _ribs(patient: Anatomy, x: Plane, y: Plane, wall: Plane) -> Plane:
    """Posterior ribs that arch down from the spine and fainter anterior ribs that descend to the sternum."""
    u = np.abs(x) / patient.thorax
    high = np.clip((0.2 - y) / 1.1, 0, 1)
    arch = (0.12 + 0.22 * high) * u**2.2 - 0.13 * np.sin(np.pi * np.clip(u, 0, 1)) * (0.4 + 0.5 * high)
    phase = (y - patient.rib_offset - arch) / patient.rib_spacing
    back = _tube((phase - np.rint(phase)) * patient.rib_spacing, 0.031) * _edge(u - 0.1, 0.03)
    slant = 0.34 * (1 - u) + 0.1 * np.clip(u - 0.7, 0, 1) ** 2
    phase = (y - patient.rib_offset - 0.05 - slant) / (1.12 * patient.rib_spacing)
    front = _tube((phase - np.rint(phase)) * 1.12 * patient.rib_spacing, 0.036) * _edge(u - 0.42, 0.12)
    beneath = _edge(diaphragm(patient, x) + 0.12 - y, 0.12)
    return wall * (0.105 * back * (0.35 + 0.65 * beneath) + 0.05 * front * beneath)


def _shoulder_girdle(patient: Anatomy, x: Plane, y: Plane) -> Plane:
    """Clavicles, scapulae and the heads and shafts of the humeri."""
    u = np.abs(x)
    line = patient.apex + 0.2 - 0.20 * np.clip(u / 0.72, 0, 1.2) + 0.035 * np.sin(5.2 * u + 0.4)
    clavicle = 0.15 * _tube(y - line, 0.032) * _edge(u - 0.085, 0.02) * _edge(0.74 - u, 0.03)
    border = u - (0.80 - 0.32 * np.clip(y + 0.62, 0, 1))
    blade = 0.06 * _edge(border + 0.0, 0.02) * _edge(0.9 - u, 0.04) * _edge(y + 0.66, 0.04) * _edge(-0.05 - y, 0.06)
    edge = 0.08 * _tube(border, 0.018) * _edge(y + 0.62, 0.04) * _edge(-0.05 - y, 0.05)
    head = 0.12 * np.sqrt(np.maximum(0, 1 - ((u - 0.93) / 0.11) ** 2 - ((y + 0.55) / 0.12) ** 2))
    shaft = 0.13 * _tube(u - 0.95 - (0.05 + patient.arms) * (y + 0.5), 0.05) * _edge(y + 0.52, 0.04)
    return clavicle + blade + edge + np.maximum(head, shaft)


def _abdomen(patient: Anatomy, x: Plane, y: Plane, soft: float) -> Plane:
    """Liver, spleen and stomach below the diaphragm, with the gas bubble under the left dome."""
    below = _edge(y - diaphragm(patient, x), soft) * _edge(patient.thorax + 0.03 - np.abs(x), 0.05)
    organs = 0.26 * below * np.clip(1.15 - 0.4 * np.abs(x), 0, 1)
    if not patient.bubble:
        return organs
    top = patient.dome + patient.dome_drop + 0.05 + patient.bubble
    gas = 1 - ((x - 0.42) / (1.7 * patient.bubble)) ** 2 - ((y - top) / patient.bubble) ** 2
    return organs - 0.38 * below * _edge(gas, 0.12) * (0.7 + 0.3 * np.clip(gas, 0, 1))


def _develop(patient: Anatomy, film: Plane, random: np.random.Generator) -> NDArray[np.uint8]:
    """Attenuation to gray levels: exposure, a film curve that saturates, gamma, photon noise and the lead marker."""
    film = np.maximum(film, 0) * np.float32(patient.exposure)
    light = (1 - np.exp(np.float32(-1.9) * film)) / np.float32(0.93)
    gray = 0.03 + 0.97 * np.clip(light, 0, 1) ** np.float32(patient.gamma)
    noise = random.standard_normal(film.shape, dtype=np.float32)
    gray += np.float32(patient.grain) * noise * (0.35 + 0.8 * film)
    if patient.marker:
        size = film.shape[0]
        top, left, tall, thick = round(0.06 * size), round(0.9 * size), round(0.07 * size), max(1, size // 64)
        gray[top : top + tall, left : left + thick] = 0.97
        gray[top + tall - thick : top + tall, left : left + round(0.04 * size)] = 0.97
    return np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)
