"""Sends one message with smtplib: HOST PORT SECURITY MECHANISM LOGIN PASSWORD REVERSE_PATH RECIPIENT FILE.

SECURITY is plain, starttls or tls; MECHANISM is PLAIN, LOGIN or none. The server's certificate is self-signed and
not verified: what is tried here is the mail, not the trust.
"""

import smtplib
import ssl
import sys

HOST, PORT, SECURITY, MECHANISM, LOGIN, PASSWORD, REVERSE_PATH, RECIPIENT, FILE = sys.argv[1:]
TIMEOUT = 30


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect():
    if SECURITY == "tls":
        return smtplib.SMTP_SSL(HOST, int(PORT), timeout=TIMEOUT, context=trusting())
    connection = smtplib.SMTP(HOST, int(PORT), timeout=TIMEOUT)
    if SECURITY == "starttls":
        connection.starttls(context=trusting())
    return connection


def authenticate(connection):
    connection.ehlo()
    connection.user, connection.password = LOGIN, PASSWORD
    exchange = {"PLAIN": connection.auth_plain, "LOGIN": connection.auth_login}[MECHANISM]
    connection.auth(MECHANISM, exchange)


with connect() as connection, open(FILE, "rb") as file:
    if MECHANISM != "none":
        authenticate(connection)
    refused = connection.sendmail(REVERSE_PATH, [RECIPIENT], file.read(), mail_options=["BODY=8BITMIME"])
    assert refused == {}, refused
