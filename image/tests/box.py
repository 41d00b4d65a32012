"""What an administrator does with a box that was plugged in: claims it, gives it secrets and a configuration, drops files."""

import json
import re
import time
from contextlib import contextmanager

import paramiko
import requests
import urllib3
from gateway import PASSWORD, PROJECT, put, wait_until

NAME, PHRASE = "Camille Durand", "une phrase de passe assez longue"
CODE = re.compile(r"\b([0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3})\b")


class Box:
    """The page of a running appliance, and its folders."""

    def __init__(self, vm):
        self.vm = vm
        self.visit = requests.Session()
        self.visit.verify, self.visit.trust_env = False, False
        host, port = vm.https
        self.url = f"https://{host}:{port}"
        self.visit.headers["Origin"] = self.url.removesuffix(":443")
        # The box makes its own certificate.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def page(self, path="/"):
        return self.visit.get(self.url + path, timeout=60)

    def fill(self, screen, path, files=None, **fields):
        """Posts the form that `screen` shows to `path`."""
        form = self.page(screen).text
        csrf = re.search(r'name="csrf" value="([^"]+)"', form)
        assert csrf, form
        hidden = dict(re.findall(r'<input type="hidden" name="(base)" value="([^"]*)"', form))
        answer = self.visit.post(self.url + path, {**hidden, **fields, "csrf": csrf[1]}, files=files, timeout=120)
        assert answer.ok, re.sub(r"<[^>]*>", " ", answer.text)
        return answer

    def claim(self):
        """With the code that its console shows; the page may answer a little later."""
        self.vm.wait_page(240)
        code = self.vm.wait_said(CODE.pattern, 120)[1]
        self.fill("/claim", "/claim", code=code, name=NAME, password=PHRASE, repeat=PHRASE)
        return self

    def log_in(self):
        if "/login" in self.page().url:
            self.fill("/login", "/login", name=NAME, password=PHRASE, vers="/")
        return self

    def secret(self, name, value):
        self.fill("/configuration/secrets", "/configuration/secrets", name=name, value=value)

    def configure(self, simulator, hash, more=""):
        """Towards a simulator at the other end of the wire; one account that may log in with PASSWORD; with more sections."""
        credentials = simulator.credentials
        self.secret("account.password", credentials["account_password"])
        self.secret("client.secret", credentials["client_secret"])
        self.secret("ca.pem", open(credentials["ca_file"]).read())
        text = (PROJECT / "config/practice.toml").read_text()
        text = re.sub(r"\[(door|sftp|journal|store)\]\n(?:[^\[\n].*\n|\n)*", "", text)
        for former, ours in [
            ("https://127.0.0.1:8600", simulator.url.replace("127.0.0.1", "chorus-pro.test")),
            ('"simulator/', '"secrets/'),
            ("authorized_keys = []", f'password_hash = "{hash}"\nauthorized_keys = []'),
            ('"00000000-0000-0000-0000-000000000001"', json.dumps(credentials["client_id"])),
            ('"TECH_1_00000@cpro.fr"', json.dumps(credentials["account_login"])),
        ]:
            assert former in text, former
            text = text.replace(former, ours)
        self.fill("/configuration", "/configuration", text=text + more)
        # Both processes start anew.
        wait_until("the account may log in", self.may_log_in, 60, 1)

    def may_log_in(self):
        try:
            with self.sftp():
                return True
        except (OSError, EOFError, paramiko.SSHException):
            return False

    @contextmanager
    def sftp(self, account="sifac"):
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            *self.vm.sftp, account, PASSWORD, look_for_keys=False, allow_agent=False, timeout=60, banner_timeout=60
        )
        try:
            yield client.open_sftp()
        finally:
            client.close()

    def drop(self, name, body):
        with self.sftp() as sftp:
            put(sftp, f"/depot/{name}", body)

    def receipt(self, name):
        """The newest receipt of a dropped name, or None."""
        try:
            with self.sftp() as sftp, sftp.open(f"/accuses/{name}.json") as file:
                return json.loads(file.read())
        except (OSError, EOFError, paramiko.SSHException):
            return None

    def wait_state(self, name, state, seconds=120):
        """Waits until the receipt of a dropped name says `state`."""
        end = time.monotonic() + seconds
        while (receipt := self.receipt(name)) is None or receipt["state"] != state:
            assert time.monotonic() < end, f"{name} is not {state}: {json.dumps(receipt)[:3000]}"
            time.sleep(1)
        return receipt
