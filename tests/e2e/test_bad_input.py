"""Every listed bad input: its receipt or its SFTP error, nothing half-written visible, the next good file not delayed."""

import io
import os
import socket
import subprocess
import threading
import time
import zipfile

import paramiko
import pytest
from gateway import ACCOUNT, PASSWORD, Gateway, put, wait_until
from invoices import invoice

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(f'<!ENTITY {name} "{f"&{former};" * 10}">'.encode() for name, former in zip("bcdefghij", "abcdefghi"))
    + b']><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">&j;</Invoice>'
)
XXE = (
    b'<?xml version="1.0"?><!DOCTYPE i [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">&x;</Invoice>'
)


def bomb():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("facture.xml", bytes(200 * 1024 * 1024))
    return packed.getvalue()


REFUSED = {
    "vide.xml": (b"", "FG-201"),
    "bruit.bin": (os.urandom(4096), "FG-202"),
    "tronque.xml": (invoice("COUPE-1")[:1500], "FG-203"),
    "milliard.xml": (LAUGHS, "FG-205"),
    "xxe.xml": (XXE, "FG-205"),
    "encodage.xml": (invoice("ENC-1").decode().encode("latin-1", "replace"), "FG-204"),
    "bombe.zip": (bomb(), "FG-413"),
    "page.html": (b"<!DOCTYPE html><html><body>Erreur 500</body></html>", "FG-202"),
}


def good(gateway, number, seconds=30):
    """A good file dropped now reaches its end while bad ones are about."""
    with gateway.sftp() as sftp:
        put(sftp, f"/depot/{number}.xml", invoice(number))
    receipt = gateway.final_receipt(f"{number}.xml", seconds)
    assert receipt["state"] == "integrated", receipt


@pytest.mark.parametrize("name", REFUSED)
def test_content_that_is_no_invoice_gets_its_receipt(gateway, name):
    body, code = REFUSED[name]
    with gateway.sftp() as sftp:
        put(sftp, f"/depot/{name}", body)
        assert name not in sftp.listdir("/depot")
    receipt = gateway.final_receipt(name)
    assert receipt["state"] == "refused" and receipt["fault"]["code"] == code, receipt
    if name == "bombe.zip":
        assert [f["rule"] for f in receipt["findings"]] == ["FG-206"], "its one member is over the limit"
    assert receipt["fault"]["title"] and receipt["fault"]["remedy"]
    rejected = wait_until("the refused file beside its receipt", lambda: [p.name for p in gateway.folder_of("rejets").rglob("*") if name in p.name])
    assert rejected
    good(gateway, f"APRES-{sum(name.encode())}")


def test_a_gibibyte_is_refused_before_any_ok(gateway):
    with gateway.sftp() as sftp:
        handle = sftp.open("/depot/enorme.xml", "wb")
        handle.set_pipelined(True)
        block = b"<x>" * 10922
        with pytest.raises(OSError):
            for n in range(1024 * 1024 * 1024 // len(block)):
                handle.write(block)
                if n == 1000:
                    # Half-way: nobody sees it, and another client's good file is not delayed.
                    with gateway.sftp() as other:
                        assert "enorme.xml" not in other.listdir("/depot")
                    good(gateway, "PENDANT-GROS", seconds=10)
            handle.close()
    receipt = gateway.final_receipt("enorme.xml")
    assert receipt["state"] == "refused" and receipt["fault"]["code"] == "FG-101", receipt
    staged = sum(p.stat().st_size for p in (gateway.data / "staging").rglob("*") if p.is_file())
    assert staged < 64 * 1024 * 1024
    good(gateway, "APRES-GROS")


@pytest.mark.parametrize("name", ["a/b.xml", "saut\nde-ligne.xml", "x" * 300 + ".xml"])
def test_bad_names_are_sftp_errors(gateway, name):
    with gateway.sftp() as sftp:
        with pytest.raises(OSError):
            put(sftp, f"/depot/{name}", invoice("NOM-1"))
        assert sftp.listdir("/depot") == []
    good(gateway, f"APRES-NOM-{len(name)}")


def test_a_drop_into_a_wrong_folder_does_not_hide_the_receipt_of_a_good_one(gateway):
    good(gateway, "RANGE-1")
    flow = gateway.receipt("RANGE-1.xml")["flow"]
    with gateway.sftp() as sftp:
        for path in ("/ailleurs/RANGE-1.xml", "/RANGE-1.xml", "/accuses/RANGE-1.xml", "/depot/inconnu/RANGE-1.xml"):
            with pytest.raises(OSError):
                put(sftp, path, invoice("RANGE-2"))

    def strays():
        codes = [r["fault"]["code"] for r in gateway.receipts().values() if r["file"] == "RANGE-1.xml" and r["flow"] != flow]
        return codes if len(codes) == 4 else None

    assert wait_until("a receipt for each", strays) == ["FG-104"] * 4
    good(gateway, "RANGE-3")  # whatever was under way is written by now
    assert gateway.receipt("RANGE-1.xml")["flow"] == flow


def test_an_upload_cut_half_way_leaves_nothing_but_a_receipt(gateway):
    host, port = gateway.address("sftp")
    for number, how in [(1, "socket"), (2, "no close")]:
        name = f"coupe-{number}.xml"
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(host, port, ACCOUNT, PASSWORD, look_for_keys=False, allow_agent=False)
        handle = client.open_sftp().open(f"/depot/{name}", "wb")
        handle.write(invoice(f"COUPE-{number}")[:2000])
        handle.flush()
        transport = client.get_transport()
        if how == "socket":
            transport.sock.shutdown(socket.SHUT_RDWR)
        else:
            client.close()
        receipt = gateway.final_receipt(name)
        assert receipt["state"] == "refused" and receipt["fault"]["code"] == "FG-107", receipt
    good(gateway, "APRES-COUPE")


def test_two_clients_on_one_name(gateway):
    started = threading.Barrier(2)

    def send(number):
        with gateway.sftp() as sftp:
            handle = sftp.open("/depot/meme-nom.xml", "wb")
            body = invoice(number)
            handle.write(body[:1000])
            started.wait(20)
            handle.write(body[1000:])
            handle.close()

    threads = [threading.Thread(target=send, args=(f"MEME-{n}",)) for n in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    def both():
        mine = [r for r in gateway.receipts().values() if r["file"] == "meme-nom.xml" and r["final"]]
        return mine if len(mine) == 2 else None

    receipts = wait_until("a receipt for each of the two", both)
    assert {r["invoices"][0]["number"] for r in receipts} == {"MEME-0", "MEME-1"}
    assert all(r["state"] == "integrated" for r in receipts)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small tmpfs needs root")
def test_a_full_disk_refuses_before_any_ok_and_recovers(tmp_path, simulator):
    folder = tmp_path / "petit"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=True)
    gateway = None
    try:
        gateway = Gateway(folder, simulator, disk_reserve="16MiB")
        ballast = folder / "ballast"
        good(gateway, "DISQUE-1")
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        ballast.write_bytes(bytes(max(0, free - 15 * 1024 * 1024)))
        with gateway.sftp() as sftp:
            with pytest.raises(OSError):
                put(sftp, "/depot/DISQUE-2.xml", invoice("DISQUE-2"))
        receipt = gateway.final_receipt("DISQUE-2.xml")
        assert receipt["fault"]["code"] == "FG-103", receipt
        # Really full: not even the reserve is left. Nothing is acknowledged, nothing falls over.
        with open(ballast, "ab", buffering=0) as more:
            try:
                while more.write(bytes(65536)):
                    pass
            except OSError:
                pass
        with gateway.sftp() as sftp:
            with pytest.raises(OSError):
                put(sftp, "/depot/DISQUE-3.xml", invoice("DISQUE-3"))
        ballast.unlink()
        gateway.ready()
        good(gateway, "DISQUE-4")
        gateway.verify()
    finally:
        if gateway:
            gateway.stop()
        time.sleep(0.2)
        subprocess.run(["umount", str(folder)], check=False)
