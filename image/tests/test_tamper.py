"""Somebody changes the disk while the box is off."""

import re

START_OF_SLOT_A = (1 + 256) << 20


def test_a_changed_root_does_not_run(start, disk, image):
    size = (image / "slots/root.img").stat().st_size
    with open(disk, "r+b") as file:
        # All over the image, so that what boot reads is among it.
        for at in range(START_OF_SLOT_A + 8192, START_OF_SLOT_A + size * 9 // 10, 300_000):
            file.seek(at)
            former = file.read(1)
            file.seek(at)
            file.write(bytes([former[0] ^ 0x40]))
    vm = start(disk)
    said = vm.wait_said(r"dm-verity device corrupted|reached target|the page answers", 90)[0]
    assert "corrupted" in said
    assert vm.get(seconds=2) is None
    assert re.search(r"Kernel panic", vm.said())
