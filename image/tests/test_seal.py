"""What is kept is sealed to the machine: does its TPM open it, and nobody else's, and does the recovery key?"""

import re
import socket
import struct
import subprocess
import time

import pytest
from box import Box
from marks import LONG, LONGEST
from test_console import STARTED, confirm, fingerprint
from test_tamper import esp, kernel_of
from test_update import former_of

KEY = re.compile(r"(?:[cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8}")
SLOT_B, SLOT_BYTES = (1 + 256 + 512) << 20, 512 << 20
DATA = SLOT_B + SLOT_BYTES
#: For a boot, on a machine that has other work too.
SECONDS = 300
SEALED, UNSEALED = "Donnees +scellees a cette machine", "Donnees +NON SCELLEES"


@pytest.fixture
def tpm(tmp_path):
    """A TPM by its name, which keeps what it holds; the socket that QEMU takes. It ends with QEMU."""
    running = []

    def tpm(name):
        folder = tmp_path / f"tpm-{name}"
        folder.mkdir(exist_ok=True)
        control = folder / "socket"
        state = ["--tpmstate", f"dir={folder}", "--ctrl", f"type=unixio,path={control}"]
        running.append(subprocess.Popen(["swtpm", "socket", "--tpm2", *state, "--terminate"], stderr=subprocess.DEVNULL))
        for _ in range(100):
            if control.exists():
                return control
            time.sleep(0.1)
        raise TimeoutError("swtpm does not start")

    yield tpm
    for process in running:
        process.kill()
        process.wait()


#: Where the floor of versions stands in a TPM (src/update/record.rs).
FLOOR = 0x0180F106


def floor(folder, version=None):
    """What a TPM that does not run keeps of the floor, `None` for nothing; or has it keep this one."""
    socket_path = folder / "server"
    socket_path.unlink(missing_ok=True)
    words = ["--flags", "startup-clear,not-need-init", "--tpmstate", f"dir={folder}", "--server", f"type=unixio,path={socket_path}"]
    swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", *words])
    try:
        with socket.socket(socket.AF_UNIX) as line:
            for _ in range(100):
                if socket_path.exists():
                    break
                time.sleep(0.1)
            line.connect(str(socket_path))

            def command(code, handles, parameters):
                body = struct.pack(f">{len(handles)}I", *handles) + struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0) + parameters
                line.sendall(struct.pack(">HII", 0x8002, 10 + len(body), code) + body)
                answer = line.recv(4096)
                return struct.unpack(">I", answer[6:10])[0], answer[10:]

            if version:
                public = struct.pack(">IHIHH", FLOOR, 0xB, 0x2060006, 0, 6)
                assert command(0x12A, [0x40000001], struct.pack(">HH", 0, len(public)) + public)[0] == 0
                numbers = struct.pack(">HHHH", 6, *map(int, version.split(".")))
                assert command(0x137, [FLOOR, FLOOR], numbers + b"\0\0")[0] == 0
                return version
            code, answer = command(0x14E, [FLOOR, FLOOR], struct.pack(">HH", 6, 0))
            return None if code else ".".join(map(str, struct.unpack(">HHH", answer[6:12])))
    finally:
        swtpm.kill()
        swtpm.wait()


def is_luks(disk):
    with open(disk, "rb") as file:
        file.seek(DATA)
        return file.read(6) == b"LUKS\xba\xbe"


def read_key(box):
    """As the page shows it after the claim."""
    key = KEY.search(box.fill("/cle-de-secours", "/cle-de-secours").text)
    assert key, "no recovery key on the page"
    return key[0]


def in_slot_b(disk, image):
    """What an update does: the image and its other kernel in the other slot, which is the next that starts."""
    with open(image / "slots/root.img", "rb") as root, open(disk, "r+b") as file:
        file.seek(SLOT_B)
        file.write(root.read())
    esp(disk, "mdel", kernel_of(disk))
    esp(disk, "mcopy", str(image / "slots/kernel-b.efi"), f"::/EFI/Linux/fluxgate-b_{former_of(image)}.efi")


def opened(vm, start=0):
    """Waits until what is kept is open and sealed; the certificate's fingerprint, which stands in it."""
    vm.wait_said(SEALED, SECONDS, start)
    return fingerprint(vm, start)


def wait_floor(box, version):
    """Waits until the disk has this floor: after the blessing."""
    end = time.monotonic() + SECONDS
    while f"<dd>{version}</dd>" not in (text := box.page("/appliance/mises-a-jour").text):
        assert time.monotonic() < end, text
        time.sleep(1)


def proved(box):
    """Waits until the running version has proved healthy."""
    end = time.monotonic() + SECONDS
    while "fait encore ses preuves" in (text := box.page("/appliance/mises-a-jour").text) or "Version en service" not in text:
        assert time.monotonic() < end, "not blessed"
        time.sleep(1)


def type_key(vm, key):
    vm.type("4")
    vm.wait_said("Tapez la cle de secours", 30)
    # Slower than a serial line's buffer of 64.
    for group in key.split("-"):
        vm.type(group)
    vm.type("\r")


@LONGEST
def test_the_seal_opens_for_another_kernel_of_ours_and_for_another_machine_by_the_recovery_key(
    start, disk, image, firmware, tpm, tmp_path
):
    # Another disk had raised this machine's floor.
    (tmp_path / "tpm-own").mkdir()
    floor(tmp_path / "tpm-own", "0.0.7")
    vm = start(disk, keys=firmware, tpm=tpm("own"))
    print(f"made sealed: the claim page answers {vm.wait_page(SECONDS):.0f} s after power-on")
    first = opened(vm)
    assert is_luks(disk)
    box = Box(vm).claim()
    key = read_key(box)
    wait_floor(box, "0.0.7")
    again = box.page("/appliance").text
    assert not KEY.search(again) and "Une clé a été remise" in again
    assert "aucune clé de secours n" in box.visit.post(
        box.url + "/cle-de-secours", {"csrf": re.search(r'name="csrf" value="([^"]+)"', again)[1]}, timeout=60
    ).text.lower(), "it is shown once"
    vm.end()

    # The other slot's kernel has another measure, signed by the same key; and the same TPM opens it.
    in_slot_b(disk, image)
    vm = start(disk, keys=firmware, tpm=tpm("own"))
    assert opened(vm) == first, "what was kept is there"
    vm.wait_said("emplacement B", 30)
    vm.end()

    # The disk in another machine.
    vm = start(disk, keys=firmware, tpm=tpm("other"))
    vm.wait_said("scellees a une autre machine", SECONDS)
    vm.wait_said("4 Cle de secours", 30)
    assert vm.get(seconds=2) is None
    type_key(vm, "-".join(["cbdefghi"] * 8))
    vm.wait_said("cette cle de secours n'ouvre pas les donnees : verifiez", 120)
    begun = len(vm.said())
    type_key(vm, key)
    restarted = vm.wait_said(STARTED, 120, begun).end()
    assert opened(vm, restarted) == first

    # The floor has come along with the disk, and this machine's TPM learns it once the version has proved healthy.
    box.vm = vm
    box.visit.close()
    vm.wait_page(SECONDS)
    wait_floor(box.log_in(), "0.0.7")
    proved(box)
    # The TPM comes right after.
    time.sleep(20)
    vm.end()
    assert floor(tmp_path / "tpm-other") == "0.0.7"


@LONG
def test_a_factory_reset_of_a_closed_machine_seals_anew(start, disk, firmware, tpm):
    vm = start(disk, keys=firmware, tpm=tpm("own"))
    first = opened(vm)
    vm.end()
    vm = start(disk, keys=firmware, tpm=tpm("other"))
    vm.wait_said("scellees a une autre machine", SECONDS)
    begun = confirm(vm, "3", 6)
    assert opened(vm, begun) != first
    assert is_luks(disk)


@LONG
def test_a_cleared_tpm_or_none_closes_what_was_sealed(start, disk, firmware, tpm, tmp_path):
    vm = start(disk, keys=firmware, tpm=tpm("own"))
    vm.wait_page(SECONDS)
    vm.end()
    vm = start(disk, keys=firmware)
    vm.wait_said("cette machine n'a pas de TPM 2", SECONDS)
    assert "4 Cle de secours" not in vm.said()
    vm.end()
    # Cleared: it holds nothing any more.
    for kept in (tmp_path / "tpm-own").iterdir():
        kept.unlink()
    vm = start(disk, keys=firmware, tpm=tpm("own"))
    vm.wait_said("scellees a une autre machine", SECONDS)


def test_without_a_tpm_it_says_that_nothing_is_sealed(start, disk):
    vm = start(disk)
    vm.wait_said(UNSEALED, SECONDS)
    vm.wait_said("cette machine n'a pas de TPM 2", 30)
    assert not is_luks(disk)
