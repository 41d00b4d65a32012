"""What a service manager sees: readiness, the watchdog, the stop."""

import os
import signal
import socket
import subprocess
import time

from gateway import BINARY, wait_until


def heard(listener, seconds):
    """Every notification that arrives within `seconds`."""
    listener.settimeout(0.1)
    end, words = time.monotonic() + seconds, []
    while time.monotonic() < end:
        try:
            words += listener.recv(4096).decode().splitlines()
        except TimeoutError:
            pass
    return words


def test_readiness_watchdog_and_stop(gateway, tmp_path):
    gateway.stop()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    environment.pop("WATCHDOG_PID", None)
    with open(tmp_path / "log", "w") as log:
        service = subprocess.Popen([BINARY, "serve", "--config", str(gateway.config)], env=environment, stderr=log, stdout=log)
    try:
        words = []

        def ready():
            words.extend(heard(listener, 0.2))
            return "READY=1" in words

        wait_until("READY=1", ready, 30)
        assert heard(listener, 3).count("WATCHDOG=1") >= 3
        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
        assert "STOPPING=1" in heard(listener, 0.5)
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()
        listener.close()
        gateway.start()
