"""Fetches every message into files through Cyrus' pop3test: DIRECTORY keep|delete COMMAND...

COMMAND logs in; what is then said goes through a socket of its. (It can also say what stands in a file, but it shows
that and what it hears in no order that could be relied on.)
"""

import contextlib
import pathlib
import poplib
import socket
import subprocess
import sys
import tempfile
import time

import maildrop
import server

DIRECTORY, AFTERWARDS, *COMMAND = sys.argv[1:]


class Through(poplib.POP3):
    """A connection that has been greeted and logged in by somebody else."""

    def __init__(self, client):
        self.sock = client
        self.file = client.makefile("rb")
        self._debugging = 0
        self._tls_established = False


def log_in(process):
    """Its words, until the login is decided."""
    words = b""
    for line in process.stdout:
        words += line
        if line.startswith(b"Authenticat"):
            return line.startswith(b"Authenticated"), words
    return False, words


def meet(path):
    """It listens on the socket once it is logged in."""
    deadline = time.monotonic() + server.TIMEOUT
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(server.TIMEOUT)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


@contextlib.contextmanager
def running(path):
    process = subprocess.Popen(
        [*COMMAND[:1], "-x", path, *COMMAND[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


with tempfile.TemporaryDirectory() as place:
    path = str(pathlib.Path(place, "socket"))
    with running(path) as process:
        accepted, words = log_in(process)
        if not accepted:
            sys.stderr.write(words.decode(errors="replace"))
            sys.exit(server.DENIED if b"Authentication failed." in words else 1)
        connection = Through(meet(path))
        maildrop.fetch(connection, DIRECTORY, AFTERWARDS == "delete")
        connection.quit()
