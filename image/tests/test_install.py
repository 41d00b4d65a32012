"""The installer: from a stick that only the firmware can read onto an empty disk, by a person at the serial line and by a provisioning
file; then the disk alone."""

import json
import re
import shutil
import subprocess
import time

import pytest
from gateway import PROJECT
from marks import LONG
from vm import MAC, OUTSIDE

GIB = 1 << 30
#: Longer than the factory's, and by no round length.
DISK_BYTES = 3 * GIB + 5 * 512
MODEL = "QEMU NVMe Ctrl"
BESIDE = "::/EFI/BOOT/BOOTX64.EFI.extra.d/provisioning.cred"
#: On a machine that has other work too.
SECONDS = 400


@pytest.fixture(scope="module")
def installer(image):
    subprocess.run([PROJECT / "image/build-installer", image, image / "keys"], check=True)
    return image / "installer.img"


@pytest.fixture
def stick(installer, tmp_path):
    """A stick of one's own: QEMU's words for it, and what puts a provisioning file on it."""

    class Stick:
        path = tmp_path / "stick.img"
        words = (
            "-device", "qemu-xhci,id=x0", "-drive", f"file={path},format=raw,if=none,id=stick",
            "-device", "usb-storage,id=plugged,bus=x0.0,drive=stick,removable=on,bootindex=0",
        )  # fmt: skip

        def order(self, text):
            file = tmp_path / "provisioning.toml"
            file.write_text(text)
            subprocess.run(["mcopy", "-o", "-i", f"{self.path}@@1M", file, BESIDE], check=True)

        def pull(self, vm):
            vm.command("device_del", id="plugged")

    shutil.copy(installer, Stick.path)
    return Stick()


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target.img"
    with path.open("wb") as disk:
        disk.truncate(DISK_BYTES)
        # Somebody's data.
        disk.seek(2 * GIB)
        disk.write(b"former data")
    return path


def nvme(target):
    return {"drive": f"file={target},format=raw,if=none,id=d0,cache=writeback", "bus": "nvme"}


def table(disk):
    told = json.loads(subprocess.run(["sfdisk", "-J", disk], capture_output=True, check=True).stdout)["partitiontable"]
    parts = [{key: part[key] for key in part if key != "node"} for part in told["partitions"]]
    return told["id"], parts


def check_installed(target, image, provisioned=False):
    """Is it the factory's disk, with its second table at its own end?"""
    assert table(target) == table(image / "disk.img")
    verified = subprocess.run(["sfdisk", "--verify", target], capture_output=True, text=True)
    assert verified.returncode == 0 and "No errors detected" in verified.stdout, verified.stdout + verified.stderr
    with open(target, "rb") as disk, open(image / "disk.img", "rb") as factory:
        # Whole but for the two tables; a boot partition that was handed something has more on it.
        begin = 257 << 20 if provisioned else 1 << 20
        for at in range(begin, 2 * GIB - (1 << 20), 1 << 20):
            disk.seek(at)
            factory.seek(at)
            assert disk.read(1 << 20) == factory.read(1 << 20), at
        disk.seek(2 * GIB)
        assert not disk.read(1 << 20).strip(b"\0"), "the former data"


def settled(vm, start=0):
    """The list of disks, once it is shown."""
    return vm.wait_said(r"Tapez le num[^>]*> ", SECONDS, start).end()


def test_a_person_installs_and_the_disk_alone_leads_to_the_claim_page(start, stick, target, image, firmware):
    vm = start(None, name="installer", keys=firmware, extra=stick.words, **nvme(target))
    shown = settled(vm)
    print(f"the installer asks {time.monotonic() - vm.begun:.0f} s after power-on")
    assert re.search(rf"1  nvme0n1 \({MODEL}, n. de s.rie fluxgate, 3,2 Go\) : pas de partition", vm.said()), vm.said()
    # Neither the stick nor anything else is a disk of the machine's.
    assert not re.search(r"^ +(2|-)  ", vm.said(), re.M)
    vm.type("2\r")
    vm.wait_said("pas un num", 30, shown)
    vm.type("1\r")
    code = vm.wait_said(r"Tapez (\d{6}) puis", 30, shown)[1]
    vm.type(f"{(int(code) + 1) % 1000000:06}\r")
    vm.wait_said("pas ce code", 30, shown)
    with open(target, "rb") as disk:
        disk.seek(2 * GIB)
        assert disk.read(11) == b"former data"
    begun = time.monotonic()
    vm.type(f"{code}\r")
    vm.wait_said("est install. sur nvme0n1", SECONDS, shown)
    print(f"installed within {time.monotonic() - begun:.0f} s")
    done = vm.wait_said("Retirez la cl. USB", 30, shown).end()
    vm.command("stop")
    check_installed(target, image)
    vm.command("cont")
    stick.pull(vm)
    begun = time.monotonic()
    vm.type(" ")
    vm.wait_said("BdsDxe: starting .*NVMe", 120, done)
    vm.wait_page(SECONDS)
    print(f"the claim page of the installed disk answers {time.monotonic() - begun:.0f} s after the restart")


FIXED = "192.168.77.9"
ORDER = f"""\
erase = "serial fluxgate"
signed_off = "Camille Durand, essai"
after = "{{after}}"
[network.inside]
card = "{MAC}"
ipv4 = {{{{ static = {{{{ address = "{FIXED}", prefix = 24, gateway = "{OUTSIDE}" }}}} }}}}
ipv6 = "off"
"""


def test_a_provisioning_file_installs_alone_and_sets_the_network(start, stick, target, image):
    stick.order(ORDER.format(after="restart"))
    vm = start(None, name="installer", extra=stick.words, **nvme(target))
    vm.wait_said("Accord donn. par : Camille Durand, essai", SECONDS)
    end = vm.wait_said("est install. sur nvme0n1", SECONDS).end()
    # The stick was left in: nothing is wiped a second time.
    again = vm.wait_said(r"pas efface une\s+deuxieme fois", SECONDS, end).end()
    vm.command("stop")
    check_installed(target, image, provisioned=True)
    assert "installation.json" in left(target)
    vm.command("cont")
    stick.pull(vm)
    begun = time.monotonic()
    vm.type(" ")
    vm.wait_said("BdsDxe: starting .*NVMe", 120, again)
    vm.https = (FIXED, 443)
    vm.wait_page(SECONDS)
    print(f"the claim page answers at the address that was ordered {time.monotonic() - begun:.0f} s after the restart")
    vm.end()
    assert "json" not in left(target), "it is taken over once"


def left(target):
    """What stands on the boot partition for the first start."""
    done = subprocess.run(["mdir", "-b", "-i", f"{target}@@1M", "::/fluxgate"], capture_output=True, text=True, check=True)
    return done.stdout


@LONG
@pytest.mark.parametrize(
    "order, told",
    [
        ("erase = \"the only one\"\n", r"ligne 1 illisible.*signed_off"),
        ("erase = \"serial other\"\nsigned_off = \"x\"\n", "aucun disque"),
        (ORDER.format(after="off").replace(MAC, "52:54:00:00:00:00"), "carte"),
    ],
)
def test_a_provisioning_file_that_does_not_fit_wipes_nothing(order, told, start, stick, target):
    stick.order(order)
    vm = start(None, name="installer", extra=stick.words, **nvme(target))
    end = vm.wait_said(f"(?s)provisioning.cred : .*{told}", SECONDS).end()
    vm.wait_said("Rien n'a ete efface", 30)
    vm.type(" ")
    settled(vm, end)
    vm.end()
    with open(target, "rb") as disk:
        disk.seek(2 * GIB)
        assert disk.read(11) == b"former data"
