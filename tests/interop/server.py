"""How the scripts reach the server, and what they end with when it does not let them in."""

import contextlib
import poplib
import smtplib
import ssl
import sys

# The certificate is also made for this name.
HOST = "localhost"
TIMEOUT = 30

# Exit statuses that xtask knows.
DOUBTED, DENIED = 76, 77


def believing(certificate):
    """Believes this certificate and no other, and looks at the name in it."""
    return ssl.create_default_context(cafile=certificate)


def smtp(port, security, certificate):
    """SECURITY is plain, starttls or tls."""
    if security == "tls":
        return smtplib.SMTP_SSL(HOST, int(port), timeout=TIMEOUT, context=believing(certificate))
    connection = smtplib.SMTP(HOST, int(port), timeout=TIMEOUT)
    if security == "starttls":
        connection.starttls(context=believing(certificate))
    return connection


def pop3(port, security, certificate):
    """SECURITY is plain, stls or tls."""
    if security == "tls":
        return poplib.POP3_SSL(HOST, int(port), timeout=TIMEOUT, context=believing(certificate))
    connection = poplib.POP3(HOST, int(port), timeout=TIMEOUT)
    if security == "stls":
        assert "STLS" in connection.capa(), "STLS is not listed"
        connection.stls(context=believing(certificate))
    return connection


@contextlib.contextmanager
def statuses():
    """Ends the script with a status that says which side did not believe the other."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        print(error, file=sys.stderr)
        sys.exit(DOUBTED)
    except smtplib.SMTPAuthenticationError as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(DENIED)
    except poplib.error_proto as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(DENIED if "[AUTH]" in str(refusal) else 1)
