"""Serves policies of MTA-STS over HTTPS: ADDRESS DIRECTORY. In DIRECTORY there is for each DOMAIN a file DOMAIN.txt, the policy, and
mta-sts.DOMAIN.pem and .key. A certificate is chosen by the name the client asks for.
"""

import http.server
import pathlib
import ssl
import sys

ADDRESS, DIRECTORY = sys.argv[1], pathlib.Path(sys.argv[2])


def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(DIRECTORY / f"{name}.pem", DIRECTORY / f"{name}.key")
    return made


CONTEXTS = {path.stem: context(path.stem) for path in DIRECTORY.glob("mta-sts.*.pem")}


class Policies(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        domain = self.headers.get("Host", "").split(":")[0].removeprefix("mta-sts.")
        policy = DIRECTORY / f"{domain}.txt"
        if self.path != "/.well-known/mta-sts.txt" or not policy.exists():
            self.send_error(404)
            return
        text = policy.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def choose(connection, name, _):
    if name in CONTEXTS:
        connection.context = CONTEXTS[name]


server = http.server.ThreadingHTTPServer((ADDRESS, 443), Policies)
outer = next(iter(CONTEXTS.values()))
outer.sni_callback = choose
server.socket = outer.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
