"""A gateway and a simulator as a user would run them: two commands of the real binary, in a folder of their own."""

import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import paramiko
import requests
import urllib3
from paramiko.sftp import CMD_CLOSE

BINARY = os.environ.get("FLUXGATE") or str(
    Path(__file__).resolve().parents[2] / "target/x86_64-unknown-linux-gnu/release/fluxgate"
)
PROJECT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("FLUXGATE_SHARED", PROJECT.parent / "shared"))
LONG = os.environ.get("FLUXGATE_LONG") == "1"

ACCOUNT, PASSWORD = "sifac", "mot-de-passe-d-essai-42"

LIMITS = {
    "integration_poll": "150ms",
    "integration_deadline": "4h",
    "integration_delay": "24h",
    "doubt_poll": "300ms",
    "deposit_retry": "300ms",
    "status_poll": "400ms",
    "reception_poll": "500ms",
}


def wait_until(what, probe, seconds=60.0, pause=0.05):
    """Polls `probe` until it answers something true; fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def put(sftp, path, body):
    """Uploads and returns only when the close was answered OK. (Paramiko's own close swallows every refusal.)"""
    handle = sftp.open(path, "wb")
    handle.set_pipelined(True)
    handle.write(body)
    handle.flush()
    handle._closed = True
    sftp._request(CMD_CLOSE, handle.handle)


class Simulator:
    def __init__(self, folder, scenario="", listen="127.0.0.1:0"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.dir = self.folder / "kept"
        command = [BINARY, "simulate", "--listen", listen, "--dir", str(self.dir)]
        if scenario:
            path = self.folder / "scenario.toml"
            path.write_text(scenario)
            command += ["--scenario", str(path)]
        self.log = open(self.folder / "simulator.log", "w")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, cwd=self.folder, text=True)
        self.credentials = json.loads(self.process.stdout.readline())
        self.url = self.credentials["url"]
        self.context = ssl.create_default_context(cafile=self.credentials["ca_file"])

    def ledger(self):
        with urllib.request.urlopen(self.url + "/simulator/ledger", context=self.context, timeout=30) as answer:
            return json.load(answer)

    def control(self, **command):
        """An order of config/simulate.toml: `action` and its arguments."""
        request = urllib.request.Request(
            self.url + "/simulator/control", json.dumps(command).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
            return answer.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


class Gateway:
    """`fluxgate serve` (the supervisor, front and core) in `folder`, connected to `simulator`."""

    def __init__(self, folder, simulator, profile="chorus", check="block", limits=None, account_extra="", **bounds):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.run_dir = self.folder / "run"
        self.simulator = simulator
        self.hash = subprocess.run(
            [BINARY, "user", "hash"], input=PASSWORD + "\n", capture_output=True, text=True, check=True
        ).stdout.strip()
        waits = {**LIMITS, **(limits or {}), **bounds}
        self.config = self.folder / "fluxgate.toml"
        self.config.write_text(self.configuration(profile, check, waits, account_extra))
        self.process = None
        self.visit = None
        self.start()

    def configuration(self, profile, check, waits, account_extra):
        """config/practice.toml in this folder, on free ports, towards this simulator, in a hurry."""
        text = (PROJECT / "config/practice.toml").read_text()
        text, limits = text[: text.index("[limits]")], "\n".join(f"{k} = {json.dumps(v)}" for k, v in waits.items())
        for former, ours in [
            ("https://127.0.0.1:8600", self.simulator.url),
            ('"simulator/', f'"{self.simulator.dir}/'),
            ("calls_per_second = 50\n", "calls_per_second = 2000\ncalls_in_flight = 16\n"),
            ('timeout = "10s"', 'timeout = "5s"'),
            ("authorized_keys = []", f'password_hash = "{self.hash}"\n{account_extra}\nauthorized_keys = []'),
            ('profile = "en16931"', f'profile = "{profile}"'),
            ('check = "block"', f'check = "{check}"'),
            ("127.0.0.1:8443", "127.0.0.1:0"),
            ("127.0.0.1:9464", "127.0.0.1:0"),
            ("127.0.0.1:8622", "127.0.0.1:0"),
            ('dir = "practice"', f'dir = "{self.data}"'),
            ('run_dir = "practice/run"', f'run_dir = "{self.run_dir}"'),
        ]:
            assert former in text, former
            text = text.replace(former, ours)
        return f"{text}[limits]\n{limits}\n"

    def start(self):
        (self.run_dir / "addresses.json").unlink(missing_ok=True)
        self.log = open(self.folder / "gateway.log", "a")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", str(self.config)], stderr=self.log, stdout=self.log, cwd=self.folder
        )
        self.ready()

    def ready(self, seconds=60):
        """Waits until front answers and reaches core."""

        def healthy():
            assert self.process.poll() is None, f"gateway ended: {self.tail()}"
            try:
                self.addresses = json.loads((self.run_dir / "addresses.json").read_text())
                url = f"http://{self.addresses['metrics']}/healthz"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return answer.status == 200
            except (OSError, ValueError, KeyError):
                return False

        wait_until(f"gateway healthy: {self.folder}", healthy, seconds)

    def tail(self, lines=30):
        return "\n".join((self.folder / "gateway.log").read_text().splitlines()[-lines:])

    def address(self, listener):
        host, port = self.addresses[listener].rsplit(":", 1)
        return host, int(port)

    def children(self):
        """Process ids of front and core, by role."""
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            for role in ("front", "core"):
                if role.encode() in words:
                    found[role] = int(pid)
        return found

    @contextmanager
    def sftp(self, account=ACCOUNT, password=PASSWORD):
        host, port = self.address("sftp")
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            host, port, account, password, look_for_keys=False, allow_agent=False, timeout=20, banner_timeout=20
        )
        try:
            yield client.open_sftp()
        finally:
            client.close()

    def folder_of(self, name):
        return self.data / "folders" / ACCOUNT / name

    def receipt(self, name):
        """The newest receipt of a dropped name, or None."""
        try:
            return json.loads((self.folder_of("accuses") / f"{name}.json").read_text())
        except FileNotFoundError:
            return None

    def final_receipt(self, name, seconds=60):
        def final():
            receipt = self.receipt(name)
            return receipt if receipt and receipt["final"] else None

        return wait_until(f"final receipt of {name}", final, seconds)

    def receipts(self):
        """Every receipt by its flow (the copies under the bare name left out)."""
        found = {}
        for path in self.folder_of("accuses").glob("*.json"):
            if re.fullmatch(r".*\.[0-9a-z]{26}\.json", path.name):
                receipt = json.loads(path.read_text())
                found[path.name] = receipt
        return found

    def metrics(self):
        url = f"http://{self.addresses['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    def person(self, name="Camille Durand", password="une phrase de passe assez longue"):
        """The first owner at the page, logged in: claims the box the first time."""
        if self.visit is None:
            self.visit = requests.Session()
            self.visit.verify, self.visit.trust_env = False, False
            self.visit.headers["Origin"] = self.page("/")[:-1]
            # The box makes its own certificate.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            claim = self.run_dir / "claim"
            code = wait_until("a claim code", lambda: claim.exists() and claim.read_text().strip())
            self.fill("/claim", "/claim", code=code, name=name, password=password, repeat=password)
        if "/login" in self.visit.get(self.page("/"), timeout=30).url:
            self.fill("/login", "/login", name=name, password=password, vers="/")
        return self.visit

    def page(self, path):
        host, port = self.address("door")
        return f"https://{host}:{port}{path}"

    def fill(self, screen, path, **fields):
        """Posts the form that `screen` shows to `path`."""
        form = self.visit.get(self.page(screen), timeout=30)
        csrf = re.search(r'name="csrf" value="([^"]+)"', form.text)
        assert csrf, form.text
        return self.visit.post(self.page(path), {**fields, "csrf": csrf[1]}, timeout=60)

    def decide(self, flow, choice):
        """A person chooses on the page of a flow that waits for one."""
        self.person()
        screen = f"/flux/{flow}/decision"
        answer = self.fill(f"{screen}?choix={choice}", screen, choix=choice, remark="")
        assert answer.ok, answer.text

    def first_screen(self):
        """The page's first screen as its first owner sees it."""
        screen = self.person().get(self.page("/"), timeout=30)
        assert 'id="headline"' in screen.text, screen.text
        return screen.text

    def verify(self, documents=True):
        """The journal verifies, while the gateway runs or not; `documents`: each is read and hashed too."""
        words = [] if documents else ["--no-documents"]
        done = subprocess.run(
            [BINARY, "audit", "verify", str(self.data), *words], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        self.log.close()
        # Whatever real peers had it do: its walls stand in the way of none of it (README, "How it works").
        said = (self.folder / "gateway.log").read_text(errors="replace")
        for refused in ("A forbidden call of the kernel was denied", "was ended by the kernel", "does not stand"):
            lines = [line for line in said.splitlines() if refused in line and "this kernel has no landlock" not in line]
            assert not lines, lines


def integrated(ledger):
    """Invoice numbers that Chorus Pro integrated, with how often."""
    counts = {}
    for deposit in ledger["deposits"]:
        if deposit["state"] in ("IN_INTEGRE", "IN_INTEGRE_PARTIEL"):
            for invoice in deposit["invoices"]:
                counts[invoice["number"]] = counts.get(invoice["number"], 0) + 1
    return counts
