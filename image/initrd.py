#!/usr/bin/env python3
"""What the installer has in memory: the program that is its first process, and the factory disk.

    image/initrd.py DISK VERSION BINARY OUT     DISK: what image/build-disk made; OUT: a cpio archive, not compressed

Of the disk: its table of partitions, and every piece that is not zeros, with hashes (src/installer/factory.rs). The same disk and
binary give the same bytes.
"""

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

#: Bytes looked at together: a piece begins and ends at a multiple of them.
BLOCK = 64 * 1024
#: Before this a disk has its table, and after it its partitions.
FIRST = 1024 * 1024
#: The protective MBR, the header, 128 entries.
TABLE = 34 * 512
#: The same table at a disk's end.
END_TABLE = 33 * 512
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", 1764000000))


def data(disk, size):
    """Where the disk has anything but zeros, in blocks, holes of the file left out."""
    at = FIRST
    while at < size:
        try:
            at = os.lseek(disk.fileno(), at, os.SEEK_DATA) // BLOCK * BLOCK
        except OSError:
            return
        disk.seek(at)
        block = disk.read(BLOCK)
        if block.strip(b"\0"):
            yield at, block
        at += BLOCK


def pieces(disk, size):
    """Blocks that touch, together: where they begin, and their bytes."""
    begun, parts = None, []
    for at, block in data(disk, size):
        if begun is not None and at != begun + BLOCK * len(parts):
            yield begun, b"".join(parts)
            begun, parts = None, []
        begun = at if begun is None else begun
        parts.append(block)
    if parts:
        yield begun, b"".join(parts)


def digest(content):
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}


def carried(path, version):
    """The disk as the installer carries it: its list, its table, its content."""
    size, content, listed = path.stat().st_size, [], []
    with path.open("rb") as disk:
        table = disk.read(TABLE)
        for at, piece in pieces(disk, size - END_TABLE):
            # The last block may hold the table at the disk's end.
            piece = piece[: size - END_TABLE - at]
            if piece.strip(b"\0"):
                content.append(piece)
                listed.append({"at": at, **digest(piece)})
    told = {"version": version, "bytes": size, "table": digest(table), "pieces": listed}
    return json.dumps(told, indent=1).encode() + b"\n", table, b"".join(content)


def member(name, content, mode, number):
    """A file of a cpio archive (the kernel's form, "newc")."""
    name = name.encode() + b"\0"
    links = 2 if mode & 0o040000 else 1
    fields = (number, mode, 0, 0, links, EPOCH, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    disk, version, binary, out = sys.argv[1:]
    told, table, content = carried(Path(disk), version)
    members = [
        ("factory", b"", 0o040755), ("factory/disk.json", told, 0o100444), ("factory/table", table, 0o100444),
        ("factory/content", content, 0o100444), ("init", Path(binary).read_bytes(), 0o100755), ("TRAILER!!!", b"", 0),
    ]  # fmt: skip
    with open(out, "wb") as archive:
        for number, (name, bytes_, mode) in enumerate(members):
            archive.write(member(name, bytes_, mode, number))


if __name__ == "__main__":
    main()
