"""Prints how one may log in, in TLS, as SMTP and POP3 list it: CERTIFICATE SUBMISSIONS_PORT POP3S_PORT."""

import sys

import server

CERTIFICATE, SUBMISSIONS_PORT, POP3S_PORT = sys.argv[1:]

with server.smtp(SUBMISSIONS_PORT, "tls", CERTIFICATE) as connection:
    connection.ehlo()
    print("submissions:", connection.esmtp_features["auth"].strip())

connection = server.pop3(POP3S_PORT, "tls", CERTIFICATE)
# RFC 1939 section 7: a timestamp in the greeting offers APOP.
apop = ["APOP"] if b"<" in connection.getwelcome() else []
print("pop3s:", *connection.capa()["SASL"], *apop)
connection.quit()
