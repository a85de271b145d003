"""Fetches every message with poplib into files: HOST PORT SECURITY LOGIN PASSWORD DIRECTORY keep|delete.

SECURITY is tls or stls. On the way it holds STAT, LIST, UIDL and TOP against what RETR gives; with `delete` it removes
everything and looks once more that the maildrop is empty.
"""

import pathlib
import poplib
import ssl
import sys

HOST, PORT, SECURITY, LOGIN, PASSWORD, DIRECTORY, AFTERWARDS = sys.argv[1:]
TIMEOUT = 30


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def login():
    if SECURITY == "tls":
        connection = poplib.POP3_SSL(HOST, int(PORT), timeout=TIMEOUT, context=trusting())
    else:
        connection = poplib.POP3(HOST, int(PORT), timeout=TIMEOUT)
        assert "STLS" in connection.capa(), "STLS is not listed"
        connection.stls(context=trusting())
    connection.user(LOGIN)
    connection.pass_(PASSWORD)
    return connection


def pairs(lines):
    return dict(line.decode().split(" ", 1) for line in lines)


connection = login()
count, octets = connection.stat()
sizes = pairs(connection.list()[1])
ids = pairs(connection.uidl()[1])
assert len(sizes) == len(ids) == len(set(ids.values())) == count, (count, sizes, ids)
assert sum(map(int, sizes.values())) == octets, (octets, sizes)
for number in range(1, count + 1):
    lines = connection.retr(number)[1]
    message = b"".join(line + b"\r\n" for line in lines)
    assert len(message) == int(sizes[str(number)]), (number, len(message), sizes[str(number)])
    head = connection.top(number, 0)[1]
    assert head == lines[: lines.index(b"") + 1], f"TOP {number} 0 is not the header and the blank line"
    pathlib.Path(DIRECTORY, str(number)).write_bytes(message)
    if AFTERWARDS == "delete":
        connection.dele(number)
connection.quit()

if AFTERWARDS == "delete":
    connection = login()
    assert connection.stat() == (0, 0), connection.stat()
    connection.quit()
