"""The establishment's network as the appliance meets it: a wire, DHCP, and this machine at its other end. In a network namespace
that the tests were started in (`unshare -n`): nothing of it is seen outside, and nothing outside is reached."""

import fcntl
import os
import socket
import struct
import subprocess

from vm import ADDRESS, MAC, OUTSIDE

# Of <linux/if_tun.h>.
TUNSETIFF, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0002, 0x1000, 0x4000
WIRE = "tap-fluxgate"


def is_apart():
    """Whether this process is in a network namespace of its own: no interface but lo, nor what these tests made."""
    return {name for _, name in socket.if_nameindex()} <= {"lo", WIRE}


class Net:
    """The wire (a tap device) with a DHCP server that knows one address, the appliance's."""

    def __init__(self, work):
        assert is_apart(), "these tests make network devices: start them with image/tests/run, in a namespace of their own"
        # Held open here and handed to each QEMU: the kernel may let go of one that QEMU opened itself long after that ended.
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", WIRE.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        for words in (
            f"addr add {OUTSIDE}/24 dev {WIRE}",
            f"link set {WIRE} up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        log = open(work / "dhcp.log", "w")
        self.dhcp = subprocess.Popen(
            [
                "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--no-resolv", "--no-hosts", "--bind-interfaces",
                f"--interface={WIRE}", f"--dhcp-range={ADDRESS},{ADDRESS},255.255.255.0,1h", f"--dhcp-host={MAC},{ADDRESS}",
                "--dhcp-authoritative", f"--dhcp-leasefile={work / 'leases'}", "--pid-file=", f"--address=/chorus-pro.test/{OUTSIDE}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip

    def end(self):
        self.dhcp.terminate()
        self.dhcp.wait()
        os.close(self.tap)
