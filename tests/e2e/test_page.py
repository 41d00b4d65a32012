"""The page in a real browser: claim, log in, find a flow. The screenshot of the first screen is the manual's picture."""

import json
import os
import re

import pytest
from gateway import PROJECT, put, wait_until
from invoices import invoice
from playwright.sync_api import expect, sync_playwright

NAME, PASSWORD = "Camille Durand", "une phrase de passe assez longue"

# One whose recipient suspends it: by itself, for what a tester moves by hand may be overtaken by the hurried clock.
SCENARIO = """
[[path]]
invoice = "SUSPENDUE-*"
statuses = ["DEPOSEE", "EN_COURS_ACHEMINEMENT", "MISE_A_DISPOSITION", "SUSPENDUE"]
comment = "Bon de livraison manquant"
"""

# What keeps somebody from reading or using a screen: text beyond its edge, what sticks out of its card, fields without a name, pale text (WCAG 2, 1.4.3).
OBSTACLES = """() => {
  const found = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`wider than the screen by ${root.scrollWidth - root.clientWidth} px`);
  for (const choice of document.querySelectorAll("input[type=radio], input[type=checkbox]"))
    if (choice.getBoundingClientRect().width > 30) found.push(`a circle as wide as a field: ${choice.name}`);
  for (const card of document.querySelectorAll(".card"))
    if (card.scrollWidth > card.clientWidth + 1) found.push(`sticks out of its card by ${card.scrollWidth - card.clientWidth} px`);
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels.length) found.push(`no label: ${field.name}`);
  const channels = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = (v) => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = channels(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
    if (!text || !element.getClientRects().length || element.closest("script, style, noscript")) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return [...new Set(found)];
}"""
SCREENS = ["/", "/flux", "/flux?q=nothing-of-that-name", "/configuration", "/configuration/assistant", "/configuration/secrets",
           "/configuration/versions", "/journal", "/annuaire", "/diagnostic", "/aide", "/personnes", "/nowhere"]


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
    # As a telephone opens it that read the picture on the console: where the page is open already (no page is loaded then), and anew.
    page.goto(f"/claim#{code}")
    expect(page.locator("input[name=code]")).to_have_value(code)
    page.goto("about:blank")
    page.goto(f"/claim#{code}")
    expect(page.locator("input[name=code]")).to_have_value(code)
    assert "#" not in page.url
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


def plain_pdf():
    """A whole PDF of one empty page, with nothing in it for a machine."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"]
    text, places = "%PDF-1.4\n", []
    for at, body in enumerate(objects, 1):
        places.append(len(text))
        text += f"{at} 0 obj\n{body}\nendobj\n"
    table = "0000000000 65535 f \n" + "".join(f"{place:010} 00000 n \n" for place in places)
    return f"{text}xref\n0 4\n{table}trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{len(text)}\n%%EOF\n".encode()


def forms(page, gateway, simulator):
    """Addresses of the forms that a person meets on flows: a decision with rows to choose, data, a complement, a status."""
    twin, name = "33254021516357", "Bordereau_des_factures_douteuses_" + "y" * 60 + ".xml"
    with gateway.sftp() as sftp:
        put(sftp, "/depot/twin.xml", invoice("DOUTE-ABCDEFGHIJK-1", supplier=twin))
        gateway.final_receipt("twin.xml")
        simulator.control(action="add_fault", fault={"service": "deposer/flux", "effect": "lose_answer", "accepted": False})
        put(sftp, f"/depot/{name}", invoice("DOUTE-ABCDEFGHIJK-1"))
        put(sftp, "/depot/plain.pdf", plain_pdf())
        put(sftp, "/depot/suspended.xml", invoice("SUSPENDUE-1"))
    simulator.control(action="send_samples", count=1)

    def flow(name, state):
        receipt = gateway.receipt(name)
        return receipt and receipt["state"] == state and receipt["flow"]

    doubtful = wait_until("the doubt", lambda: flow(name, "doubtful"))
    plain = wait_until("the PDF", lambda: flow("plain.pdf", "incomplete"))
    suspended = wait_until("the suspension", lambda: gateway.receipt("suspended.xml")["invoices"][0]["status"] == "SUSPENDUE" and flow("suspended.xml", "integrated"))
    received = wait_until("the received invoice", lambda: list(gateway.folder_of("recues").glob("*/facture.json")))
    received = json.loads(received[0].read_text())["flow"]

    def looked_up():
        page.goto(f"/flux/{doubtful}/decision?choix=confirme")
        return page.locator("input[type=radio]").count()

    wait_until("a row to choose", looked_up)
    decisions = [f"/flux/{doubtful}/decision?choix={choice}" for choice in ("confirme", "renvoyer", "abandonner")]
    return [*decisions, f"/flux/{plain}/donnees", f"/flux/{suspended}/completer", f"/flux/{received}/statut"]


def test_every_screen_can_be_read_and_used(page, browser, gateway, simulator):
    """At a desk and on a telephone, by day and by night, with names as long as they come, by keyboard."""
    long_name = "Facture_sans_espace_" + "x" * 170 + ".xml"
    with gateway.sftp() as sftp:
        put(sftp, f"/depot/{long_name}", invoice("LONG-ABCDEFGHIJK-01"))
        put(sftp, "/depot/coupe.xml", invoice("COUPE-9")[:1500])
    gateway.final_receipt("coupe.xml")
    asking = forms(page, gateway, simulator)
    page.goto("/flux")
    flows = [link.get_attribute("href") for link in page.locator("table.list a[href^='/flux/']").all()]
    assert len(flows) >= 6
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for path in SCREENS + flows + asking:
            page.goto(path)
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 860})
                assert page.evaluate(OBSTACLES) == [], (scheme, path, width)
    # A form that came back says what is wrong at the field, has the first of them in hand, and fits as well.
    data = next(path for path in asking if path.endswith("/donnees"))
    page.goto(data)
    page.fill("[name='vat[0].rate']", "vingt")
    page.click("main button[type=submit]")
    # The field gets its focus once the page is drawn.
    page.wait_for_function("document.activeElement.name === 'number'", timeout=20_000)
    assert page.input_value("[name='vat[0].rate']") == "vingt"
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 860})
        assert page.evaluate(OBSTACLES) == [], (data, width)
    page.click("main .problem a:has-text('Taux')")
    page.wait_for_function("document.activeElement.name === 'vat[0].rate'", timeout=20_000)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 860})
    for path in ("/", "/flux", "/configuration/assistant"):
        page.goto(path)
        reached = 0
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break  # past the last one
            reached += 1
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", (path, page.evaluate("document.activeElement.outerHTML"))
        assert reached > 8, path


def test_a_reader_reads_one_language(page, gateway):
    """The flow of a broken file, in French and in English: title, remedy and findings."""
    page.goto("/flux?q=coupe.xml")
    page.click("text=coupe.xml")
    expect(page.locator("main")).to_contain_text("XML mal formé : fichier coupé au milieu d'une balise (ligne ")
    page.click("a.language")
    expect(page.locator("main")).to_contain_text("Malformed XML: file cut in the middle of a tag (line ")
    page.click("a.language")
    expect(page.locator("main")).to_contain_text("Fichier reçu, enregistré et journalisé")


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
