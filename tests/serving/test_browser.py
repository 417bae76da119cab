"""The page in a real browser: with the mouse, the keyboard and without scripts; and strangers."""

import re

import pytest

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def server(start_acting):
    server = start_acting(max_bytes=100_000, allowed_hosts=["detector.example"])
    yield server
    assert server.end() == 0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A file whose name would be more than a name, were it not escaped."""
    path = tmp_path_factory.mktemp("videos") / "<img src=x onerror=alert(1)>\"';&\n.mp4"
    path.write_bytes(b"x" * 500)
    return path


@pytest.fixture
def broken(video):
    path = video.with_name(f"broken {video.name}")
    path.write_bytes(b"broken")
    return path


@pytest.fixture
def page(browser, server):
    """A page of a browser; an error in it fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    problems = []
    page.on("pageerror", lambda error: problems.append(error))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.goto(server.url)
    yield page
    page.close()
    assert problems == []


def test_a_video_that_is_chosen(page, video):
    page.set_input_files("input[type=file]", video)
    page.click("button")
    page.wait_for_url("**/report")
    assert page.inner_text("body") == "page"


def test_with_the_keyboard_alone(page, video):
    page.keyboard.press("Tab")
    with page.expect_file_chooser() as chosen:
        page.keyboard.press("Space")  # Not every browser opens it by Enter.
    chosen.value.set_files(video)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/report")


@pytest.mark.parametrize("has_script", [True, False])
def test_a_video_that_is_dropped(browser, server, video, has_script):
    page = browser.new_page(java_script_enabled=has_script)
    page.goto(server.url)
    place = page.locator("input[type=file]").bounding_box()
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": place["x"] + place["width"] * 0.8,
                "y": place["y"] + place["height"] / 2,
                "data": {"items": [], "files": [str(video)], "dragOperationsMask": 1},
            },
        )
    page.click("button")
    page.wait_for_url("**/report")
    page.close()


def test_without_a_file_nothing_is_sent(page, server):
    page.click("button")
    assert page.url == f"{server.url}/"


def test_a_name_is_inert_in_the_answer(page, broken):
    page.set_input_files("input[type=file]", broken)
    page.click("button")
    page.wait_for_url("**/report")
    said = page.inner_text("[role=alert]")
    assert "<img src=x onerror=alert(1)>" in said
    assert page.locator("img").count() == 0
    # The form is there for the next one.
    assert page.locator("form").count() == 1


def test_a_file_that_is_too_large_is_not_sent(page, server, tmp_path):
    large = tmp_path / "large.mp4"
    large.write_bytes(b"x" * 150_000)
    page.set_input_files("input[type=file]", large)
    assert page.inner_text("#state") == "The file has 0.1 MB, and at most 0.1 MB are taken."
    page.click("button")
    assert page.url == f"{server.url}/"


def test_without_scripts_a_file_that_is_too_large_is_a_page_that_says_so(browser, server, tmp_path):
    large = tmp_path / "large.mp4"
    large.write_bytes(b"x" * 20_000_000)
    page = browser.new_page(java_script_enabled=False)
    page.goto(server.url)
    page.set_input_files("input[type=file]", large)
    page.click("button")
    page.wait_for_url("**/report")
    assert "at most 0.1 MB are taken" in page.inner_text("[role=alert]")
    page.close()


_STATE = "document.querySelector('#state').textContent + document.querySelector('button').disabled"


def test_what_happens_is_said_while_it_is_computed(page, server, tmp_path, wait_until):
    hanging = tmp_path / "hanging.mp4"
    hanging.write_bytes(b"hang")
    page.set_input_files("input[type=file]", hanging)
    devtools = page.context.new_cdp_session(page)
    page.click("button", no_wait_after=True)
    # Playwright itself would wait for the report.
    said = devtools.send("Runtime.evaluate", {"expression": _STATE})["result"]["value"]
    assert "is sent and looked at" in said
    assert said.endswith("true")
    wait_until(lambda: server.health()["num_held"] == 1)
    page.goto("about:blank")  # Whoever leaves the page does not want it any more.
    wait_until(lambda: server.health()["num_held"] == 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(browser, server, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(server.url)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("h1").count() == 1
    for element in ("h1", "p", "button", ".drop label", "pre", ".banner"):
        assert page.locator(element).first.evaluate(_CONTRAST) >= 4.5, element
    for element in ("input[type=file]", "button"):
        box = page.locator(element).bounding_box()
        assert box["height"] >= 36
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    page.close()


# Of a text and what is behind it, as WCAG 2 defines it.
_CONTRAST = """element => {
  const rgb = text => text.match(/[0-9.]+/g).map(Number);
  const level = text => rgb(text).slice(0, 3)
    .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let behind = element;
  const isClear = part => (rgb(getComputedStyle(part).backgroundColor)[3] ?? 1) === 0;
  while (isClear(behind)) behind = behind.parentElement;
  const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
    .map(level).sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def test_under_another_name_without_https_the_form_works_too(browser, server, video):
    # There, browsers say where a form comes from by `Origin` alone.
    page = browser.new_page()
    page.goto(f"http://detector.example:{server.port}/")
    page.set_input_files("input[type=file]", video)
    with page.expect_request("**/report") as sent:
        page.click("button")
    page.wait_for_url("**/report")
    assert page.inner_text("body") == "page"
    assert "sec-fetch-site" not in sent.value.all_headers()
    page.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "detector.example"])
def test_a_form_of_another_site(browser, server, video, host):
    page = browser.new_page()
    form = f"""<form action="http://{host}:{server.port}/report" method="post"
        enctype="multipart/form-data"><input type="file" name="file"><button>x</button></form>"""
    page.route(
        "http://attacker.example/",
        lambda route: route.fulfill(body=form, status=200, content_type="text/html"),
    )
    page.goto("http://attacker.example/")
    page.set_input_files("input[type=file]", video)
    with page.expect_response("**/report") as answer:
        page.click("button")
    assert answer.value.status == 403
    page.close()


def test_a_site_that_has_its_name_resolve_to_us_and_one_that_shows_us_in_a_frame(browser, server):
    page = browser.new_page()
    assert page.goto(f"http://attacker.example:{server.port}/").status == 421
    assert page.locator("form").count() == 0
    page.set_content(f'<iframe src="{server.url}"></iframe>')
    page.wait_for_timeout(300)
    assert page.frames[1].query_selector("form") is None
    page.close()


def test_a_browser_asks_for_the_token(browser, start_acting, video):
    server = start_acting(token=TOKEN)
    page = browser.new_page(http_credentials={"username": "anybody", "password": TOKEN})
    page.goto(server.url)
    page.set_input_files("input[type=file]", video)
    page.click("button")
    page.wait_for_url("**/report")
    assert page.inner_text("body") == "page"
    page.go_back()
    assert re.search(r"Bearer \$TOKEN.*/predict", page.inner_text("pre"))
    page.close()
    assert server.end() == 0
