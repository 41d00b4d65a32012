#!/usr/bin/env python3
"""The main job in figures: drop to deposited (median, p99) and N files end to end against the simulator, idle memory.

    python tests/bench/main_job.py [N]       N files, 1,000 unless told; needs paramiko and a release build

Absolute figures of one machine: for the record, never a test.
"""

import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from gateway import BINARY, Gateway, Simulator, put, wait_until  # noqa: E402
from invoices import invoice  # noqa: E402


def resident(pid):
    """Resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def millis(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def latencies(gateway):
    """Milliseconds from received to deposited, of every receipt."""
    found = []
    for receipt in gateway.receipts().values():
        at = {step["state"]: millis(step["at"]) for step in receipt["history"]}
        if "deposited" in at:
            found.append(at["deposited"] - at["received"])
    return sorted(found)


def drop(gateway, lane, lanes, count):
    with gateway.sftp() as sftp:
        for n in range(lane, count, lanes):
            put(sftp, f"/depot/BANC-{n}.xml", invoice(f"BANC-{n}"))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"binary {Path(BINARY).stat().st_size / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        simulator = Simulator(Path(folder) / "simulator", "speed = 20000.0\n")
        gateway = Gateway(Path(folder) / "gateway", simulator)
        try:
            time.sleep(5)
            memory = {role: resident(pid) for role, pid in gateway.children().items()}
            print("idle memory: " + ", ".join(f"{role} {mib:.1f} MiB" for role, mib in memory.items()))

            # One by one: what a person who drops one invoice waits for.
            for n in range(50):
                drop_name = f"SEUL-{n}.xml"
                with gateway.sftp() as sftp:
                    put(sftp, f"/depot/{drop_name}", invoice(f"SEUL-{n}"))
                wait_until("deposited", lambda: (gateway.receipt(drop_name) or {}).get("deposit_number"), 30, 0.01)
            alone = latencies(gateway)
            print(f"one by one: drop to deposited, median {statistics.median(alone):.0f} ms, p99 {alone[int(len(alone) * 0.99)]:.0f} ms")

            started = time.monotonic()
            lanes = [threading.Thread(target=drop, args=(gateway, lane, 4, count)) for lane in range(4)]
            [lane.start() for lane in lanes]
            [lane.join() for lane in lanes]
            dropped = time.monotonic() - started
            wait_until("all deposited", lambda: len(latencies(gateway)) >= count + 50, 900, 0.5)
            deposited = time.monotonic() - started
            wait_until("all final", lambda: sum(r["final"] for r in gateway.receipts().values()) >= count + 50, 900, 0.5)
            final = time.monotonic() - started
            found = latencies(gateway)
            print(
                f"{count} files over 4 sessions: dropped in {dropped:.1f} s, deposited after {deposited:.1f} s, "
                f"all final after {final:.1f} s; drop to deposited, median {statistics.median(found):.0f} ms, "
                f"p99 {found[int(len(found) * 0.99)]:.0f} ms"
            )
            memory = {role: resident(pid) for role, pid in gateway.children().items()}
            print("memory after: " + ", ".join(f"{role} {mib:.1f} MiB" for role, mib in memory.items()))
            gateway.verify()
        finally:
            gateway.stop()
            simulator.stop()


if __name__ == "__main__":
    main()
