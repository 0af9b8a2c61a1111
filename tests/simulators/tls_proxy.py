"""A proxy that ends TLS in front of the service, as nginx or HAProxy do: it asks for a certificate,
and tells of it in a header of its own, which takes the place of the client's."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from certificates import Authority, ClientCertificate


class UnixConnection(http.client.HTTPConnection):
    """HTTP by a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("counterfoil.example.com", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


@contextmanager
def tls_proxy(
    folder: Path, authority: Authority, door: Path, *shown: ClientCertificate
) -> Iterator[int]:
    """Serve on a port of 127.0.0.1; `shown` are certificates that TLS lets pass."""

    class Handler(BaseHTTPRequestHandler):
        connection: ssl.SSLSocket

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent = {name: value for name, value in self.headers.items() if name != "Client-Cert"}
            if certificate := self.connection.getpeercert(binary_form=True):
                sent["Client-Cert"] = f":{b64encode(certificate).decode()}:"
            behind = UnixConnection(door)
            behind.request("POST", self.path, body, sent)
            answer = behind.getresponse()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            self.wfile.write(answer.read())
            behind.close()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
            """Say nothing."""

    context = authority.server(folder)
    context.verify_mode = ssl.CERT_OPTIONAL
    for one in shown:
        context.load_verify_locations(cadata=one.pem.decode())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
