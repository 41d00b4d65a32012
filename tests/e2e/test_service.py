"""What a service manager sees: readiness, the watchdog, the stop."""

import os
import signal
import socket
import subprocess
import time

import pytest
from gateway import BINARY, put, wait_until
from invoices import invoice


def heard(listener, seconds):
    """Every notification that arrives within `seconds`."""
    listener.settimeout(0.1)
    end, words = time.monotonic() + seconds, []
    while time.monotonic() < end:
        try:
            words += listener.recv(4096).decode().splitlines()
        except TimeoutError:
            pass
    return words


def test_readiness_watchdog_and_stop(gateway, tmp_path):
    gateway.stop()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    environment.pop("WATCHDOG_PID", None)
    with open(tmp_path / "log", "w") as log:
        service = subprocess.Popen([BINARY, "serve", "--config", str(gateway.config)], env=environment, stderr=log, stdout=log)
    try:
        words = []

        def ready():
            words.extend(heard(listener, 0.2))
            return "READY=1" in words

        wait_until("READY=1", ready, 30)
        assert heard(listener, 3).count("WATCHDOG=1") >= 3
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
        assert "STOPPING=1" in heard(listener, 0.5)
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()
        listener.close()
        gateway.start()


JOURNAL = "/run/systemd/journal/socket"


def record(datagram):
    """A journal record's fields (systemd, JOURNAL_NATIVE_PROTOCOL): `KEY=value` lines, or a key, a length and a value."""
    fields = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(datagram[:8], "little")
            value, datagram = datagram[8 : 8 + size], datagram[8 + size + 1 :]
        fields[key.decode()] = value.decode()
    return fields


@pytest.mark.skipif(os.path.exists(JOURNAL) or os.geteuid() != 0, reason="a journald of its own, or not root")
def test_the_journal_gets_records_with_their_fields(gateway, tmp_path):
    gateway.stop()
    os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    listener.bind(JOURNAL)
    listener.settimeout(0.1)
    with open(tmp_path / "stderr", "w") as stderr:
        # What systemd says to a service whose standard error is the journal.
        stream = os.fstat(stderr.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"}
        service = subprocess.Popen([BINARY, "serve", "--config", str(gateway.config)], env=environment, stderr=stderr, stdout=stderr)
    gateway.process = service
    (gateway.run_dir / "addresses.json").unlink(missing_ok=True)
    try:
        gateway.ready()
        with gateway.sftp() as sftp:
            put(sftp, "/depot/JOURNAL-1.xml", invoice("JOURNAL-1"))
        records = []

        def deposited():
            try:
                while True:
                    records.append(record(listener.recv(1 << 18)))
            except TimeoutError:
                return [r for r in records if r.get("MESSAGE") == "Deposited at Chorus Pro"]

        told = wait_until("the journal's record of the deposit", deposited, 30)[0]
        receipt = gateway.final_receipt("JOURNAL-1.xml")
        assert (told["FLOW"], told["DEPOSIT"]) == (receipt["flow"], receipt["deposit_number"])
        assert told["SYSLOG_IDENTIFIER"] == "fluxgate-core" and told["PRIORITY"] in "56", told
        assert {r.get("SYSLOG_IDENTIFIER") for r in records} >= {"fluxgate-core", "fluxgate-front"}
        assert not any("JOURNAL-1" in value for r in records for value in r.values()), "no name of a file in a log"
    finally:
        gateway.stop()
        listener.close()
        os.unlink(JOURNAL)
        gateway.start()
    told = (tmp_path / "stderr").read_text()
    assert "Deposited at Chorus Pro" not in told, "a record is written once"
