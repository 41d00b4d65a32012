"""Stock SFTP clients do what a business application does."""

import json
import subprocess

from gateway import ACCOUNT, PASSWORD, integrated, put, wait_until
from invoices import invoice

SSH = ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]


def openssh(gateway, key, batch, check=True):
    host, port = gateway.address("sftp")
    command = ["sftp", *SSH, "-oBatchMode=yes", f"-oIdentityFile={key}", "-oIdentitiesOnly=yes", "-b", "-", "-P", str(port), f"{ACCOUNT}@{host}"]
    done = subprocess.run(command, input=batch, capture_output=True, text=True, timeout=120)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def keyed(gateway, tmp_path, kind="ed25519"):
    """Gives the account a key of the kind and restarts the gateway."""
    key = tmp_path / f"id_{kind}"
    extra = ["-b", "3072"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *extra, "-N", "", "-f", str(key)], check=True)
    line = key.with_suffix(".pub").read_text().strip()
    text = gateway.config.read_text()
    start = text.index("authorized_keys = [")
    end = text.index("]", start)
    text = text[:start] + "authorized_keys = [" + json.dumps(line) + text[end:]
    gateway.stop()
    gateway.config.write_text(text)
    gateway.start()
    return key


def test_openssh_sftp_drops_and_fetches_the_receipt(gateway, tmp_path):
    for kind in ("ed25519", "ecdsa", "rsa"):
        key = keyed(gateway, tmp_path, kind)
        number = f"SFTP-{kind}"
        (tmp_path / f"{number}.xml").write_bytes(invoice(number))
        openssh(gateway, key, f"put {tmp_path}/{number}.xml /depot/{number}.xml\nls -l /depot\n")
        receipt = gateway.final_receipt(f"{number}.xml")
        assert receipt["state"] == "integrated", receipt
        openssh(gateway, key, f"get /accuses/{number}.xml.json {tmp_path}/receipt.json\n")
        assert json.loads((tmp_path / "receipt.json").read_text())["deposit_number"] == receipt["deposit_number"]
    # What a stranger's client cannot do.
    for forbidden in ("put /etc/hostname /accuses/x", "put /etc/hostname /x", "get /../../etc/passwd", "mkdir /depot/neuf"):
        done = openssh(gateway, key, forbidden + "\n", check=False)
        assert done.returncode != 0, forbidden


def test_openssh_temporary_name_and_rename(gateway, tmp_path):
    key = keyed(gateway, tmp_path)
    for number, temporary in [("TMP-1", "TMP-1.xml.tmp"), ("TMP-2", "TMP-2.part"), ("TMP-3", ".TMP-3.xml"), ("TMP-4", "TMP-4.filepart")]:
        (tmp_path / "source.xml").write_bytes(invoice(number))
        listed = openssh(gateway, key, f"put {tmp_path}/source.xml /depot/{temporary}\nls -la /depot\n").stdout
        assert temporary in listed, listed
        assert gateway.receipt(f"{number}.xml") is None
        openssh(gateway, key, f"rename /depot/{temporary} /depot/{number}.xml\n")
        assert gateway.final_receipt(f"{number}.xml")["state"] == "integrated"
        assert temporary not in openssh(gateway, key, "ls -la /depot\n").stdout


def test_lftp_mirrors_a_folder(gateway, tmp_path):
    host, port = gateway.address("sftp")
    source = tmp_path / "a-envoyer"
    source.mkdir()
    for n in range(5):
        (source / f"LFTP-{n}.xml").write_bytes(invoice(f"LFTP-{n}"))
    script = (
        f"set sftp:connect-program 'ssh -a -x {' '.join(SSH)}'; set net:max-retries 2; set cmd:fail-exit yes; "
        f"open -u {ACCOUNT},{PASSWORD} sftp://{host}:{port}; mirror -R --parallel=3 {source} /depot; "
        f"cls -1 /accuses; bye"
    )
    done = subprocess.run(["lftp", "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for n in range(5):
        assert gateway.final_receipt(f"LFTP-{n}.xml")["state"] == "integrated"
    counts = integrated(gateway.simulator.ledger())
    assert all(counts[f"LFTP-{n}"] == 1 for n in range(5)), counts


def test_wrong_password_and_unknown_account_look_alike(gateway):
    import paramiko

    told = set()
    for account, password in [(ACCOUNT, "faux"), ("inconnu", PASSWORD)]:
        try:
            with gateway.sftp(account, password):
                raise AssertionError("let in")
        except paramiko.AuthenticationException as refusal:
            told.add((type(refusal), str(refusal)))
    assert len(told) == 1, told


def test_the_same_file_twice_makes_one_flow_and_a_duplicate(gateway):
    body = invoice("DOUBLE-1")
    with gateway.sftp() as sftp:
        for name in ("double-a.xml", "double-b.xml"):
            put(sftp, f"/depot/{name}", body)
    first = gateway.final_receipt("double-a.xml")
    second = gateway.final_receipt("double-b.xml")
    assert first["state"] == "integrated" and second["state"] == "duplicate", (first, second)
    assert second["fault"]["code"] == "FG-106" and first["flow"].split("/")[-1] in second["fault"]["title"]
    assert integrated(gateway.simulator.ledger())["DOUBLE-1"] == 1


def test_received_invoices_arrive_and_are_taken(gateway):
    gateway.simulator.control(action="send_samples", count=3)
    folder = gateway.folder_of("recues")
    arrived = wait_until("three received invoices", lambda: len(list(folder.glob("*/facture.json"))) >= 3 and sorted(folder.iterdir()))
    for invoice_folder in arrived[:3]:
        names = {path.name for path in invoice_folder.iterdir()}
        assert {"facture.json", "pivot.xml"} <= names, names
    with gateway.sftp() as sftp:
        name = arrived[0].name
        for entry in sftp.listdir(f"/recues/{name}"):
            assert sftp.stat(f"/recues/{name}/{entry}").st_size > 0
            sftp.open(f"/recues/{name}/{entry}").read()
            sftp.remove(f"/recues/{name}/{entry}")
        sftp.rmdir(f"/recues/{name}")
        assert name not in sftp.listdir("/recues")
