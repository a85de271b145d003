"""Sends one message with smtplib: CERTIFICATE PORT SECURITY MECHANISM LOGIN PASSWORD REVERSE_PATH RECIPIENT FILE.

SECURITY is plain, starttls or tls; MECHANISM is PLAIN, LOGIN, CRAM-MD5 or none.
"""

import sys

import server

CERTIFICATE, PORT, SECURITY, MECHANISM, LOGIN, PASSWORD, REVERSE_PATH, RECIPIENT, FILE = sys.argv[1:]


def authenticate(connection):
    connection.ehlo()
    connection.user, connection.password = LOGIN, PASSWORD
    exchange = {
        "PLAIN": connection.auth_plain,
        "LOGIN": connection.auth_login,
        "CRAM-MD5": connection.auth_cram_md5,
    }
    connection.auth(MECHANISM, exchange[MECHANISM])


with server.statuses(), server.smtp(PORT, SECURITY, CERTIFICATE) as connection, open(FILE, "rb") as file:
    if MECHANISM != "none":
        authenticate(connection)
    refused = connection.sendmail(REVERSE_PATH, [RECIPIENT], file.read(), mail_options=["BODY=8BITMIME"])
    assert refused == {}, refused
