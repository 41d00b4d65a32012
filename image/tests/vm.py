#!/usr/bin/env python3
"""The appliance in QEMU, by software emulation: KVM is never asked for, since a node of it may be there and not work.

    image/tests/vm.py DISK [--memory MB] [--seconds N]     boots it, says when its page answers, and ends it
"""

import argparse
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

FIRMWARE = Path("/usr/share/OVMF")
# On a wire of its own (net.py) the appliance gets this address; the other end, where simulators listen, is OUTSIDE.
ADDRESS, OUTSIDE, MAC = "192.168.77.2", "192.168.77.1", "52:54:00:f1:00:01"

DISKS = {
    "virtio-blk": ["-device", "virtio-blk-pci,drive=d0,bootindex=1"],
    "virtio-scsi": ["-device", "virtio-scsi-pci,id=s0", "-device", "scsi-hd,bus=s0.0,drive=d0,bootindex=1"],
    "pvscsi": ["-device", "pvscsi,id=s0", "-device", "scsi-hd,bus=s0.0,drive=d0,bootindex=1"],
    "nvme": ["-device", "nvme,drive=d0,serial=fluxgate,bootindex=1"],
    "ahci": ["-device", "ide-hd,drive=d0,bus=ide.0,bootindex=1"],
}


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class VM:
    """A running appliance. `https` and `sftp` are where its page and its SFTP answer: at an address of its own on a wire, else
    at ports of this machine's loopback.

    disk: the image, or `drive` a whole `-drive` of QEMU with the id d0. bus: how it is attached (DISKS). nic: the model of the
    network card. wire: a tap device's open file (net.py). keys: its firmware demands Secure Boot and has the variables of
    this file. tpm: the socket of a swtpm."""

    def __init__(
        self, disk, work, memory=512, cpus=2, name="vm", drive=None, bus="virtio-blk", nic="virtio-net-pci", wire=None,
        keys=None, tpm=None, extra=(),
    ):  # fmt: skip
        self.work, self.name = Path(work), name
        self.serial, self.errors = self.work / f"{name}.serial", self.work / f"{name}.errors"
        self.console, self.monitor = self.work / f"{name}.console", self.work / f"{name}.monitor"
        for former in (self.serial, self.console, self.monitor):
            former.unlink(missing_ok=True)
        variables = self.work / f"{name}.firmware"
        if not variables.exists():
            shutil.copy(keys or FIRMWARE / "OVMF_VARS_4M.fd", variables)
        code = "OVMF_CODE_4M.secboot.fd" if keys else "OVMF_CODE_4M.fd"
        if wire:
            self.https, self.sftp = (ADDRESS, 443), (ADDRESS, 22)
            network = f"tap,id=n0,fd={wire}"
        else:
            self.https, self.sftp = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
            network = f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.https[1]}-:443,hostfwd=tcp:127.0.0.1:{self.sftp[1]}-:22"
        command = [
            "qemu-system-x86_64", "-name", "fluxgate", "-M", "q35,smm=on" if keys else "q35",
            "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", str(cpus), "-m", str(memory),
            "-display", "none", "-vga", "std", "-nodefaults", "-uuid", "5f1a5c00-1111-4222-8333-444455556666",
            "-qmp", f"unix:{self.monitor},server=on,wait=off",
            # What is typed at `console` goes in; what the box says is kept in `serial` too.
            "-chardev", f"socket,id=c0,path={self.console},server=on,wait=off,logfile={self.serial}", "-serial", "chardev:c0",
            "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE / code}",
            "-drive", f"if=pflash,format=raw,file={variables}",
            "-drive", drive or f"file={disk},format=raw,if=none,id=d0,cache=writeback", *DISKS[bus],
            "-netdev", network, "-device", f"{nic},netdev=n0,mac={MAC}" + (",romfile=" if nic.startswith("virtio") else ""),
            "-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset",
        ]  # fmt: skip
        if keys:
            command += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        if tpm:
            command += ["-chardev", f"socket,id=t0,path={tpm}", "-tpmdev", "emulator,id=p0,chardev=t0", "-device", "tpm-crb,tpmdev=p0"]
        self.begun = time.monotonic()
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, *extra], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=[wire] if wire else []
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def said(self):
        """What stands on the serial line so far."""
        return self.serial.read_bytes().decode("utf-8", "replace") if self.serial.exists() else ""

    def type(self, text):
        """Typed at the serial line."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.console))
            line.sendall(text.encode())
            time.sleep(0.5)

    def command(self, execute, **arguments):
        """An order to QEMU (QMP): `screendump`, `stop`, `send-key` ...; its answer."""
        self.wait(self.monitor.exists, 60, "QEMU's monitor")
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(60)
            line.connect(str(self.monitor))
            answers = line.makefile("rw")
            answers.readline()
            for order in ({"execute": "qmp_capabilities"}, {"execute": execute, "arguments": arguments}):
                answers.write(json.dumps(order) + "\n")
                answers.flush()
                while "event" in (answer := json.loads(answers.readline())):
                    pass
            if "error" in answer:
                raise RuntimeError(f"{execute}: {answer['error']}")
            return answer["return"]

    def picture(self, path):
        """The screen as it is, as PNG."""
        self.command("screendump", filename=str(path), format="png")

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"QEMU ended with {self.process.returncode}: {self.errors.read_text()[-500:]}")

    def wait_said(self, pattern, seconds=120, start=0):
        """Waits until the serial line says so, from its character `start` on; the match."""
        return self.wait(lambda: re.compile(pattern).search(self.said(), start), seconds, pattern)

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
        connection = http.client.HTTPSConnection(*self.https, timeout=seconds, context=trust_any)
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
            with socket.create_connection(vm.sftp, timeout=20) as connection:
                print(connection.recv(100).decode().strip())
        except (RuntimeError, TimeoutError) as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
