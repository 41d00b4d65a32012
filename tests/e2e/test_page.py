"""The page in a real browser: claim, log in, find a flow. The screenshot of the first screen is the manual's picture."""

import os
import re

import pytest
from gateway import PROJECT, put, wait_until
from invoices import invoice
from playwright.sync_api import expect, sync_playwright

NAME, PASSWORD = "Camille Durand", "une phrase de passe assez longue"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser, gateway):
    host, port = gateway.address("door")
    context = browser.new_context(ignore_https_errors=True, base_url=f"https://{host}:{port}", viewport={"width": 1280, "height": 860})
    page = context.new_page()
    yield page
    context.close()


def test_claim_log_in_and_find_a_flow(page, gateway, tmp_path):
    with gateway.sftp() as sftp:
        for number in ("PAGE-1", "PAGE-2"):
            put(sftp, f"/depot/{number}.xml", invoice(number))
        put(sftp, "/depot/note.txt", b"bonjour")
        put(sftp, "/depot/PAGE-3.xml", invoice("PAGE-3", recipient="99999999999999"))
    gateway.final_receipt("PAGE-1.xml")
    gateway.final_receipt("note.txt")
    gateway.final_receipt("PAGE-3.xml")

    # Nobody is let in before the claim, and a wrong code claims nothing.
    page.goto("/")
    expect(page).to_have_url(re.compile("/claim"))
    code = wait_until("a claim code", lambda: (gateway.run_dir / "claim").exists() and (gateway.run_dir / "claim").read_text().strip())
    page.fill("input[name=code]", "0000-0000")
    page.fill("input[name=name]", NAME)
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=repeat]", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.locator("main")).to_contain_text("code")
    page.fill("input[name=code]", code)
    page.fill("input[name=name]", NAME)
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=repeat]", PASSWORD)
    page.click("main button[type=submit]")
    if "/login" in page.url:
        page.fill("input[name=name]", NAME)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button[type=submit]")

    # The first screen says whether anything is stuck.
    page.goto("/")
    expect(page.locator("h1")).to_be_visible()
    picture = tmp_path / "page.png"
    page.screenshot(path=picture)
    if os.environ.get("FLUXGATE_PICTURE"):
        (PROJECT / "tests/e2e/page.png").write_bytes(picture.read_bytes())

    # Find a flow by its invoice number; its page tells the whole way.
    page.goto("/flux?q=PAGE-2")
    page.click("text=PAGE-2.xml")
    body = page.locator("main")
    expect(body).to_contain_text("PAGE-2")
    expect(body).to_contain_text("CPP")
    with page.expect_download() as download:
        page.click("a[href$='/original']")
    assert open(download.value.path(), "rb").read() == invoice("PAGE-2")

    # A rejected one names who must act.
    page.goto("/flux?q=PAGE-3")
    page.click("text=PAGE-3.xml")
    expect(page.locator("main")).to_contain_text("FG-402")

    # Nothing was refused by the page's own security policy, nothing was fetched from elsewhere.
    assert page.evaluate("performance.getEntriesByType('resource').every(r => r.name.startsWith(location.origin))")


def test_the_configuration_page_names_the_line_of_an_error(page, gateway):
    page.goto("/configuration")
    text = page.locator("textarea[name=text]")
    before = text.input_value()
    text.fill(before.replace("[limits]", "[limits]\nfiel = \"1MiB\""))
    page.click("button:has-text('Enregistrer')")
    expect(page.locator("main")).to_contain_text("fiel")
    expect(page.locator("main")).to_contain_text("file")
    assert "fiel" not in gateway.config.read_text()


def test_curl_speaks_http2_and_the_door_hides_nothing(gateway):
    import subprocess

    host, port = gateway.address("door")
    done = subprocess.run(["curl", "-ksS", "--http2", "-D-", "-o", "/dev/null", f"https://{host}:{port}/login"], capture_output=True, text=True, check=True).stdout
    assert done.startswith("HTTP/2 "), done
    assert "content-security-policy" in done.lower()
    refused = subprocess.run(["curl", "-ksS", "--tls-max", "1.1", f"https://{host}:{port}/"], capture_output=True, text=True)
    assert refused.returncode == 35, refused
    health = subprocess.run(["curl", "-sS", f"http://{gateway.addresses['metrics']}/healthz"], capture_output=True, text=True, check=True).stdout
    assert "ok" in health
    assert "fluxgate_" in gateway.metrics()
