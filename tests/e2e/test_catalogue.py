"""The catalogue of tests of a connection request: a client that behaves passes it all, a careless one fails where it
is careless. Both know only the documentation (src/simulator/PRACTICE.md)."""

import base64
import json
import os
import signal
import subprocess
import time

import pytest
import requests
from gateway import BINARY, PROJECT
from integrator import NOBODY, STATE, Careless, Client, Later, Refused, Stopped, Unsure, batch, mixed, pdf
from invoices import invoice


class Run:
    """`fluxgate simulate --catalogue run`, four times as fast."""

    def __init__(self, folder):
        scenario = folder / "scenario.toml"
        scenario.write_text("speed = 4.0\n")
        command = [BINARY, "simulate", "--catalogue", "run", "--scenario", str(scenario)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.credentials = json.loads(self.process.stdout.readline())

    def standings(self):
        answer = requests.get(
            self.credentials["url"] + "/simulator/catalogue", verify=self.credentials["ca_file"], timeout=30
        )
        return {one["id"]: (one["standing"], one["seen"]["en"]) for one in answer.json()["scenarios"]}

    def end(self):
        """The report and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        text = self.process.stdout.read()
        return text, self.process.wait(30)


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    if run.process.poll() is None:
        run.process.kill()
        run.process.wait(10)


def sample(name):
    return (PROJECT / "src/app/samples" / name).read_bytes()


def sending(client):
    """Every deposit of the catalogue, by a client that behaves."""
    for file, name, syntax in [
        (invoice("OK-UBL"), "ok.xml", "IN_DP_E1_UBL_INVOICE"),
        (sample("facture-cii.xml"), "ok-cii.xml", "IN_DP_E1_CII_16B"),
        (sample("facture-facturx.pdf"), "ok.pdf", "IN_DP_E2_CII_FACTURX"),
        (mixed("OK-MIXTE"), "mixte.xml", "IN_DP_E2_CPP_FACTURE_MIN"),
    ]:
        report = client.settled(client.deposit(file, name, syntax))
        assert report["etatCourantDepotFlux"] == "IN_INTEGRE", (name, report)

    report = client.settled(client.deposit(batch(invoice("LOT-1"), invoice("LOT-2", recipient=NOBODY)), "lot.tar.gz"))
    assert report["etatCourantDepotFlux"] == "IN_INTEGRE_PARTIEL"
    assert [error["numeroDP"] for error in client.errors(report)] == ["LOT-2"]

    report = client.settled(client.deposit(invoice("REJET-1", recipient=NOBODY), "rejet.xml"))
    assert NOBODY in client.errors(report)[0]["libelleErreurDP"]

    first, second = (client.deposit(invoice("CAT-DOUBLE-1"), f"double{n}.xml") for n in (1, 2))
    states = [client.settled(flux)["etatCourantDepotFlux"] for flux in (first, second)]
    assert states == ["IN_INTEGRE", "IN_REJETE"]

    for number in ("CAT-PERDUE-1", "CAT-COUPEE-1"):
        assert client.deposit_surely(invoice(number), "f.xml", number)["statut"]


def errors(client):
    for number in ("CAT-401-1", "CAT-403-1"):
        with pytest.raises(Stopped):
            client.deposit(invoice(number), "f.xml")

    with pytest.raises(Later) as told:
        client.deposit(invoice("CAT-429-1"), "f.xml")
    time.sleep(told.value.seconds)
    client.settled(client.deposit(invoice("CAT-429-1"), "f.xml"))

    flux = None
    while flux is None:
        try:
            flux = client.deposit(invoice("CAT-500-1"), "f.xml")
        except Unsure:
            # As long as an integration may take, then a look: only what is absent is sent again.
            time.sleep(1.5)
            assert client.find("CAT-500-1") is None
    client.settled(flux)

    assert client.settled(client.deposit(invoice("CAT-INCIDENT-1"), "i.xml"))["etatCourantDepotFlux"] == "IN_INCIDENTE"
    assert client.settled(client.deposit(invoice("CAT-INCIDENT-1"), "i.xml"))["etatCourantDepotFlux"] == "IN_INTEGRE"


def receiving(client):
    rows = client.received()
    assert len(rows) == 25
    by_number = {row["numeroFacture"]: row["idFacture"] for row in rows}
    for id in by_number.values():
        client.pivot(id)

    with pytest.raises(Refused) as told:
        client.treat(by_number["CAT-R-20002"], "SERVICE_FAIT")
    assert told.value.code == 20002
    assert client.history(by_number["CAT-R-20002"])[-1] == "MISE_EN_PAIEMENT"

    suspended = by_number["CAT-R-SUSPENDRE"]
    client.treat(suspended, "SUSPENDUE", "Pièce manquante : œuvre n° 1, 12 €")
    client.wait_for(lambda: client.received(statutCourant=["COMPLETEE"]), "the supplier completes it")
    client.treat(suspended, "SERVICE_FAIT")


def following(client):
    client.settled(client.deposit(invoice("CAT-INCONNU-1"), "u.xml"))
    seen = set()

    def paid():
        seen.add(client.find("CAT-INCONNU-1")["statut"])
        return "MISE_EN_PAIEMENT" in seen

    client.wait_for(paid, "the payment after a status nobody knows")
    assert "STATUT_DE_DEMAIN" in seen

    client.settled(client.deposit(invoice("CAT-SUSPENDUE-1"), "s.xml"))
    row = client.wait_for(lambda: (row := client.find("CAT-SUSPENDUE-1"))["statut"] == "SUSPENDUE" and row, "it is suspended")
    slip = base64.b64encode(pdf("Bon de livraison")).decode()
    added = client.call("/transverses/v1/ajouter/fichier", {
        "pieceJointeFichier": slip, "pieceJointeNom": "bl.pdf", "pieceJointeTypeMime": "application/pdf", "pieceJointeExtension": "PDF"})
    client.call("/factures/v1/completer", {
        "identifiantFactureCPP": row["identifiantFactureCPP"], "commentaire": "Bon de livraison joint",
        "pieceJointeComplementaire": [{"pieceJointeComplementaireId": added["pieceJointeId"], "pieceJointeComplementaireType": "02"}]})


def forms_and_structures(client):
    page = base64.b64encode(pdf("Facture PDF-1", "20/11/2026", "12345678200051", STATE, "Total TTC : 120,00")).decode()
    read = client.call("/factures/v1/deposer/pdf", {"fichierFacture": page, "nomFichier": "f.pdf", "formatDepot": "PDF_NON_SIGNE"})
    client.call("/factures/v1/soumettre", {
        "modeDepot": "DEPOT_PDF_API", "numeroFactureSaisi": read["numeroFacture"], "dateFacture": read["dateFacture"],
        "destinataire": {"codeDestinataire": read["codeDestinataire"]}, "fournisseur": {"idFournisseur": 0},
        "cadreDeFacturation": {"codeCadreFacturation": "A1_FACTURE_FOURNISSEUR"},
        "references": {"deviseFacture": "EUR", "typeFacture": read["typeFacture"], "modePaiement": "VIREMENT"},
        "montantTotal": {"montantTtcTotal": read["montantAPayer"], "montantAPayer": read["montantAPayer"]},
        "pieceJointePrincipale": [{"pieceJointePrincipaleId": read["pieceJointeId"]}]})
    own = client.call("/structures/v1/rechercher", {
        "structure": {"identifiantStructure": "12345678200051", "typeIdentifiantStructure": "SIRET"}})
    whole = client.call("/structures/v1/consulter", {"idStructureCPP": own["listeStructures"][0]["idStructureCPP"], "codeLangue": "fr"})
    assert whole["informationGenerales"]["dateExpirationMotPasseCompteTech"]
    client.call("/transverses/v1/telecharger/annuaire/destinataire", {})


def test_a_client_that_behaves_passes_every_scenario(run):
    client = Client(run.credentials)
    sending(client)
    errors(client)
    receiving(client)
    following(client)
    forms_and_structures(client)
    standings = run.standings()
    assert {standing for standing, _ in standings.values()} == {"passed"}, standings
    text, code = run.end()
    assert code == 0 and f"{len(standings)} réussis, 0 échoués" in text, text


def test_a_careless_client_fails_where_it_is_careless(run):
    client = Careless(run.credentials)
    for number in ("CAT-PERDUE-1", "CAT-COUPEE-1", "CAT-401-1", "CAT-403-1", "CAT-429-1", "CAT-500-1"):
        client.deposit_surely(invoice(number), "f.xml", number)
    for _ in range(3):
        client.deposit(invoice("CAT-DOUBLE-1"), "d.xml")
        client.deposit(invoice("CAT-INCIDENT-1"), "i.xml")
        client.deposit(invoice("REJET-1", recipient=NOBODY), "r.xml")
        rows = client.received()
    client.pivot(rows[0]["idFacture"])
    client.pivot(rows[0]["idFacture"])
    # The two named invoices stand on a page this client never asks for.
    overtaken = 9001 + 23
    for _ in range(2):
        with pytest.raises(Refused):
            client.treat(overtaken, "SERVICE_FAIT")
    client.settled(client.deposit(batch(invoice("LOT-1"), invoice("LOT-2", recipient=NOBODY)), "lot.tar.gz"))
    client.settled(client.deposit(batch(invoice("LOT-1"), invoice("LOT-2", recipient=NOBODY)), "lot.tar.gz"))
    standings = run.standings()
    failed = {id for id, (standing, _) in standings.items() if standing == "failed"}
    assert failed == {
        "token-reused", "archive-partly", "rejection-noticed", "duplicate-stopped", "answer-lost", "answer-cut",
        "error-401", "error-403", "error-429", "error-500", "incident-repeated", "search-paged", "pivot-once",
        "status-refused",
    }, standings
    assert standings["status-motif"][0] == "not_played"
    text, code = run.end()
    assert code == 1 and "échoué    answer-lost" in text, text


def test_the_catalogue_lists_itself():
    listed = subprocess.run([BINARY, "simulate", "--catalogue"], capture_output=True, text=True, check=True).stdout
    for id in ("token-reused", "answer-lost", "suspension-received", "password-read"):
        assert f"\n{id}" in listed
    assert "À faire" in listed and "Attendu" in listed


def test_the_first_exchange_of_the_manual_works(tmp_path):
    manual = (PROJECT / "src/simulator/PRACTICE.md").read_text()
    commands = next(block for block in manual.split("```") if "simulator.out &" in block)
    done = subprocess.run(
        ["bash", "-c", commands + "\nkill $!"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={"PATH": f"{os.path.dirname(BINARY)}:/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )
    assert json.loads(done.stdout)["listeTauxTva"], done.stderr
