import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests/e2e")]

from gateway import BINARY, PASSWORD, Simulator  # noqa: E402
from net import Net  # noqa: E402
from publisher import Publisher  # noqa: E402
from vm import VM  # noqa: E402
from volatile import copy  # noqa: E402


@pytest.fixture(scope="session")
def image():
    """The folder of the one built image (image/build's OUT), which image/tests/run makes for all."""
    return Path(os.environ["FLUXGATE_IMAGE"])


@pytest.fixture(scope="session")
def firmware(image):
    """The variables of a firmware that demands Secure Boot and knows the image's key alone."""
    return image / "keys/firmware.fd"


@pytest.fixture(scope="session")
def publisher(image):
    return Publisher(image / "keys")


@pytest.fixture(scope="session")
def release(image):
    """The next version, and its file."""
    [path] = image.glob("fluxgate-*.update")
    return path.stem.removeprefix("fluxgate-"), path


@pytest.fixture(scope="session")
def net(tmp_path_factory):
    net = Net(tmp_path_factory.mktemp("net"))
    yield net
    net.end()


@pytest.fixture(scope="session")
def simulator(net, tmp_path_factory):
    """Chorus Pro to practise against, at the other end of the wire. Its clock runs 20,000 times as fast."""
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), "speed = 20000.0\n", listen="0.0.0.0:0")
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def password_hash():
    command = [BINARY, "user", "hash"]
    return subprocess.run(command, input=PASSWORD + "\n", capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def disk(image, tmp_path):
    """A disk of one's own as it leaves the factory."""
    copy(image / "disk.img", tmp_path / "disk.img")
    return tmp_path / "disk.img"


@pytest.fixture
def start(net, tmp_path):
    """Starts an appliance on the wire: `start(disk, name=…, …)` as VM. One at a time: it ends the former."""
    running = []

    def start(disk, **words):
        while running:
            running.pop().end()
        running.append(VM(disk, tmp_path, wire=net.tap, **words))
        return running[-1]

    yield start
    while running:
        running.pop().end()
