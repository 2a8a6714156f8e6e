"""The written report: whole in itself, true to the numbers, honest about whose images it shows."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from cxrbench.data.nih import ATTRIBUTION
from cxrbench.pictures import NOTICE, grid, save_png
from cxrbench.report.headline import headline
from cxrbench.report.page import write_report
from cxrbench.report.results import UNITS, Results
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, COMPILED, STEP_TIME, change


class Loads(HTMLParser):
    """Every address that a browser would load by itself, every link, and every image with its text."""

    def __init__(self, page: str):
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "a":
            self.links.append(found["href"])
        else:
            self.loaded += [found[key] for key in ("src", "href", "srcset", "data", "poster") if key in found]
        if tag == "img":
            self.pictures.append(found)


def test_the_page_is_whole_in_itself(report):
    page = (report / "index.html").read_text()
    seen = Loads(page)
    assert seen.loaded and all(re.match("data:image/(png|webp);base64,", address) for address in seen.loaded)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style and "url(" not in style and "<script src" not in page
    assert "default-src 'none'" in page and "connect-src" not in page  # a browser refuses what is not in the page
    assert all(picture["alt"] and len(picture["alt"]) > 20 for picture in seen.pictures)
    inner = [link for link in seen.links if link.startswith("#")]
    assert inner and all(f'id="{link[1:]}"' in page for link in inner)
    assert "prefers-color-scheme: dark" in page and 'name="viewport"' in page


def live_charts(folder):
    """Bytes of a page that are its live charts: Vega, of 0.9 MB, their numbers, and the still pictures."""
    page = (folder / "index.html").read_text()
    parts = re.findall(r'<script type="module">.*?</script>|class="card live">.*?</figure>', page, re.DOTALL)
    return sum(len(part.encode()) for part in parts)


def test_the_report_is_small_and_complete(report):
    files = {path.name: path.stat().st_size for path in report.iterdir()}
    assert sum(files.values()) - live_charts(report) < 3_000_000
    assert live_charts(report) < 2_500_000
    assert {"results.json", "report.md", "index.html", "hero.png", "step_time.png", "d_loss.png"} <= set(files)
    pictures = re.findall(r'src="([^"]+)"', (report / "report.md").read_text())
    assert pictures and all((report / name).exists() for name in pictures)
    for name in files:
        if name.endswith(".png"):
            Image.open(report / name).verify()


@pytest.mark.parametrize("file", ["index.html", "report.md"])
def test_the_headline_is_what_the_numbers_say(report, results, file):
    text = (report / file).read_text().replace("&#39;", "'")
    own = [one for one in results.records if one.image_size == 32]
    step = {one.backend: one.value for one in own if (one.metric, one.variant) == ("step_time", "ours")}
    first, second = sorted(step, key=step.get)[:2]
    assert (first, second) == ("jax", "torch")
    assert f"took {step[second] / step[first]:.2f} times as long" in text
    assert headline(results).answer in text and headline(results).where in text
    for value, _, _ in STEP_TIME.values():
        assert f"{value * 1000:.3g} ms" in text
    assert "synthetic" in text and "nothing here is for diagnosis" in text.lower()


def test_each_step_is_shown_with_how_it_was_compiled(report):
    row = next(line for line in (report / "report.md").read_text().splitlines() if line.startswith("| Step compiled"))
    assert [cell.strip() for cell in row.split("|")[2:5]] == [COMPILED[backend] for backend in BACKENDS]
    page = (report / "index.html").read_text()
    assert all(compiled in page for compiled in COMPILED.values())


@pytest.mark.usefixtures("undrawn")
def test_another_result_makes_another_headline(config, runs, tmp_path):
    bench = runs / "smoke" / "tensorflow" / "bench.json"
    before = (report_task(config, BACKENDS, runs, tmp_path / "reports", "one") / "index.html").read_text()
    content = json.loads(bench.read_text())
    content["records"][0] |= {"value": 0.01, "ci_low": 0.009, "ci_high": 0.011}
    for process in content["processes"]:
        if (process["variant"], process["image_size"]) == ("ours", 32):
            process["step_times"] = [0.01, 0.01, 0.01]
    bench.write_text(json.dumps(content))
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports", "other")
    page = (folder / "index.html").read_text()
    assert "At 32x32 images, batch 16, TensorFlow was fastest: JAX" in page and "TensorFlow was fastest" not in before
    overview = (tmp_path / "reports" / "index.md").read_text()
    row = next(line for line in overview.splitlines() if line.startswith("| [other]"))
    assert "TensorFlow 10.0 ms" in row and "Against the best hand-written form" in row
    assert "<h1>Against the best hand-written form, at 32x32 images, batch 16, the shared definition" in page


def test_each_quality_figure_stands_beside_that_of_real_images(report, results):
    text = (report / "report.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| SSIM between pairs")]
    values = {one.backend: one.value for one in results.records if one.metric == "pairwise_ssim_512"}
    cells = [cell.strip().split(" ")[0] for cell in rows[0].split("|")[2:6]]
    assert cells == [f"{values[name]:.3f}" for name in ("real", "jax", "torch", "tensorflow")]


def test_what_was_not_measured_is_said_once_with_its_reason(report):
    text = (report / "report.md").read_text()
    expected = "- **Peak device memory, JAX, PyTorch and TensorFlow**: the CPU has no memory of its own"
    assert text.count("the CPU has no memory of its own") == 1 and expected in text


def as_nih(runs, attribution):
    for backend in BACKENDS:
        path = runs / "smoke" / backend / "run.json"
        settings = json.loads(path.read_text())["config"]
        settings["data"]["source"] = "nih"
        change(path, config=settings, attribution=attribution)


@pytest.mark.usefixtures("undrawn")
def test_nih_images_carry_link_citation_source_and_bias(config, runs, tmp_path):
    as_nih(runs, ATTRIBUTION)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    for file in ("index.html", "report.md"):
        text = " ".join((folder / file).read_text().split())
        for part in ("nihcc.app.box.com/v/ChestXray-NIHCC", "Wang et al.", "CVPR 2017", "NIH Clinical Center"):
            assert part in text
        assert "not an unbiased sample" in text and "Pneumonia is over-represented" in text
    assert 'href="https://nihcc.app.box.com/v/ChestXray-NIHCC"' in (folder / "index.html").read_text()
    assert (folder / "real.png").exists()


def test_real_images_are_shown_only_where_that_is_allowed(report, config, runs, tmp_path):
    assert (report / "real.png").exists()  # phantoms
    as_nih(runs, None)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    assert not (folder / "real.png").exists() and "nihcc.app.box.com" in (folder / "index.html").read_text()


def test_phantoms_are_not_attributed_to_the_nih(report):
    assert "NIH" not in (report / "report.md").read_text()


def test_synthetic_pictures_carry_their_notice_and_real_ones_do_not(report):
    for name in ("grid-jax.png", "hero.png"):
        assert Image.open(report / name).text["Comment"] == NOTICE
    assert "Comment" not in Image.open(report / "real.png").text


def test_the_texts_name_no_folder_of_this_machine(report, made):
    for file in ("index.html", "report.md", "results.json"):
        text = (report / file).read_text()
        assert str(made) not in text and str(report.parent) not in text


def test_a_report_of_large_noisy_grids_stays_small(config, runs, tmp_path):
    """Noise is what PNG compresses worst; 64 images of 256x256 are the largest grid that sampling writes.

    And every variant in two settings is the largest benchmark of our own configurations.
    """
    for backend in BACKENDS:
        noise = np.random.default_rng(0).normal(128, 30, (64, 256, 256)).clip(0, 255).astype(np.uint8)
        save_png(grid(noise), runs / "smoke" / backend / "samples" / "grid.png")
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    assert sum(path.stat().st_size for path in folder.iterdir()) - live_charts(folder) < 3_500_000


def test_every_process_is_on_the_page_and_its_values_in_the_results(report, results):
    page = (report / "index.html").read_text()
    details = page[page.index("<details><summary>120 processes") :].partition("</details>")[0]
    assert details.count("<tr>") == 1 + 120 and "IQR" in details
    assert {path.stem for path in report.glob("*.png")} >= {"order", "growth-step_time", "growth-peak_host_memory"}
    torch = next(one for one in results.processes if (one.backend, one.variant) == ("torch", "native-compile"))
    assert len(torch.step_times) == 5 and torch.repeat == 0
    assert "energy" in {gap.metric for gap in results.not_measured} and 'id="energy"' not in page


@pytest.mark.parametrize("file", ["index.html", "report.md"])
def test_ours_against_its_peers_follows_the_answer(report, results, file):
    said = headline(results)
    text = (report / file).read_text().replace("&#39;", "'")
    places = [text.index(sentence) for sentence in (said.answer, *said.further)]
    assert places == sorted(places) and places[-1] < text.index("Synthetic images.")
    for section in ("Start", "The limit"):
        assert f"## {section}\n" in text or f">{section}</h2>" in text


def test_a_report_of_an_earlier_version_comes_as_before(results, tmp_path):
    metrics = ("step_time", "images_per_second", "first_step_time", "peak_host_memory")
    own = [one for one in results.records if one.variant in ("ours", "held-out") and one.image_size == 32]
    kept = [one for one in own if one.metric in metrics or one.metric not in UNITS]
    content = results.model_copy(update={"records": kept, "processes": []}).model_dump(mode="json")
    del content["processes"]
    for one in content["records"]:
        del one["values"]
        one["n"] = 10
    write_report(Results.model_validate(content), [], tmp_path)
    page, text = (" ".join((tmp_path / file).read_text().split()) for file in ("index.html", "report.md"))
    # The independent errors of both intervals, as worked out by hand: exp(hypot(ln(115 / 110.7), ln(63.4 / 62.1)))
    assert text.startswith(
        "# JAX was fastest: PyTorch's training step took 1.78 times as long (95 % interval 1.71 to 1.86). Measured on "
        "Imaginary CPU 3000, 2 cores, 8 GiB memory, Linux 6.1; cpu, float32, 32x32 images, batch 16."
    )
    for shown in (page, text):
        assert "the median of 10 blocks" in shown and "fresh process" not in shown
        assert "keras-fit" not in shown and "The limit" not in shown and "Run: nox -s bench" not in shown
    assert (tmp_path / "images_per_second.png").exists() and not (tmp_path / "order.png").exists()
