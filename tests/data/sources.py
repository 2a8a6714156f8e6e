"""Small source folders, written as the real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from cxrbench.config import DataConfig

MakeConfig = Callable[..., DataConfig]

# file, findings, patient, age in the newest and in the first release, sex, view, split
NIH_ROWS = [
    ("00000001_000.png", "Cardiomegaly", 1, "57", "057Y", "M", "PA", "train"),
    ("00000001_001.png", "Cardiomegaly|Emphysema", 1, "58", "058Y", "M", "PA", "train"),
    ("00000002_000.png", "No Finding", 2, "0", "004M", "F", "AP", "train"),
    ("00000003_000.png", "Hernia", 3, "1", "013M", "F", "PA", "test"),
    ("00000004_000.png", "No Finding", 4, "0", "001D", "M", "AP", "test"),
    ("00000005_000.png", "No Finding", 5, "69", "069Y", "F", "PA", "train"),
]


def write_image(file: Path, seed: int, shape: tuple[int, int] = (48, 48)) -> None:
    """A gray PNG of noise, another one for every seed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(file)


def write_nih(folder: Path, release: str = "2020", archives: bool = False) -> Path:
    """The official layout with six images: ``release`` is "first", "2020" or "sex"; archives is how they unpack."""
    first = release == "first"
    sex = "Patient Sex" if release == "sex" else "Patient Gender"
    header = f"Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,{sex},View Position"
    header += ",OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]" + ("," if first else "")
    lines = [header]
    for name, findings, patient, age, first_age, gender, view, _ in NIH_ROWS:
        who = f"{patient:08d},{first_age}" if first else f"{patient},{age}"
        lines.append(f"{name},{findings},0,{who},{gender},{view},2682,2749,0.143,0.143" + ("," if first else ""))
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / ("Data_Entry_2017.csv" if first else "Data_Entry_2017_v2020.csv")
    table.write_bytes(("\r\n" if first else "\n").join([*lines, ""]).encode())
    for split, list_name in (("train", "train_val_list.txt"), ("test", "test_list.txt")):
        (folder / list_name).write_text("\n".join(row[0] for row in NIH_ROWS if row[-1] == split))
    for index, row in enumerate(NIH_ROWS):
        write_image(folder / (f"images_{index % 3 + 1:03d}/images" if archives else "images") / row[0], index)
    return folder
