"""The page in a real browser, where there is one: nothing is complained of, and what is to move moves."""

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROBE = """
<script type="module">
const found = {};
const range = document.querySelector("#epoch");
const shown = () => [...document.querySelectorAll("[data-frame]")].filter((i) => !i.hidden).map((i) => i.dataset.frame);
found.usable = !document.querySelector("[data-epochs]").hidden;
found.before = shown();
range.value = 0;
range.dispatchEvent(new Event("input"));
found.after = shown();
found.label = document.querySelector("output").value;
const image = document.querySelector("figure.card img");
image.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
found.enlarged = document.querySelector("dialog").open && document.querySelector("dialog img").src === image.src;
document.querySelector("dialog button").click();
found.closed = !document.querySelector("dialog").open;
found.width = window.innerWidth;
found.overflow = document.documentElement.scrollWidth - window.innerWidth;
found.requests = performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("data:")).map((e) => e.name);
const pause = () => new Promise((done) => setTimeout(done, 100));
const losses = [...document.querySelectorAll(".chart")].find((one) => one.ariaLabel.startsWith("Discriminator loss"));
while (!losses.querySelector("svg")) await pause();
const box = losses.querySelector("input[type=checkbox]");
found.drawn = [];
for (let turn = 0; turn < 3; turn += 1) {
  found.drawn.push(losses.querySelector("svg").innerHTML.length);
  box.click();
  await pause();
}
parent.postMessage(JSON.stringify(found), "*");
</script>
"""
# A browser's window has a least width, larger than a phone's; a frame has none.
FRAME = """
<title>nothing came</title>
<script>addEventListener("message", (event) => { document.title = event.data; });</script>
<iframe src="page.html" style="width: WIDTHpx; height: 900px; border: 0"></iframe>
"""


@pytest.fixture(scope="module")
def browser():
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: install it to test the page in a browser")
    return found


def visit(browser, page):
    """What the probe found in the page of this frame, and what the console said."""
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--enable-logging=stderr",
    ]
    command = [
        browser,
        *options,
        "--window-size=1400,1000",
        "--virtual-time-budget=10000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    title = re.search("<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr[-2000:]
    return json.loads(html.unescape(title[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("width", [1280, 375])
def test_the_page_works_and_asks_for_nothing(browser, report, tmp_path, width):
    page, frame = tmp_path / "page.html", tmp_path / "frame.html"
    content, end, after = (report / "index.html").read_text().rpartition("</body>")  # the charts' script has one, too
    page.write_text(f"{content}{PROBE}{end}{after}")
    frame.write_text(FRAME.replace("WIDTH", str(width)))
    found, console = visit(browser, frame)
    assert console == []
    assert found["usable"] and found["before"] == ["1"] * 3
    assert found["after"] == ["0"] * 3 and found["label"] == "1"
    assert found["enlarged"] and found["closed"]
    assert found["requests"] == []
    shown, hidden, again = found["drawn"]  # as one backend is hidden and shown again
    assert hidden < shown == again
    assert found["width"] == width and found["overflow"] <= 0
