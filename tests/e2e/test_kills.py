"""kill -9 of front, of core and of both at random instants under load, and of front at chosen ones: nothing acknowledged is
lost, nothing is deposited twice, nothing ends silently."""

import collections
import hashlib
import json
import os
import random
import signal
import socket
import threading
import time

import paramiko
import pytest
from gateway import LONG, integrated, put, wait_until
from invoices import invoice

KILLS = int(os.environ.get("FLUXGATE_KILLS", 500 if LONG else 60))
SEED = int(os.environ.get("FLUXGATE_SEED", 20261123))


# Integration takes well under the delay after which an absent deposit may be sent again.
GATEWAY = {"integration_delay": "4s", "doubt_poll": "500ms"}


class Load(threading.Thread):
    """Drops one invoice after the other, each once; remembers which closes were answered OK."""

    def __init__(self, gateway, lane, seed):
        super().__init__(daemon=True)
        self.gateway, self.lane, self.random = gateway, lane, random.Random(seed)
        self.acknowledged, self.unsure, self.stopping = {}, {}, threading.Event()

    def run(self):
        n = 0
        while not self.stopping.is_set():
            try:
                with self.gateway.sftp() as sftp:
                    while not self.stopping.is_set():
                        n += 1
                        number = f"K{self.lane}-{n}"
                        body = invoice(number)
                        if self.random.random() < 0.1:
                            body += b"<!-- " + b"x" * 100_000 + b" -->"  # large: by way of the staging folder
                        digest = hashlib.sha256(body).hexdigest()
                        self.unsure[digest] = number
                        if self.random.random() < 0.3:
                            put(sftp, f"/depot/{number}.xml.tmp", body)
                            sftp.posix_rename(f"/depot/{number}.xml.tmp", f"/depot/{number}.xml")
                        else:
                            put(sftp, f"/depot/{number}.xml", body)
                        self.acknowledged[digest] = number
                        self.stopping.wait(self.random.uniform(0, 0.05))
            except (OSError, EOFError, paramiko.SSHException):
                self.stopping.wait(0.1)


def test_kill_9_loses_nothing_and_deposits_nothing_twice(gateway, simulator):
    print(f"\n{KILLS} kills, seed {SEED}")
    chance = random.Random(SEED)
    lanes = [Load(gateway, lane, chance.random()) for lane in range(3)]
    [lane.start() for lane in lanes]
    killed = {"front": 0, "core": 0, "both": 0}
    for kill in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.6))
        victim = chance.choice(["front", "core", "both"])
        children = wait_until("front and core run", lambda: (lambda c: c if len(c) == 2 else None)(gateway.children()), 30)
        for role in ("front", "core"):
            if victim in (role, "both"):
                try:
                    os.kill(children[role], signal.SIGKILL)
                except ProcessLookupError:
                    pass
        killed[victim] += 1
        gateway.ready(60)
        gateway.verify(documents=kill % 10 == 9)
    [lane.stopping.set() for lane in lanes]
    [lane.join(60) for lane in lanes]
    gateway.ready()

    acknowledged = {digest: number for lane in lanes for digest, number in lane.acknowledged.items()}
    tried = {digest: number for lane in lanes for digest, number in lane.unsure.items()}
    assert len(acknowledged) > KILLS, "the load was no load"

    def open_ones():
        receipts = gateway.receipts().values()
        final = {r["sha256"] for r in receipts if r["final"] and r["state"] == "integrated"}
        return [number for digest, number in acknowledged.items() if digest not in final]

    deadline = time.monotonic() + 180
    while (missing := open_ones()) and time.monotonic() < deadline:
        time.sleep(1)
    assert not missing, f"{len(missing)} acknowledged without an integrated, final receipt: {missing[:5]}"

    counts = integrated(simulator.ledger())
    twice = {number: times for number, times in counts.items() if times > 1}
    assert not twice, twice
    deposits = collections.Counter(d["sha256"] for d in simulator.ledger()["deposits"])
    again = {sha256: times for sha256, times in deposits.items() if times > 1}
    assert not again, f"deposited more than once: {again}"
    lost = [number for number in acknowledged.values() if counts.get(number) != 1]
    assert not lost, lost[:5]
    strangers = set(counts) - set(tried.values())
    assert not strangers, strangers
    print(f"kills {killed}; acknowledged {len(acknowledged)}, tried {len(tried)}; deposits {sum(deposits.values())}, integrated {len(counts)}")
    print(gateway.verify())


def test_an_upload_that_fronts_death_interrupted_ends_in_a_receipt(gateway):
    with gateway.sftp() as sftp:
        handle = sftp.open("/depot/MORT-1.xml", "wb")
        handle.write(invoice("MORT-1") + b"<!--" + b"x" * 300_000)
        handle.flush()
        uploads = gateway.data / "staging/.uploads"
        wait_until("the upload on the disk", lambda: sum(f.stat().st_size for f in uploads.rglob("*") if f.is_file()) > 300_000)
        os.kill(gateway.children()["front"], signal.SIGKILL)
    receipt = gateway.final_receipt("MORT-1.xml")
    assert receipt["state"] == "refused" and receipt["fault"]["code"] == "FG-107", receipt
    wait_until("its space given back", lambda: not [f for f in uploads.rglob("*") if f.is_file()])
    gateway.ready()
    with gateway.sftp() as sftp:
        put(sftp, "/depot/MORT-1.xml", invoice("MORT-1"))
    wait_until("the good one", lambda: gateway.receipt("MORT-1.xml")["state"] == "integrated")


class Between(threading.Thread):
    """Stands between front and core; kills front when core has taken a file, before front can know."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway, self.path = gateway, gateway.run_dir / "gate.sock"
        self.core = gateway.run_dir / "core.sock"
        self.path.rename(self.core)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen(64)
        self.armed = False

    def run(self):
        while True:
            try:
                front, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(front,), daemon=True).start()

    @staticmethod
    def frame(source):
        """One frame: two lengths, a header, a body, and what descriptors came along."""
        data, descriptors, whole = b"", [], 8
        while len(data) < whole:
            more, new, _, _ = socket.recv_fds(source, 1 << 17, 4)
            if not more:
                return None, None, []
            data, descriptors = data + more, descriptors + new
            if len(data) >= 8:
                whole = 8 + int.from_bytes(data[:4]) + int.from_bytes(data[4:8])
        return json.loads(data[8 : 8 + int.from_bytes(data[:4])]), data, descriptors

    @staticmethod
    def send(target, data, descriptors):
        sent = socket.send_fds(target, [data], descriptors) if descriptors else target.send(data)
        target.sendall(data[sent:])
        [os.close(descriptor) for descriptor in descriptors]

    def pass_on(self, front):
        with front, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as core:
            core.connect(str(self.core))
            while True:
                asked, data, descriptors = self.frame(front)
                if asked is None:
                    return
                self.send(core, data, descriptors)
                answer, data, descriptors = self.frame(core)
                if answer is None:
                    return
                if self.armed and "receive" in asked:
                    assert "taken" in answer, answer
                    self.armed = False
                    os.kill(self.gateway.children()["front"], signal.SIGKILL)
                    return
                self.send(front, data, descriptors)

    def stop(self):
        self.listener.close()
        self.core.rename(self.path)


def test_a_rename_tried_again_after_front_died_behind_cores_back_is_the_same_drop(gateway):
    between = Between(gateway)
    between.start()
    try:
        # From now on front reaches core through the middle.
        os.kill(gateway.children()["front"], signal.SIGKILL)
        time.sleep(0.2)
        gateway.ready()
        for number, padding in [("RETOUR-1", b""), ("RETOUR-2", b"<!--" + b"x" * 200_000 + b"-->")]:
            with pytest.raises((OSError, EOFError, paramiko.SSHException)):
                with gateway.sftp() as sftp:
                    put(sftp, f"/depot/{number}.xml.tmp", invoice(number) + padding)
                    between.armed = True
                    sftp.posix_rename(f"/depot/{number}.xml.tmp", f"/depot/{number}.xml")
            assert not between.armed, "the answer was not lost"
            wait_until("another front", lambda: len(gateway.children()) == 2)
            gateway.ready()
            with gateway.sftp() as sftp:
                sftp.posix_rename(f"/depot/{number}.xml.tmp", f"/depot/{number}.xml")
                assert f"{number}.xml.tmp" not in sftp.listdir("/depot")
            assert gateway.final_receipt(f"{number}.xml")["state"] == "integrated"
            assert len([r for r in gateway.receipts().values() if r["file"] == f"{number}.xml"]) == 1, "no duplicate"
        # The same bytes dropped once more are a duplicate, as ever.
        with gateway.sftp() as sftp:
            put(sftp, "/depot/RETOUR-1.xml.tmp", invoice("RETOUR-1"))
            sftp.posix_rename("/depot/RETOUR-1.xml.tmp", "/depot/RETOUR-1.xml")
        wait_until("the duplicate", lambda: gateway.receipt("RETOUR-1.xml")["state"] == "duplicate")
        counts = integrated(gateway.simulator.ledger())
        assert counts["RETOUR-1"] == counts["RETOUR-2"] == 1, counts
    finally:
        between.stop()
