"""Somebody changes the disk while the box is off: nothing of it runs."""

import re
import subprocess

import pytest

ESP, SLOT_A = 1 << 20, (1 + 256) << 20
STOPPED = r"Access Denied|Security Violation"


def flip(disk, *places):
    """One bit of each of these bytes."""
    with open(disk, "r+b") as file:
        for at in places:
            file.seek(at)
            former = file.read(1)
            file.seek(at)
            file.write(bytes([former[0] ^ 0x40]))


def esp(disk, *command):
    """One of mtools on the disk's first partition."""
    done = subprocess.run([command[0], "-i", f"{disk}@@{ESP}", *command[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kernel_of(disk):
    [name] = re.findall(r"fluxgate-a_\S+\.efi", esp(disk, "mdir", "-b", "::/EFI/Linux"))
    return f"::/EFI/Linux/{name}"


def test_a_changed_root_does_not_run(start, disk, image):
    size = (image / "slots/root.img").stat().st_size
    # All over the image, so that what boot reads is among it.
    flip(disk, *range(SLOT_A + 8192, SLOT_A + size * 9 // 10, 300_000))
    vm = start(disk)
    vm.wait_said("dm-verity device corrupted", 90)
    assert "Kernel panic" in vm.said()
    assert vm.get(seconds=2) is None


def test_a_firmware_with_our_key_boots_ours(start, disk, firmware):
    print(f"with Secure Boot the claim page answers {start(disk, keys=firmware).wait_page():.0f} s after power-on")


@pytest.mark.parametrize("change", ["a bit of the kernel", "a bit of its command line", "signed by another", "not signed"])
def test_a_changed_kernel_does_not_run(change, start, disk, image, firmware, tmp_path):
    ours, other = image / "slots/kernel-a.efi", tmp_path / "other.efi"
    kernel = bytearray(ours.read_bytes())
    if change == "a bit of the kernel":
        kernel[len(kernel) // 2] ^= 0x40
    elif change == "a bit of its command line":
        kernel[kernel.index(b"lockdown=confidentiality")] ^= 0x40
    other.write_bytes(kernel)
    if "signed" in change:
        subprocess.run(["sbattach", "--remove", other], check=True, capture_output=True)
    if change == "signed by another":
        key, certificate = tmp_path / "other.key", tmp_path / "other.crt"
        words = "req -new -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=other/ -keyout".split()
        subprocess.run(["openssl", *words, key, "-out", certificate], check=True, capture_output=True)
        subprocess.run(["sbsign", "--key", key, "--cert", certificate, "--output", other, other], check=True, capture_output=True)
    place = kernel_of(disk)
    esp(disk, "mcopy", "-o", str(other), place)
    vm = start(disk, keys=firmware)
    vm.wait_said(STOPPED, 90)
    assert vm.get(seconds=2) is None
