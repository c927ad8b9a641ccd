"""The built site in a headless Chromium that reaches no host but this machine.

    make docs-check

Every page is loaded in a wide and in a narrow window, in light and in dark.
"""

import functools
import http.server
import json
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

SITE = Path(__file__).parents[1] / "_build" / "html"
FILES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
PAGES = [name for name in FILES if not name.startswith("_static/")]  # templates of the theme
BROWSERS = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
CHROMIUM = next(filter(None, BROWSERS), None)
WIDE, NARROW = {"width": 1300, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: on Debian, apt-get install chromium"),
    pytest.mark.skipif(not PAGES, reason="no site: call `make docs` first"),
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def address():
    handler = functools.partial(QuietHandler, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        yield browser
        browser.close()


class Visit:
    """A page of the browser that keeps what went wrong in it."""

    def __init__(self, browser, address):
        self.address = address
        self.context = browser.new_context(viewport=WIDE)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._miss)
        self.page.on("request", self._see)

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _miss(self, request):
        if request.failure != "net::ERR_ABORTED":  # which is how leaving a page ends its requests
            self.complaints.append(f"{request.url}: {request.failure}")

    def _see(self, request):
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"asks for {request.url}")

    def open(self, name):
        self.complaints.clear()
        self.page.goto(self.address + name, wait_until="load")
        return self.page


@pytest.fixture(scope="session")
def visit(browser, address):
    visit = Visit(browser, address)
    yield visit
    visit.context.close()


def set_theme(page, theme):
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate(
        "theme => { document.documentElement.dataset.mode = theme;"
        " document.documentElement.dataset.theme = theme; }",
        theme,
    )


def contrast_faults(page):
    options = {"runOnly": ["color-contrast", "image-alt", "link-name", "button-name"]}
    violations = axe.Axe().run(page, options=options).response["violations"]
    return [
        (violation["id"], node["html"][:200], node["any"][0]["message"] if node["any"] else "")
        for violation in violations
        for node in violation["nodes"]
    ]


def ids_and_links(page):
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    hrefs = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
    return set(ids), hrefs


@pytest.fixture(scope="session")
def seen():
    """What `ids_and_links` found in the pages that were visited, by their names."""
    return {}


@pytest.mark.parametrize("name", PAGES)
def test_page(visit, seen, name):
    page = visit.open(name)
    seen[name] = ids_and_links(page)
    page.wait_for_load_state("networkidle")
    assert visit.complaints == []

    images = page.eval_on_selector_all(
        "img", "all => all.map(i => [i.src, i.alt.trim(), i.naturalWidth, i.offsetWidth])"
    )
    assert [src for src, alt, *_ in images if not alt] == []
    assert [src for src, _, width, shown in images if shown and not width] == []

    formulas = page.eval_on_selector_all(
        ".math",
        "all => all.map(e => [e.innerText,"
        " e.querySelector('math')?.getBoundingClientRect().width ?? 0])",
    )
    assert [text for text, width in formulas if not width or "\\" in text] == []

    for theme in ("light", "dark"):
        set_theme(page, theme)
        assert contrast_faults(page) == [], theme

    page.set_viewport_size(NARROW)
    try:
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    finally:
        page.set_viewport_size(WIDE)


def leads_somewhere(link, address, anchors):
    if not link.startswith(address):
        return True
    url, anchor = urldefrag(link)
    target = unquote(urlsplit(url).path).lstrip("/")
    target = target + "index.html" if target.endswith("/") or not target else target
    if target in anchors:
        return not anchor or unquote(anchor) in anchors[target]
    return (SITE / target).exists()


def test_links_and_anchors(visit, seen, address):
    """Every link into the site leads to a file, and to an element where it names one."""
    pages = {name: seen.get(name) or ids_and_links(visit.open(name)) for name in PAGES}
    anchors = {name: ids for name, (ids, _) in pages.items()}
    links = [
        (name, urljoin(address + name, link))
        for name, (_, hrefs) in pages.items()
        for link in hrefs
    ]
    broken = {pair for pair in links if not leads_somewhere(pair[1], address, anchors)}
    assert broken == set()
    assert len(links) > 1000


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("epsilon_max", "epsilon_max"),
        ("frozen features", "choosing epsilon"),
        ("certified", "certified"),
    ],
)
def test_search(visit, words, expected):
    page = visit.open(f"search.html?q={words}")
    page.wait_for_selector("#search-results li p")
    assert expected in page.inner_text("#search-results").lower()
    assert visit.complaints == []


@pytest.mark.parametrize("press_enter", [False, True])
def test_search_from_another_page(visit, press_enter):
    page = visit.open("guide/glossary.html")
    page.locator("button.search-button__button, .search-button-field").first.click()
    page.locator("input[type=search]:visible").first.press_sequentially("log-odds")
    if press_enter:
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html*")
    page.wait_for_selector("#search-results li")
    assert visit.complaints == []


def test_versions_can_be_chosen(visit):
    page = visit.open("guide/glossary.html")
    page.locator("button.version-switcher__button:visible").first.click()
    entries = page.locator(".version-switcher__menu:visible a")
    entries.first.wait_for()
    assert entries.count() == len(json.loads((SITE / "_static" / "switcher.json").read_text()))
    assert visit.complaints == []


@pytest.mark.parametrize("name", ["index.html", "guide/choosing_epsilon.html"])
def test_a_copy_button_copies_the_code_alone(visit, name):
    page = visit.open(name)
    page.locator("div.highlight-default, div.doctest").first.hover()
    page.locator("div.highlight-default button.copybtn, div.doctest button.copybtn").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "import" in copied
    assert ">>>" not in copied


def test_the_theme_can_be_switched(visit):
    page = visit.open("index.html")
    seen = set()
    for mode in ("light", "dark"):
        page.locator("button.theme-switch-button:visible").first.click()
        page.locator(f"button.theme-change-button[data-mode={mode}]:visible").first.click()
        seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_the_check_turns_red(visit):
    page = visit.open("index.html")
    page.evaluate(
        "document.querySelector('article').insertAdjacentHTML('beforeend',"
        ' \'<p style="color:#ccc;background:#fff">pale</p><img src="nowhere.png">\')'
    )
    page.wait_for_load_state("networkidle")
    assert {fault for fault, *_ in contrast_faults(page)} >= {"color-contrast", "image-alt"}
    assert any("404" in complaint for complaint in visit.complaints)
