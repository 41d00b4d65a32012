"""kill -9 of front, of core and of both at random instants under load: nothing acknowledged is lost, nothing is deposited twice."""

import collections
import hashlib
import os
import random
import signal
import threading
import time

import paramiko
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
