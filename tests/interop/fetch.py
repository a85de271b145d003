"""Fetches every message with poplib into files: CERTIFICATE PORT SECURITY HOW LOGIN PASSWORD DIRECTORY keep|delete.

SECURITY is plain, stls or tls; HOW is USER or APOP. With `delete` it removes everything.
"""

import sys

import maildrop
import server

CERTIFICATE, PORT, SECURITY, HOW, LOGIN, PASSWORD, DIRECTORY, AFTERWARDS = sys.argv[1:]


def log_in(connection):
    if HOW == "APOP":
        connection.apop(LOGIN, PASSWORD)
    else:
        connection.user(LOGIN)
        connection.pass_(PASSWORD)


with server.statuses():
    connection = server.pop3(PORT, SECURITY, CERTIFICATE)
    log_in(connection)
    maildrop.fetch(connection, DIRECTORY, AFTERWARDS == "delete")
    connection.quit()
