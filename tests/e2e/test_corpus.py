"""All 999 files of the reference corpus through the whole gateway, over real SFTP, on a blocking route."""

import collections
import hashlib
import json
import re
import subprocess
import tarfile
import time

import pytest
from gateway import BINARY, SHARED, integrated, put, wait_until

CORPUS = SHARED / "invoices/mini.tgz"
pytestmark = pytest.mark.skipif(not CORPUS.is_file(), reason=f"the reference folder is not beside the checkout: {CORPUS}")

# The number of the document itself: in UBL the first cbc:ID below the root, in CII the exchanged document's ram:ID.
NUMBER = [
    re.compile(rb"(<rsm:ExchangedDocument>\s*<ram:ID>)([^<]+)(</ram:ID>)"),
    re.compile(rb"((?:<(?:cbc:UBLVersionID|cbc:CustomizationID|cbc:ProfileID)>[^<]*</[^>]+>\s*)<cbc:ID>)([^<]+)(</cbc:ID>)"),
]


def corpus():
    with tarfile.open(CORPUS) as archive:
        for member in archive.getmembers():
            if member.name.endswith(".xml"):
                yield member.name.rsplit("/", 1)[-1], archive.extractfile(member).read()


def with_own_number(body, ordinal):
    """The file with a number nobody else has; as it is where the number itself is the fault."""
    for pattern in NUMBER:
        changed, times = pattern.subn(rb"\g<1>" + f"MINI-{ordinal:04d}".encode() + rb"\g<3>", body, count=1)
        if times:
            return changed
    return body


def verdicts(folder):
    """Our own `check` of every file: accept or reject by name."""
    done = subprocess.run(
        [BINARY, "check", "--profile", "en16931", "--json", *sorted(str(p) for p in folder.iterdir())],
        capture_output=True, text=True, timeout=600,
    )
    assert done.returncode in (0, 65), done.stderr
    return {line["file"].rsplit("/", 1)[-1]: line["verdict"] for line in map(json.loads, done.stdout.splitlines())}


SCENARIO = 'directory = "open"\n'
# A rejection for a duplicate whose row no search shows is believed once searches cannot lag any more.
GATEWAY = {"profile": "en16931", "check": "block", "integration_delay": "4s"}


def drop(gateway, files):
    """Drops every file over one SFTP session; names of those whose close was answered OK."""
    acknowledged = []
    with gateway.sftp() as sftp:
        for name, body in files:
            put(sftp, f"/depot/{name}", body)
            acknowledged.append(name)
    return acknowledged


def settle(gateway, count, seconds=900):
    """Waits until `count` receipts are final."""
    wait_until(
        f"{count} final receipts",
        lambda: sum(1 for r in gateway.receipts().values() if r["final"]) >= count,
        seconds,
        pause=1.0,
    )


def test_every_file_ends_as_check_says(gateway, tmp_path):
    files = [(name, with_own_number(body, n)) for n, (name, body) in enumerate(corpus())]
    assert len(files) == 999
    for name, body in files:
        (tmp_path / name).write_bytes(body)
    expected = verdicts(tmp_path)
    assert len(expected) == 999
    distinct = len({hashlib.sha256(body).digest() for _, body in files})

    started = time.monotonic()
    assert len(drop(gateway, files)) == 999
    dropped = time.monotonic()
    settle(gateway, 999)
    print(f"\n999 files: dropped in {dropped - started:.1f} s, all final after {time.monotonic() - started:.1f} s")

    wrong = []
    numbers_accepted = []
    duplicates = 0
    for name, body in files:
        receipt = gateway.receipt(name)
        assert receipt["final"] and receipt["file"] == name
        assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
        if receipt["state"] == "duplicate":
            duplicates += 1
            continue
        accepted = receipt["state"] in ("integrated", "rejected")
        if accepted != (expected[name] == "accept"):
            wrong.append((name, expected[name], receipt["state"], receipt.get("fault")))
        if not accepted:
            assert receipt["state"] == "refused" and receipt["fault"]["code"], receipt
            assert receipt["findings"] or receipt["fault"]["code"] != "FG-209", receipt
        else:
            numbers_accepted.append(receipt["sha256"])
    assert not wrong, wrong[:10]
    assert duplicates == 999 - distinct

    ledger = gateway.simulator.ledger()
    deposited = sorted(deposit["sha256"] for deposit in ledger["deposits"])
    assert deposited == sorted(numbers_accepted), "the ledger is exactly the accepted files, once each"
    assert all(times == 1 for times in integrated(ledger).values())
    print(f"accepted {len(numbers_accepted)}, refused {999 - duplicates - len(numbers_accepted)}, duplicates {duplicates}")


def test_dropped_unaltered_they_show_how_duplicates_are_handled(gateway):
    """The corpus as it stands repeats its numbers: the second invoice of a supplier's number and year is stopped before it is
    sent, never lost. The same bytes once more are ours to tell too: a duplicate while the first lives, a new flow when it
    was refused."""
    seen = {hashlib.sha256(body).hexdigest() for _, body in corpus()}
    once = [(f"brut-{name}", body) for name, body in corpus()]
    before = len(gateway.receipts())
    drop(gateway, once)
    settle(gateway, before + len(once))
    first = {name: gateway.receipt(name) for name, _ in once}
    again = [(f"encore-{name}", body) for name, body in corpus()]
    drop(gateway, again)
    settle(gateway, before + len(once) + len(again))

    states = {}
    for name, _ in once:
        state = first[name]["state"]
        if state == "refused" and first[name]["fault"]["code"] == "FG-110":
            states["number taken"] = states.get("number taken", 0) + 1
            continue
        states[state] = states.get(state, 0) + 1
        if state == "rejected":
            assert first[name]["fault"]["code"] == "FG-402", first[name]["fault"]
    for name, _ in again:
        former, receipt = first[name.replace("encore-", "brut-")], gateway.receipt(name)
        if former["state"] in ("integrated", "duplicate"):
            assert receipt["state"] == "duplicate" and receipt["fault"]["code"] == "FG-106", receipt
            if former["state"] == "integrated":
                assert former["flow"] in receipt["fault"]["title"], receipt["fault"]
        else:
            assert receipt["state"] == former["state"], (name, former["state"], receipt["state"])
    print(f"\nunaltered: {states}")
    assert states["number taken"] > 100 and states["integrated"] > 10, states
    assert sum(states.values()) == len(once) == 999 and len(seen) > 900
    # Never twice: no content was deposited again. (One number may be integrated for several suppliers and years.)
    deposits = collections.Counter(deposit["sha256"] for deposit in gateway.simulator.ledger()["deposits"])
    again_refused = {hashlib.sha256(body).hexdigest() for name, body in again if first[name.replace("encore-", "brut-")]["state"] == "rejected"}
    twice = {sha256 for sha256, times in deposits.items() if times > 1}
    assert twice <= again_refused, "only what Chorus Pro had rejected was sent anew, by its owner"
