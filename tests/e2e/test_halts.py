"""A halt that somebody repaired ends at once: with waits so long that only the repair itself can wake the queue."""

import os
import re
import signal
import time

from gateway import Gateway, put, wait_until
from invoices import invoice

AT_ONCE = 12  # seconds, on a busy machine; the first probe by itself comes after 15, everything else after an hour


def halted(gateway, code):
    def told():
        try:
            return f'fault="{code}"}} 1' in gateway.metrics()
        except OSError:
            return False  # A reload starts front anew: for a moment nobody listens.

    return wait_until(f"a halt with {code}", told, 30)


def resumes(gateway, name, repaired):
    """The dropped invoice is integrated and the received one has arrived, soon after the repair."""
    receipt = gateway.final_receipt(name, AT_ONCE)
    assert receipt["state"] == "integrated" and receipt["fault"] is None, receipt
    folder = gateway.folder_of("recues")
    wait_until("the received invoice", lambda: list(folder.glob("*/facture.json")), AT_ONCE)
    assert time.monotonic() - repaired < AT_ONCE
    assert "The queue resumes" in gateway.tail(200)
    metrics = gateway.metrics()
    assert "fluxgate_realm_halted{" not in metrics
    age = re.search(r"^fluxgate_reception_age_seconds\{.*\} (\d+)$", metrics, re.M)
    assert age and int(age[1]) < AT_ONCE, metrics


def test_a_repaired_configuration_and_a_repaired_secret_resume_the_queue(tmp_path, simulator):
    gateway = Gateway(tmp_path, simulator, reception_poll="1h", deposit_retry="1h")
    try:
        good = gateway.config.read_text()
        bad = good.replace('client_id = "', 'client_id = "wrong-')
        secret = simulator.dir / "client.secret"
        aside = secret.with_suffix(".aside")

        def reload():
            os.kill(gateway.process.pid, signal.SIGHUP)

        def drop(number, code):
            # The reception meets it first: it is polled at once when the configuration changes.
            halted(gateway, code)
            with gateway.sftp() as sftp:
                put(sftp, f"/depot/{number}.xml", invoice(number))
            wait_until("a receipt that says why", lambda: ((gateway.receipt(f"{number}.xml") or {}).get("fault") or {}).get("code") == code)
            for folder in gateway.folder_of("recues").iterdir():
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()
            simulator.control(action="send_samples", count=1)

        # At a reload.
        gateway.config.write_text(bad)
        reload()
        drop("REPRISE-1", "FG-301")
        gateway.config.write_text(good)
        repaired = time.monotonic()
        reload()
        resumes(gateway, "REPRISE-1.xml", repaired)

        # At a start.
        gateway.config.write_text(bad)
        reload()
        drop("REPRISE-2", "FG-301")
        gateway.stop()
        gateway.config.write_text(good)
        gateway.start()
        resumes(gateway, "REPRISE-2.xml", time.monotonic())

        # When the secret comes, and nobody says so.
        secret.rename(aside)
        reload()
        drop("REPRISE-3", "FG-311")
        aside.rename(secret)
        resumes(gateway, "REPRISE-3.xml", time.monotonic())
        gateway.verify()
    finally:
        gateway.stop()
