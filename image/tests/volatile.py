"""A disk with a volatile cache, as a server of the Network Block Device protocol: what is written counts once the guest flushed it.

When its power is cut, a random part of what was written since the last flush is there, in any order, and possibly torn at a
sector, as with a real disk."""

import os
import random
import socket
import struct
import subprocess
import threading

SECTOR = 512
READ, WRITE, DISCONNECT, FLUSH, ZEROES = 0, 1, 2, 3, 6
FUA = 1
#: Of the partition of the firmware, in bytes (image/build-disk).
ESP = range(1 << 20, 257 << 20)


def copy(disk, path):
    """A disk's file, with its holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, path], check=True)


class Disk:
    """Served at a Unix socket from its making on. `cut_at`: the number of the write at whose beginning the power fails; what is
    set as `at_cut` is called then."""

    def __init__(self, path, address, seed, pending=(), cut_at=None):
        self.path, self.address = path, address
        self.file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.file).st_size
        #: Written and not flushed, oldest first: where, and what.
        self.pending = list(pending)
        self.random, self.cut_at = random.Random(seed), cut_at
        self.lock, self.is_off, self.at_cut = threading.Lock(), threading.Event(), None
        #: Where each write began, in the order they came.
        self.writes = []
        address.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(address))
        self.listener.listen(1)
        self.peer = None
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def drive(self):
        """For QEMU's -drive."""
        return f"file=nbd:unix:{self.address},format=raw,if=none,id=d0,cache=writeback"

    def copied(self, path):
        """The disk as it is now, for another one: its durable content in a file, and what is not durable."""
        with self.lock:
            copy(self.path, path)
            return list(self.pending)

    def cut(self):
        """The power fails, unless it did before; what of the pending writes is there, is decided now."""
        with self.lock:
            self.is_off.set()
            if self.file is None:
                return
            luck = self.random.choice([0.0, 0.2, 0.5, 0.8, 1.0])
            for where, data in self.pending:
                if self.random.random() >= luck:
                    continue
                if self.random.random() < 0.2 and len(data) > SECTOR:
                    data = data[: SECTOR * self.random.randrange(1, len(data) // SECTOR + 1)]
                os.pwrite(self.file, data, where)
            self.pending = []
            os.close(self.file)
            self.file = None
        for end in (self.peer, self.listener):
            if end:
                end.close()

    def serve(self):
        try:
            self.peer, _ = self.listener.accept()
            self.greet()
            while self.answer():
                pass
        except (EOFError, OSError):
            pass

    def read_exactly(self, count):
        data = bytearray()
        while len(data) < count:
            if not (more := self.peer.recv(count - len(data))):
                raise EOFError
            data += more
        return bytes(data)

    def greet(self):
        """The fixed newstyle handshake; any export is this one. Flags: flush, FUA, write zeroes."""
        has = 1 | 4 | 8 | 64
        self.peer.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        self.read_exactly(4)
        while True:
            _, option, length = struct.unpack(">QII", self.read_exactly(16))
            self.read_exactly(length)

            def reply(kind, data=b"", option=option):
                self.peer.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(data)) + data)

            if option == 1:  # NBD_OPT_EXPORT_NAME
                self.peer.sendall(struct.pack(">QH", self.size, has))
                return
            if option == 7:  # NBD_OPT_GO
                reply(3, struct.pack(">HQH", 0, self.size, has))
                reply(1)
                return
            if option == 2:  # NBD_OPT_ABORT
                reply(1)
                raise EOFError
            reply(0x80000001)

    def answer(self):
        """One request; whether another may come."""
        _, flags, kind, handle, where, length = struct.unpack(">IHHQQI", self.read_exactly(28))
        data = self.read_exactly(length) if kind == WRITE else bytes(length) if kind == ZEROES else b""
        with self.lock:
            if self.is_off.is_set() or kind == DISCONNECT:
                return False
            if self.cut_at is not None and len(self.writes) >= self.cut_at and kind in (WRITE, FLUSH, ZEROES):
                if data:
                    self.pending.append((where, data))
                self.is_off.set()
                if self.at_cut:
                    self.at_cut()
                return False
            out = self.read(where, length) if kind == READ else b""
            if data:
                self.writes.append(where)
                self.write(where, data, flags & FUA)
            if kind == FLUSH:
                for at, kept in self.pending:
                    os.pwrite(self.file, kept, at)
                self.pending = []
            self.peer.sendall(struct.pack(">IIQ", 0x67446698, 0, handle) + out)
        return True

    def write(self, where, data, at_once):
        if not at_once:
            self.pending.append((where, data))
            return
        # What is older and overlaps must not come back over it.
        left = []
        for at, kept in self.pending:
            if at < where + len(data) and where < at + len(kept):
                os.pwrite(self.file, kept, at)
            else:
                left.append((at, kept))
        self.pending = left
        os.pwrite(self.file, data, where)

    def read(self, where, length):
        data = bytearray(os.pread(self.file, length, where))
        for at, kept in self.pending:
            begin, end = max(at, where), min(at + len(kept), where + length)
            if begin < end:
                data[begin - where : end - where] = kept[begin - at : end - at]
        return bytes(data)
