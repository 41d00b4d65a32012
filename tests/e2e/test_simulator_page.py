"""The simulator's page in a real browser, on a desk and on a phone: a tester acts, and a client sees it."""

import pytest
from gateway import Simulator
from integrator import NOBODY, Client, Refused
from invoices import invoice
from playwright.sync_api import expect, sync_playwright

PAGES = {
    "": ("Registre", "Ledger"),
    "supplier": ("En tant que fournisseur", "As a supplier"),
    "chorus": ("En tant que Chorus Pro", "As Chorus Pro"),
    "accountant": ("En tant que comptable du destinataire", "As the recipient's accountant"),
    "tests": ("Catalogue de tests", "Catalogue of tests"),
}


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    simulator = Simulator(tmp_path_factory.mktemp("practice"), "speed = 0.0\nreceived = 3\ncatalogue = true\n")
    yield simulator
    simulator.stop()


@pytest.fixture(scope="module")
def client(practice):
    return Client(practice.credentials)


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync"],
        )
        yield browser
        browser.close()


def opened(chromium, practice, width):
    context = chromium.new_context(
        ignore_https_errors=True, base_url=practice.url, viewport={"width": width, "height": 900}, locale="fr-FR"
    )
    page = context.new_page()
    page.troubles = []
    page.on("console", lambda message: page.troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda asked: page.troubles.append(asked.url) if not asked.url.startswith(practice.url) else None)
    return page


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_its_screen_and_asks_nothing_of_others(chromium, practice, client, width):
    client.deposit(invoice(f"LARGE-{width}", recipient=NOBODY), "une-facture-au-nom-assez-long-pour-deborder-d-un-telephone.xml")
    client.deposit(invoice(f"OK-{width}"), "ok.xml")
    practice.control(action="advance", by="1h")
    page = opened(chromium, practice, width)
    for path, titles in PAGES.items():
        for lang, title in zip(("fr", "en"), titles):
            page.goto(f"/simulator/{path}?lang={lang}")
            expect(page.locator("h1")).to_have_text(title)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px too wide at {width}"
            assert page.evaluate("getComputedStyle(document.querySelector('.top')).borderBottomStyle") == "double", "styled"
    # A browser asks for a favourite icon by itself; the simulator has none.
    assert not [trouble for trouble in page.troubles if "favicon" not in trouble and "404" not in trouble], page.troubles
    page.context.close()


def test_a_tester_sends_suspends_completes_breaks_and_pays(chromium, practice, client):
    page = opened(chromium, practice, 1280)
    page.goto("/")
    page.get_by_role("link", name="Fournisseur").click()
    page.fill("input[name=number]", "DU-TESTEUR")
    page.fill("input[name=net]", "1250,00")
    page.get_by_role("button", name="Envoyer").first.click()
    expect(page.get_by_role("status")).to_have_text("Facture envoyée à l'établissement.")
    row = next(row for row in client.received() if row["numeroFacture"] == "DU-TESTEUR")
    assert row["montantTTC"] == 1500.0

    client.treat(row["idFacture"], "SUSPENDUE", "Bon de livraison manquant : œuvre n° 3")
    page.reload()
    line = page.locator("tr", has_text="DU-TESTEUR")
    expect(line).to_contain_text("œuvre n° 3")
    line.get_by_role("button", name="Compléter").click()
    assert client.history(row["idFacture"])[-1] == "COMPLETEE"

    page.get_by_role("link", name="Chorus Pro", exact=True).click()
    page.get_by_role("button", name="Commencer").click()
    expect(page.get_by_text("Panne générale en cours")).to_be_visible()
    assert client.send("/transverses/v1/recuperer/tauxtva", {}).status_code == 503
    page.get_by_role("button", name="Terminer").click()
    page.select_option("select[name=status_order]", "loose")
    page.get_by_role("button", name="Jouer").click()
    client.treat(row["idFacture"], "MISE_EN_PAIEMENT")

    client.deposit(invoice("DU-CLIENT"), "f.xml")
    page.fill("input[name=by]", "2min")
    page.get_by_role("button", name="Avancer").click()
    page.get_by_role("link", name="Comptable").click()
    line = page.locator("tr", has_text="DU-CLIENT")
    line.locator("select").select_option("REJETEE")
    line.locator("input[name=comment]").fill("Facture déjà payée")
    line.get_by_role("button", name="Donner").click()
    assert client.find("DU-CLIENT")["commentaireEtatCourant"] == "Facture déjà payée"
    with pytest.raises(Refused):
        client.treat(1, "SUSPENDUE", "x")
    page.context.close()
