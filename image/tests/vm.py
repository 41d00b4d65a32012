#!/usr/bin/env python3
"""The appliance in QEMU, by software emulation: KVM is never asked for, since a node of it may be there and not work.

    image/tests/vm.py DISK [--memory MB] [--seconds N]     boots it, says when its page answers, and ends it
"""

import argparse
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

FIRMWARE = Path("/usr/share/OVMF")


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class VM:
    """A running appliance. Its ports 443 and 22 are `https` and `sftp` of this machine's loopback."""

    def __init__(self, disk, work, memory=512, cpus=2, name="vm", drive=None, extra=()):
        work = Path(work)
        self.https, self.sftp = free_port(), free_port()
        self.serial, self.errors = work / f"{name}.serial", work / f"{name}.errors"
        variables = work / "firmware.fd"
        if not variables.exists():
            shutil.copy(FIRMWARE / "OVMF_VARS_4M.fd", variables)
        forward = f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.https}-:443,hostfwd=tcp:127.0.0.1:{self.sftp}-:22"
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            [
                "qemu-system-x86_64", "-name", "fluxgate", "-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max",
                "-smp", str(cpus), "-m", str(memory), "-display", "none", "-vga", "none", "-nodefaults",
                "-uuid", "5f1a5c00-1111-4222-8333-444455556666", "-monitor", "none", "-serial", f"file:{self.serial}",
                "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE / 'OVMF_CODE_4M.fd'}",
                "-drive", f"if=pflash,format=raw,file={variables}",
                "-drive", drive or f"file={disk},format=raw,if=none,id=d0,cache=writeback",
                "-device", "virtio-blk-pci,drive=d0,bootindex=1",
                "-netdev", forward, "-device", "virtio-net-pci,netdev=n0,romfile=",
                "-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset", *extra,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors.open("w"),
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def said(self):
        """What stands on the serial line so far."""
        return self.serial.read_bytes().decode("latin1") if self.serial.exists() else ""

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"QEMU ended with {self.process.returncode}: {self.errors.read_text()[-500:]}")

    def wait_said(self, pattern, seconds=120):
        """Waits until the serial line says so; the match."""
        return self.wait(lambda: re.search(pattern, self.said()), seconds, pattern)

    def wait(self, look, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.alive()
            if found := look():
                return found
            time.sleep(0.2)
        raise TimeoutError(f"{what}: not within {seconds} s; the serial line ends with: {self.said()[-2000:]}")

    def get(self, path="/", seconds=20, turns=5):
        """A page of the box, whose certificate nobody knows yet, and where it sends to: status and text; `None` while it does not answer."""
        trust_any = ssl.create_default_context()
        trust_any.check_hostname, trust_any.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, timeout=seconds, context=trust_any)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text, onward = answer.read().decode(), answer.getheader("Location", "")
            if onward.startswith("/") and turns > 0:
                return self.get(onward, seconds, turns - 1)
            return answer.status, text
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def wait_page(self, seconds=180):
        """Waits for the first page, which may send to another; the seconds since power-on."""

        def look():
            answer = self.get(seconds=5)
            return answer if answer and answer[0] < 500 else None

        self.wait(look, seconds, "the page")
        return time.monotonic() - self.begun

    def end(self):
        """As when the plug is pulled."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("disk", type=Path)
    arguments.add_argument("--memory", type=int, default=512)
    arguments.add_argument("--seconds", type=float, default=240)
    wanted = arguments.parse_args()
    work = wanted.disk.resolve().parent
    with VM(wanted.disk, work, wanted.memory) as vm:
        try:
            print(f"the page answers {vm.wait_page(wanted.seconds):.1f} s after power-on")
            status, text = vm.get() or (0, "")
            print(status, re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))[:300])
            with socket.create_connection(("127.0.0.1", vm.sftp), timeout=20) as connection:
                print(connection.recv(100).decode().strip())
        except (RuntimeError, TimeoutError) as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
