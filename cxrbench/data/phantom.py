"""Drawn chest radiographs: a source of images with known truth, for machines and jobs without patient data.

A film is the sum of what a beam passes on its way (soft tissue, bone, vessels, minus air), developed with an
exposure and a gamma, with noise that grows where little light comes through.
"""

from __future__ import annotations

from dataclasses import dataclass
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

DRAWING = 2  # raise it with every change of the drawing: packed phantoms are then drawn anew
FINEST = 128  # smaller images are drawn at this size and reduced, so that thin ribs do not alias
VESSEL_GRID = 256  # pixels a side of the sheet they are drawn on, whatever the image size
VESSELS = ((0.17, 255, 3), (0.14, 190, 2), (0.12, 130, 1), (0.1, 85, 1))  # length, shade and width at each branching


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


def read(item: Item, config: DataConfig, data_dir: Path | None) -> Image.Image:
    """Draw one item: S x S pixels of mode L, S the image size or 128 if that is larger."""
    index = int(item.file.removeprefix("phantom-"))
    return Image.fromarray(draw(anatomy(config.seed, index), max(FINEST, config.image_size)))


@dataclass(frozen=True)
class _Beam:
    """The patient as the beam meets it: body-frame planes of one image that several organs need."""

    patient: Anatomy
    x: Plane
    y: Plane
    u: Plane  # distance from the midline
    inside: Plane  # depth inside the rib cage
    across: Plane  # place across a lung, -1 to 1
    floor: Plane  # y of the diaphragm
    soft: float  # half the width of a border


def draw(patient: Anatomy, size: int) -> NDArray[np.uint8]:
    """The frontal (PA) radiograph of an anatomy: (size, size) uint8, bone white and air black."""
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([patient.seed, patient.index, 1])))
    x, y = body_frame(patient, size)
    inside, across = rib_cage(patient, x, y)
    beam = _Beam(patient, x, y, np.abs(x), inside, across, diaphragm(patient, x), soft=1.6 / size)
    body = _body(beam)
    film = body + _lungs(beam, random) + _mediastinum(beam) + _ribs(beam)
    film += (_shoulder_girdle(beam) + _abdomen(beam)) * (body > 0.05)
    return _develop(patient, film, random)


def _edge(field: Plane, soft: float) -> Plane:
    """A mask from 0 to 1 with a border of width 2 ``soft``, for a field that is positive inside."""
    return _clip(field / (2 * soft) + 0.5)


def _clip(field: Plane, high: float = 1) -> Plane:
    return np.minimum(np.maximum(field, 0), high)


def _tube(distance: Plane, radius: float) -> Plane:
    """What a beam sees of a hollow bone: a bright cortex around a fainter marrow, 0 outside."""
    across = (distance / radius) ** 2
    bone: Plane = np.where(across < 1, 0.55 + 0.45 * across, np.maximum(0, 3 - 2 * across))
    return bone


def _lump(beam: _Beam, u: float, y: float, width: float, height: float) -> Plane:
    """1 at the centre of an upright ellipse on both sides of the midline, 0 on its border, negative outside."""
    lump: Plane = 1 - ((beam.u - u) / width) ** 2 - ((beam.y - y) / height) ** 2
    return lump


def _body(beam: _Beam) -> Plane:
    """Neck, trunk and arms: the chord that a beam cuts through them."""
    patient, u, y = beam.patient, beam.u, beam.y
    trunk_half = patient.thorax + 0.09 * patient.habitus + 0.05 * _clip(-y) + 0.03 * _clip(y - 0.3)
    trunk = np.sqrt(_clip(1 - (u / trunk_half) ** 2))
    arm_at = trunk_half + 0.1 + patient.arms * _clip(y + 0.55, 2)
    arm = 0.5 * np.sqrt(_clip(1 - ((u - arm_at) / 0.17) ** 2))
    shoulder_line = -0.99 + 0.36 * _clip((u - 0.24) / 0.8) ** 1.3
    below = _clip((y - shoulder_line) / 0.4) ** 0.6
    neck = 0.55 * np.sqrt(_clip(1 - (u / 0.27) ** 2)) * (y < -0.5)
    deltoid = 0.42 * _edge(1.02 - u - 0.35 * _clip(y + 0.5), 0.1) * (y < -0.1)
    body: Plane = np.maximum(np.maximum(np.maximum(trunk, arm), deltoid) * below, neck)
    if patient.sex == "F" and patient.age > 15:
        body = body + 0.09 * patient.habitus * np.sqrt(_clip(_lump(beam, 0.43, 0.22, 0.33, 0.33))) * trunk
    body *= 0.78 * patient.habitus**0.5
    return body


def _lungs(beam: _Beam, random: np.random.Generator) -> Plane:
    """The air in the lungs, negative, with vessels, texture, fluid, spots and a collapsed rim."""
    patient, x, y, soft = beam.patient, beam.x, beam.y, beam.soft
    chest = _edge(np.minimum(beam.inside, beam.floor - y), soft)
    air = -0.50 * (0.62 + 0.38 * np.sqrt(_clip(1 - beam.across**2))) * (1 - 0.16 * _clip(y))
    texture = 0.012 * _cloud(random, len(x), 40) + 0.02 * _cloud(random, len(x), 8)
    markings = texture + 0.105 * _vessels(patient, random, len(x))
    hilum_y = y + 0.02 + 0.04 * np.sign(x)  # the left hilum stands higher
    hilum = 0.2 * np.exp((beam.u - 0.2) ** 2 / -0.006 + hilum_y**2 / -0.025)
    inner = markings + hilum
    for spot in patient.spots:
        depth = 1 - ((x - spot.x) ** 2 + (y - spot.y) ** 2) / spot.radius**2
        # one spot is a nodule with a border; several are a cloud without one
        inner = inner + spot.strength * (np.sqrt(_clip(depth)) if len(patient.spots) == 1 else np.exp(depth - 1))
    if any(patient.collapse):
        rim = per_side(x, patient.collapse)
        aerated = np.where(rim > 0, _edge(beam.inside - rim, soft), 1)
        inner = inner * aerated - 0.1 * (1 - aerated)
    lung = air + inner
    if any(patient.effusion):
        fluid = _edge(y - fluid_level(patient, x), 3 * soft)
        lung = lung * (1 - fluid) + 0.12 * fluid
    film: Plane = chest * lung
    return film


def _cloud(random: np.random.Generator, size: int, cells: int) -> Plane:
    """Smooth noise with standard deviation near 1 and ``cells`` swells a side."""
    coarse = random.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def _vessels(patient: Anatomy, random: np.random.Generator, size: int) -> Plane:
    """Branching vessels from both hila, thinner and fainter towards the periphery; 0 to 1."""
    sheet = Image.new("L", (VESSEL_GRID, VESSEL_GRID))
    pen = ImageDraw.Draw(sheet)
    fan = np.concatenate([np.linspace(-1.35, 1.25, 9)] * 2)
    side = np.repeat([-1.0, 1.0], 9)
    start_x, start_y = 0.15 * side, 0.05 * fan - 0.02
    angle = fan + random.normal(0, 0.12, fan.shape)
    for length, shade, width in VESSELS:
        reach = length * random.uniform(0.75, 1.25, angle.shape)
        end_x, end_y = start_x + side * reach * np.cos(angle), start_y + reach * np.sin(angle)
        ends = np.stack(image_frame(patient, start_x, start_y) + image_frame(patient, end_x, end_y), axis=1)
        for segment in ((ends + 1) * (VESSEL_GRID / 2)).tolist():
            pen.line(segment, fill=shade, width=width)
        start_x, start_y, side = np.repeat(end_x, 2), np.repeat(end_y, 2), np.repeat(side, 2)
        fork = np.tile([-0.32, 0.32], len(angle)) + random.normal(0, 0.16, 2 * len(angle))
        angle = np.repeat(angle, 2) + fork
    return np.asarray(sheet.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255


def _mediastinum(beam: _Beam) -> Plane:
    """Heart, great vessels, spine and the air in the trachea and main bronchi."""
    patient, x, y, u = beam.patient, beam.x, beam.y, beam.u
    oval = heart(patient, x, y)
    above = _edge(beam.floor + 0.1 - y, 0.08)
    shadow = 0.42 * _clip(4.5 * oval + 0.5) * (0.8 + 0.2 * np.sqrt(_clip(oval))) * above
    half = patient.mediastinum * (1 + 0.3 * np.exp((y + 0.75) ** 2 / -0.03) + 0.25 * _clip(y + 0.35, 0.6))
    band = 0.34 * _edge(half - np.abs(x - 0.012), 0.025)
    knob = 0.34 * _edge(1 - ((x - 0.09) / 0.1) ** 2 - ((y + 0.3) / 0.12) ** 2, 0.25)
    trunk = 0.34 * _edge(1 - ((x - 0.1) / 0.11) ** 2 - ((y + 0.08) / 0.16) ** 2, 0.35)
    centre: Plane = np.maximum(np.maximum(shadow, band), np.maximum(knob, trunk))
    disc = 0.5 + 0.5 * np.cos(y * (2 * np.pi / 0.135))
    spine = _edge(0.075 - u, 0.02) * (0.045 + 0.05 * np.minimum(1, 2 * disc))
    pedicles = 0.05 * np.exp((u - 0.045) ** 2 / -0.0002) * disc**2
    trachea = 0.15 * _edge(0.034 - np.abs(x + 0.005), 0.012) * _edge(-0.2 - y, 0.04)
    bronchi = 0.07 * _edge(0.025 - np.abs(y + 0.2 - 0.9 * u), 0.012) * _edge(0.15 - u, 0.03)
    centre += spine + pedicles - trachea - bronchi
    return centre


def _ribs(beam: _Beam) -> Plane:
    """Posterior ribs that arch down from the spine and fainter anterior ribs that descend to the sternum."""
    patient, y = beam.patient, beam.y
    u = beam.u / patient.thorax
    high = _clip((0.2 - y) / 1.1)
    arch = (0.12 + 0.22 * high) * u**2.2 - 0.13 * np.sin(np.pi * _clip(u)) * (0.4 + 0.5 * high)
    back = _repeated(y - patient.rib_offset - arch, patient.rib_spacing, 0.031) * _edge(u - 0.1, 0.03)
    slant = 0.39 - 0.34 * u + 0.1 * _clip(u - 0.7) ** 2
    front = _repeated(y - patient.rib_offset - slant, 1.12 * patient.rib_spacing, 0.036) * _edge(u - 0.42, 0.12)
    above = _edge(beam.floor + 0.12 - y, 0.12)
    return _edge(beam.inside, beam.soft) * (0.105 * back * (0.35 + 0.65 * above) + 0.05 * front * above)


def _repeated(place: Plane, spacing: float, radius: float) -> Plane:
    """Bones at every whole multiple of a spacing."""
    return _tube(place - spacing * np.rint(place / spacing), radius)


def _shoulder_girdle(beam: _Beam) -> Plane:
    """Clavicles, scapulae and the heads and shafts of the humeri."""
    patient, u, y = beam.patient, beam.u, beam.y
    line = patient.apex + 0.2 - 0.20 * _clip(u / 0.72, 1.2) + 0.035 * np.sin(5.2 * u + 0.4)
    clavicle = 0.15 * _tube(y - line, 0.032) * _edge(u - 0.085, 0.02) * _edge(0.74 - u, 0.03)
    border = u - 0.80 + 0.32 * _clip(y + 0.62)
    height = _edge(y + 0.64, 0.04) * _edge(-0.05 - y, 0.06)
    scapula: Plane = (0.06 * _edge(border, 0.02) * _edge(0.9 - u, 0.04) + 0.08 * _tube(border, 0.018)) * height
    head = 0.12 * np.sqrt(_clip(_lump(beam, 0.93, -0.55, 0.11, 0.12)))
    shaft = 0.13 * _tube(u - 0.95 - (0.05 + patient.arms) * (y + 0.5), 0.05) * _edge(y + 0.52, 0.04)
    return clavicle + scapula + np.maximum(head, shaft)


def _abdomen(beam: _Beam) -> Plane:
    """Liver, spleen and stomach below the diaphragm, with the gas bubble under the left dome."""
    patient = beam.patient
    below = _edge(beam.y - beam.floor, beam.soft) * _edge(patient.thorax + 0.03 - beam.u, 0.05)
    organs = 0.26 * below * (1.15 - 0.4 * beam.u)
    if not patient.bubble:
        return organs
    top = patient.dome + patient.dome_drop + 0.05 + patient.bubble
    gas = 1 - ((beam.x - 0.42) / (1.7 * patient.bubble)) ** 2 - ((beam.y - top) / patient.bubble) ** 2
    return organs - 0.38 * below * _edge(gas, 0.12) * (0.7 + 0.3 * _clip(gas))


def _develop(patient: Anatomy, film: Plane, random: np.random.Generator) -> NDArray[np.uint8]:
    """Attenuation to gray levels: exposure, a film curve that saturates, gamma, photon noise and the lead marker."""
    film = np.maximum(film, 0) * patient.exposure
    gray: Plane = 0.03 + 0.97 * _clip((1 - np.exp(-1.9 * film)) / 0.93) ** patient.gamma
    gray += patient.grain * random.standard_normal(film.shape, dtype=np.float32) * (0.35 + 0.8 * film)
    if patient.marker:
        size = len(gray)
        top, left, tall, thick = round(0.06 * size), round(0.9 * size), round(0.07 * size), max(1, size // 64)
        gray[top : top + tall, left : left + thick] = 0.97
        gray[top + tall - thick : top + tall, left : left + round(0.04 * size)] = 0.97
    return np.rint(_clip(gray) * 255).astype(np.uint8)
