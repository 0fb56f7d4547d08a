"""The page in a real browser: headless Chromium, narrow and wide, light and dark, on paper."""

from __future__ import annotations

import shutil

import pytest

from autoif_train.report.page import write_report
from tests.unit.report.conftest import write_run
from tests.unit.report.test_page import SECTIONS

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = (390, 1400)  # a phone's and a desk's, in CSS pixels
SCHEMES = ("light", "dark")


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine; `make browser` installs one where apt-get may")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(write_run(tmp_path_factory.mktemp("run"))).as_uri()


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids=str)
def opened(browser, report, request):
    """The page in a window of one width and scheme, with what the browser said and asked for meanwhile."""
    width, scheme = request.param
    window = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    window.said, window.asked = [], []
    window.on("console", lambda message: window.said.append(message.text))
    window.on("pageerror", lambda error: window.said.append(str(error)))
    window.on("request", lambda asked: window.asked.append(asked.url))
    window.goto(report)
    yield window
    window.close()


def test_the_browser_has_nothing_to_complain_of(opened):
    assert opened.said == []


def test_nothing_is_asked_for_but_the_page(opened, report):
    assert opened.asked == [report]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_is_visible(opened, section):
    assert opened.locator(f"#{section}").is_visible()


def test_the_page_is_never_wider_than_its_window(opened):
    assert opened.evaluate("document.documentElement.scrollWidth") <= opened.viewport_size["width"]


def test_details_open_at_a_click(opened):
    details = opened.locator("details").first
    details.locator("summary").first.click()
    assert details.evaluate("element => element.open")


def test_text_stands_out_from_its_background(opened):
    """Contrast of body text of at least 7 : 1 (WCAG 2.2, level AAA), from the colours that the browser computed."""
    ink, page = opened.evaluate(
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    darker, lighter = sorted(map(luminance, (ink, page)))
    assert (lighter + 0.05) / (darker + 0.05) >= 7


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` as WCAG defines it."""
    channels = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_schemes_differ(browser, report):
    window, backgrounds = browser.new_page(), set()
    window.goto(report)
    for scheme in SCHEMES:
        window.emulate_media(color_scheme=scheme)
        backgrounds.add(window.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == len(SCHEMES)


def test_it_prints(browser, report):
    window = browser.new_page()
    window.goto(report)
    assert window.pdf(format="A4").startswith(b"%PDF")
