"""A client of Chorus Pro as an integrator writes one from the documentation alone: nothing of ours is used.

`Client` behaves; `Careless` makes the mistakes that the catalogue of tests is there to find.
"""

import base64
import gzip
import io
import tarfile
import time
import zipfile

import requests

FINAL = {"IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE", "QP_IRRECEVABLE", "IN_INCIDENTE"}
STATE, NOBODY, SUPPLIER = "11000201100044", "99999999999999", "12345678200051"


class Refused(Exception):
    """A business error, by HTTP 200 or 400."""

    def __init__(self, code, label):
        super().__init__(f"{code} {label}")
        self.code = code


class Stopped(Exception):
    """Access refused: a person must act."""


class Later(Exception):
    """Told to wait."""

    def __init__(self, seconds):
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


class Unsure(Exception):
    """Nobody knows whether the call was worked on."""


class Client:
    def __init__(self, credentials):
        self.url = credentials["url"]
        self.id, self.secret = credentials["client_id"], credentials["client_secret"]
        account = f"{credentials['account_login']}:{credentials['account_password']}"
        self.account = base64.b64encode(account.encode()).decode()
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = credentials["ca_file"] or True
        self.token, self.until = None, 0.0

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────────────

    def bearer(self):
        if self.token is None or time.monotonic() > self.until:
            form = {"grant_type": "client_credentials", "client_id": self.id, "client_secret": self.secret, "scope": "openid"}
            answer = self.http.post(self.url + "/api/oauth/token", data=form, timeout=30)
            answer.raise_for_status()
            told = answer.json()
            self.token, self.until = told["access_token"], time.monotonic() + told["expires_in"] - 60
        return self.token

    def send(self, path, body):
        headers = {
            "Authorization": "Bearer " + self.bearer(),
            "cpro-account": self.account,
            "Content-Type": "application/json;charset=utf-8",
        }
        try:
            return self.http.post(self.url + "/cpro" + path, json=body, headers=headers, timeout=30)
        except requests.RequestException as error:
            raise Unsure(str(error)) from error

    def call(self, path, body):
        answer = self.send(path, body)
        if answer.status_code == 401 and "invalid_token" in answer.headers.get("WWW-Authenticate", ""):
            self.token = None
            answer = self.send(path, body)
        if answer.status_code in (401, 403):
            raise Stopped(answer.status_code)
        if answer.status_code == 429:
            raise Later(int(answer.headers.get("Retry-After", "60")))
        try:
            told = answer.json()
        except ValueError as error:
            raise Unsure(f"HTTP {answer.status_code}, no JSON") from error
        if "codeRetour" not in told:
            raise Unsure(f"HTTP {answer.status_code}")
        if told["codeRetour"] != 0:
            raise Refused(told["codeRetour"], told.get("libelle"))
        return told

    # ── sending ──────────────────────────────────────────────────────────────────────────────────────────

    def deposit(self, file, name, syntax="IN_DP_E1_UBL_INVOICE"):
        body = {
            "fichierFlux": base64.b64encode(file).decode(),
            "nomFichier": name,
            "syntaxeFlux": syntax,
            "avecSignature": False,
        }
        return self.call("/factures/v1/deposer/flux", body)["numeroFluxDepot"]

    def settled(self, flux, seconds=60):
        """The compte rendu in its final state."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            report = self.call("/transverses/v1/consulterCRDetaille", {"numeroFluxDepot": flux})
            if report["etatCourantDepotFlux"] in FINAL:
                return report
            time.sleep(0.3)
        raise AssertionError(f"{flux} has no final state within {seconds} s")

    def errors(self, report):
        """listeErreurDP is an array, or one object where there is one."""
        refused = report["listeErreurDP"]
        return refused if isinstance(refused, list) else [refused]

    def find(self, number):
        """The sent invoice of this number, or None."""
        try:
            found = self.call("/factures/v1/rechercher/fournisseur", {"numeroFacture": number})
        except Refused as error:
            if error.code == 20000:
                return None
            raise
        return found["listeFactures"][0]

    def deposit_surely(self, file, name, number):
        """Deposits once and only once, whatever becomes of the answer; the row of the integrated invoice."""
        try:
            self.settled(self.deposit(file, name))
        except Unsure:
            pass
        return self.wait_for(lambda: self.find(number), f"{number} is found")

    def wait_for(self, probe, what, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = probe()
            if value:
                return value
            time.sleep(0.4)
        raise AssertionError(f"not within {seconds} s: {what}")

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────

    def received(self, **filters):
        """Every received invoice: all pages, and as many rows as `total` tells of."""
        rows, page = [], 1
        while True:
            body = {
                "typeDemandePaiement": "FACTURE",
                "paramRecherche": {"nbResultatsParPage": 100, "pageResultatDemandee": page, "triColonne": "DateDepot", "triSens": "Ascendant"},
                **filters,
            }
            try:
                found = self.call("/factures/v1/rechercher/recipiendaire", body)
            except Refused as error:
                if error.code == 20000:
                    return rows
                raise
            rows += found["listeFactures"]
            if page >= found["pages"]:
                assert len(rows) == found["total"], (len(rows), found["total"])
                return rows
            page += 1

    def pivot(self, id):
        body = {"listeFacture": [{"idFacture": id}], "format": "PIVOT", "avecPiecesJointesComplementaires": "NON"}
        file = base64.b64decode(self.call("/factures/v1/telecharger/groupe", body)["fichierResultat"])
        if file.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(file)) as archive:
                file = archive.read(archive.namelist()[0])
        assert b"CPPFacturePivot" in file
        return file

    def treat(self, id, status, motif=""):
        body = {"idFacture": id, "nouveauStatut": status, "motif": motif, "numeroDPMandat": ""}
        return self.call("/factures/v1/traiter/recue", body)

    def history(self, id):
        told = self.call("/factures/v1/consulter/historique", {"idFacture": id})
        return [row["histoStatutCode"] for row in told["historiquesDesStatuts"]["histoStatut"]]


class Careless(Client):
    """Asks for a token at each call, never looks before it sends again, reads the first page, hammers."""

    def bearer(self):
        self.token = None
        return super().bearer()

    def deposit_surely(self, file, name, number):
        for _ in range(4):
            try:
                return self.deposit(file, name)
            except (Unsure, Stopped, Later):
                continue
        return None

    def received(self, **filters):
        body = {"typeDemandePaiement": "FACTURE", "paramRecherche": {"nbResultatsParPage": 100, "pageResultatDemandee": 1}, **filters}
        return self.call("/factures/v1/rechercher/recipiendaire", body)["listeFactures"]


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────


def mixed(number):
    """A CPPFactureMixte of one invoice."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<CPPFactureMixte><CPPFactures Compteur="1"><CPPFactureMixteUnitaire NumOrdre="1">
<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{SUPPLIER}</Identifiant><RaisonSociale>Université Exemple</RaisonSociale></Fournisseur>
<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{STATE}</Identifiant></Debiteur>
<DonneesFacture><Id>{number}</Id><Type>380</Type><Cadre>A1</Cadre><DateEmissionFacture>2026-11-20</DateEmissionFacture>
<Devise>EUR</Devise><Montants><MontantHT>100.00</MontantHT><MontantTTC>120.00</MontantTTC><MontantNetAPayer>120.00</MontantNetAPayer></Montants>
</DonneesFacture></CPPFactureMixteUnitaire></CPPFactures></CPPFactureMixte>""".encode()


def batch(*files):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as zipped, tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for place, file in enumerate(files):
            member = tarfile.TarInfo(f"{place}.xml")
            member.size = len(file)
            archive.addfile(member, io.BytesIO(file))
    return packed.getvalue()


def pdf(*lines):
    text = "BT /F1 12 Tf 72 760 Td 16 TL\n" + "".join(f"({line}) Tj T*\n" for line in lines) + "ET\n"
    return f"%PDF-1.4\n1 0 obj << /Length {len(text)} >>\nstream\n{text}endstream\nendobj\n%%EOF\n".encode("latin-1")
