"""Where a publisher's newest release lies: an HTTPS server at the other end of the wire, with a certificate of its own."""

import ssl
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

NAME = "releases.chorus-pro.test"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Shelf:
    """`file` is what it gives at `url`, once there is one; `ca` is the authority to trust."""

    def __init__(self, folder):
        served = folder / "served"
        served.mkdir(parents=True)
        self.file = served / "fluxgate.update"
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
             "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-addext", "basicConstraints=critical,CA:FALSE",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        self.ca = certificate.read_text()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = ThreadingHTTPServer(("0.0.0.0", 0), partial(Quiet, directory=served))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{NAME}:{self.server.server_port}/{self.file.name}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
