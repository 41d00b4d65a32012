"""Log lines reach a real syslog server (rsyslog) over TLS, survive its absence, and hold nothing up."""

import re
import socket
import subprocess
import time
from contextlib import closing

import pytest
from gateway import Gateway, Simulator, put, wait_until

CONFIGURATION = """\
global(workDirectory="{folder}"
  DefaultNetstreamDriverCAFile="{folder}/ca.pem" DefaultNetstreamDriverCertFile="{folder}/server.pem" DefaultNetstreamDriverKeyFile="{folder}/server.key")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
template(name="line" type="string" string="%hostname%|%app-name%|%syslogfacility%.%syslogseverity%|%protocol-version%|%msg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")
ruleset(name="all") {{ action(type="omfile" file="{folder}/received" template="line") }}
"""


class Rsyslog:
    """rsyslog with a certificate of an authority of its own."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        with closing(socket.socket()) as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]

        def make(*words):
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        make("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority")
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        make("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=syslog")
        make("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "names", "-out", "server.pem")
        (folder / "rsyslog.conf").write_text(CONFIGURATION.format(folder=folder, port=self.port))
        self.process = None

    def start(self):
        command = ["rsyslogd", "-n", "-f", self.folder / "rsyslog.conf", "-i", self.folder / "pid"]
        self.log = open(self.folder / "log", "a")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def received(self):
        file = self.folder / "received"
        return file.read_text() if file.exists() else ""

    def waits_for(self, text, seconds=60):
        return wait_until(f"{text} at the server", lambda: text in self.received(), seconds)


def sending(section):
    """A gateway with that section in its configuration."""

    class Sending(Gateway):
        def configuration(self, *words):
            return super().configuration(*words) + section

    return Sending


@pytest.fixture
def server(tmp_path):
    server = Rsyslog(tmp_path / "rsyslog")
    yield server
    server.stop()


def test_log_lines_reach_a_server_over_tls_and_wait_for_it(tmp_path, server):
    server.start()
    simulator = Simulator(tmp_path / "simulator")
    section = f'[syslog]\nserver = "127.0.0.1:{server.port}"\nca_file = "{server.folder}/ca.pem"\n'
    gateway = sending(section)(tmp_path / "gateway", simulator)
    try:
        server.waits_for("|fluxgate-core|3.6|1|Core runs")
        server.waits_for("|fluxgate-front|3.6|1|Front listens")

        # The server is away: work goes on, and what was said meanwhile comes when it is back.
        server.stop()
        begun = time.monotonic()
        with gateway.sftp() as sftp:
            put(sftp, "/depot/away.xml", b"<not-an-invoice/>")
        wait_until("a receipt without the server", lambda: gateway.receipt("away.xml"), 60)
        print(f"a receipt {time.monotonic() - begun:.1f} s after a drop, without the server")
        wait_until("the gateway's word", lambda: "Log lines do not leave" in (tmp_path / "gateway/gateway.log").read_text())
        server.start()
        server.waits_for("Log lines do not leave for the server")
        names = re.findall(r"^([^|]*)\|fluxgate-(?:core|front)\|", server.received(), re.M)
        assert names and set(names) == {socket.gethostname()}, set(names)
    finally:
        gateway.stop()
        simulator.stop()


def test_a_server_with_a_foreign_certificate_gets_nothing(tmp_path, server):
    server.start()
    simulator = Simulator(tmp_path / "simulator")
    gateway = sending(f'[syslog]\nserver = "127.0.0.1:{server.port}"\n')(tmp_path / "gateway", simulator)
    try:

        def told():
            said = (tmp_path / "gateway/gateway.log").read_text()
            return "Log lines do not leave" in said and "TLS refused" in said

        wait_until("the gateway's word", told, 60)
        assert "fluxgate" not in server.received()
    finally:
        gateway.stop()
        simulator.stop()
