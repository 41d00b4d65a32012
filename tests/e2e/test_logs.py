"""Whatever is logged, at its most talkative: no secret, no token, no body of a call stands in it (PROTOCOL §7, "whole JSON
logged")."""

import base64
import json
import re

import paramiko
import pytest
from gateway import PASSWORD, Gateway, Simulator, put, wait_until
from integrator import pdf
from invoices import invoice

IBAN = "FR7630006000011234567890189"
SCENARIO = """
speed = 20000.0
received = 3

[[fault]]
service = "deposer/flux"
effect = "lose_answer"
invoice = "LOG-PERDUE"

[[fault]]
service = "telecharger/groupe"
effect = "cut"

[[fault]]
service = "rechercher/fournisseur"
effect = "garbage_200"
"""
DATA = {
    "number": "LOG-PDF", "date": "2026-11-20", "supplier": {"siret": "12345678200051"}, "recipient": {"siret": "11000201100044"},
    "frame": "A1", "type": "invoice", "currency": "EUR", "vat_kind": "on_debit", "payment": "transfer",
    "vat": [{"rate": "20", "base": "100.00", "tax": "20.00"}], "comment": "Remarque confidentielle du fournisseur",
    "totals": {"without_tax": "100.00", "tax": "20.00", "with_tax": "120.00", "payable": "120.00"},
}


class Talkative(Gateway):
    def configuration(self, *words):
        return super().configuration(*words) + '[log]\nlevel = "debug"\n'


def encoded(body):
    """Pieces of the base64 of a body, however it was cut before it."""
    whole = base64.b64encode(body).decode()
    return [whole[at : at + 60] for at in range(0, len(whole) - 60, 600)]


def test_no_secret_token_or_body_stands_in_any_log_however_much_is_logged(tmp_path):
    simulator = Simulator(tmp_path / "simulator", SCENARIO)
    gateway = Talkative(tmp_path / "gateway", simulator, integration_delay="2s")
    page = pdf("Facture LOG-PDF")
    dropped = {"bonne.xml": invoice("LOG-1"), "perdue.xml": invoice("LOG-PERDUE"), "personne.xml": invoice("LOG-2", recipient="99999999999999")}
    given = simulator.credentials
    try:
        with pytest.raises(paramiko.AuthenticationException):
            with gateway.sftp(password="un-mauvais-mot-de-passe-42"):
                pass
        with gateway.sftp() as sftp:
            for name, body in dropped.items():
                put(sftp, f"/depot/{name}", body)
            put(sftp, "/depot/page.pdf.json", json.dumps(DATA).encode())
            put(sftp, "/depot/page.pdf", page)
            put(sftp, "/depot/coupee.xml", dropped["bonne.xml"][:900])
        for name in [*dropped, "coupee.xml"]:
            gateway.final_receipt(name, 90)
        folder = gateway.folder_of("recues")
        deliveries = wait_until("what was received", lambda: len(found := list(folder.glob("*/facture.json"))) == 3 and found, 90)
        ids = [json.loads(path.read_text())["chorus_id"] for path in deliveries]
        table = f"id_facture;statut;motif\n{ids[0]};SUSPENDUE;Motif confidentiel : œuvre\n".encode()
        with gateway.sftp() as sftp:
            put(sftp, "/depot/statuts.csv", table)
        gateway.final_receipt("statuts.csv", 90)
        # A refused token, a refused account, and the queue that stops and resumes.
        simulator.control(action="set_account_password", value="autre")
        simulator.control(action="expire_tokens")
        wait_until("a halt", lambda: "fluxgate_realm_halted{" in gateway.metrics(), 60)
        simulator.control(action="set_account_password", value=given["account_password"])
        gateway.first_screen()
        flow = gateway.receipt("perdue.xml")["flow"]
    finally:
        gateway.stop()
        simulator.stop()
    log = (gateway.folder / "gateway.log").read_text()
    assert log.count(" DEBUG ") > 50 and flow in log, "it was talkative, and tells a flow's way"
    login, password = given["account_login"], given["account_password"]
    secrets = {
        "the client's secret": given["client_secret"],
        "the technical account's password": password,
        "the cpro-account header": base64.b64encode(f"{login}:{password}".encode()).decode(),
        "the SFTP password": PASSWORD,
        "a wrong SFTP password": "un-mauvais-mot-de-passe-42",
        "the SFTP password's hash": gateway.hash,
        "a person's password": "une phrase de passe assez longue",
        "an IBAN": IBAN,
        "a motive": "Motif confidentiel",
        "a comment": "Remarque confidentielle",
        "an XML body": "<cbc:",
        "a JSON body": "fichierFlux",
        "a JSON answer": "fichierResultat",
        "a bearer": "Bearer ",
    }
    found = [what for what, secret in secrets.items() if secret in log]
    # The simulator's tokens begin so.
    found += [f"a token {token[:8]}…" for token in re.findall(r"SIM[0-9a-f]{20,}", log)]
    for name, body in {**dropped, "page.pdf": page}.items():
        found += [f"the base64 of {name}" for piece in encoded(body) if piece in log]
    assert found == [], "\n".join(line for line in log.splitlines() if any(s in line for s in secrets.values()))[:4000]
    # Whose password is to be renewed is said where the account is refused, and nowhere else.
    assert all("technical account" in line for line in log.splitlines() if login in line)
