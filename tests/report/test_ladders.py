"""The table of what each metric sees: bold where damage is told, a dash where a figure cannot tell it."""

from cxrbench.folders import write_json
from cxrbench.report.ladders import write_ladders
from tests.report.fabricate import COMMIT

FIGURES = {
    "kid_inception": [(0.01, 0.0, 0.02), (0.5, 0.4, 0.6), (0.015, 0.01, 0.03)],
    "kid_inception_p": [(0.001, None, None), (0.001, None, None), (0.3, None, None)],
    "kd_efficientnet_lite0_p": [(0.4, None, None), (0.001, None, None), (0.3, None, None)],
}
DONE = [("other real images", 0.0), ("blur", 4.0), ("copies", 1.0)]


def test_each_figure_is_bold_plain_or_a_dash(tmp_path):
    rungs = [
        {"ladder": ladder, "amount": amount, "figures": {name: measured(*of[place]) for name, of in FIGURES.items()}}
        for place, (ladder, amount) in enumerate(DONE)
    ]
    del rungs[2]["figures"]["kid_inception"]
    origin = {"commit": COMMIT, "clean": True, "versions": {}, "machine": {}, "environment": {}}
    content = {
        "name": "mine", "source": "nih", "image_size": 64, "n": 256, "seed": 0, "data_fingerprint": "f00",
        "attribution": "From NIH.", "origin": origin, "rungs": rungs,
    }  # fmt: skip
    write_json(tmp_path / "ladders" / "mine.json", content)
    text = write_ladders(tmp_path).read_text()
    rows = [line.strip("| ").split(" | ")[1:] for line in text.splitlines() if line.startswith("| K")]
    # A p-value that tells whole images from the held-out ones has nothing to say of damaged ones.
    assert rows == [["0.0100", "**0.500**", "–"], ["0.00100", "–", "–"], ["0.400", "**0.00100**", "0.300"]]
    assert "**No metric sees: noise, checkerboard, exposure, collapse, copies.**" in text and "From NIH." in text


def measured(value, low, high):
    return {"value": value, "ci_low": low, "ci_high": high}
