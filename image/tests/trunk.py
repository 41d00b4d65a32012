"""A cable with VLANs on it, and a time server: what a second card of the appliance meets. No kernel of this machine's need know
VLANs: frames cross a socket, one VLAN's come out of a tap device without their tag."""

import fcntl
import os
import select
import socket
import struct
import subprocess
import threading
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
TAGGED = b"\x81\x00"


class Trunk:
    """Between QEMU's card (`nic`, words for its command line) and the tap device `tap`, which is in VLAN `vlan` alone.
    `untagged` counts what came without that tag."""

    def __init__(self, tap, vlan, address):
        self.tag = TAGGED + struct.pack("!H", vlan)
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH", tap.encode(), IFF_TAP | IFF_NO_PI))
        for words in (f"addr add {address} dev {tap}", f"link set {tap} up"):
            subprocess.run(["ip", *words.split()], check=True)
        self.ours, theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for end in (self.ours, theirs):
            end.bind(("127.0.0.1", 0))
        self.theirs = theirs.getsockname()
        theirs.close()
        at = {"local": self.theirs, "remote": self.ours.getsockname()}
        ends = ",".join(f"{end}.type=inet,{end}.host={host},{end}.port={port}" for end, (host, port) in at.items())
        self.nic = ("-netdev", f"dgram,id=n1,{ends}", "-device", "virtio-net-pci,netdev=n1,mac=52:54:00:f1:00:02,romfile=")
        self.untagged, self.running = 0, True
        self.thread = threading.Thread(target=self.relay, daemon=True)
        self.thread.start()

    def relay(self):
        while self.running:
            for end in select.select([self.tap, self.ours], [], [], 0.2)[0]:
                if end is self.ours:
                    frame = self.ours.recv(65536)
                    # 12 bytes of addresses, then the tag; its number is in the lower 12 bits.
                    if frame[12:14] == TAGGED and int.from_bytes(frame[14:16]) & 0xFFF == int.from_bytes(self.tag[2:]):
                        os.write(self.tap, frame[:12] + frame[16:])
                    else:
                        self.untagged += 1
                else:
                    frame = os.read(self.tap, 65536)
                    self.ours.sendto(frame[:12] + self.tag + frame[12:], self.theirs)

    def end(self):
        self.running = False
        self.thread.join()
        os.close(self.tap)
        self.ours.close()


class TimeServer:
    """NTP (RFC 5905) as far as a client of one question needs it: this machine's time. `asked` counts questions."""

    EPOCH = 2_208_988_800

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 123))
        self.asked = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                question, peer = self.socket.recvfrom(1024)
            except OSError:
                return
            self.asked += 1
            now = time.time() + self.EPOCH
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            # No leap second, version 4, server; stratum 1.
            head = struct.pack("!BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"TEST")
            self.socket.sendto(head + stamp + question[40:48] + stamp + stamp, peer)

    def end(self):
        self.socket.close()
