"""What must be refused, tried with smtplib and poplib: CERTIFICATE SMTP_PORT SUBMISSION_PORT POP3_PORT LOGIN PASSWORD OTHER.

LOGIN and OTHER are two accounts here; PASSWORD is that of LOGIN.
"""

import poplib
import smtplib
import sys

import server

CERTIFICATE, SMTP_PORT, SUBMISSION_PORT, POP3_PORT, LOGIN, PASSWORD, OTHER = sys.argv[1:]
FOREIGN = "somebody@elsewhere.test"


def expect(what, wanted, reply):
    code, text = reply
    assert code == wanted, f"{what}: wanted {wanted}, got {code} {text!r}"
    print(f"refused: {what}: {code} {text.decode()}")


def exchange():
    connection = server.smtp(SMTP_PORT, "plain", CERTIFICATE)
    connection.ehlo()
    return connection


def submission():
    connection = server.smtp(SUBMISSION_PORT, "starttls", CERTIFICATE)
    connection.ehlo()
    return connection


def submission_logged_in():
    connection = submission()
    connection.login(LOGIN, PASSWORD)
    return connection


def refused_login(connection, user, password):
    try:
        connection.login(user, password)
    except smtplib.SMTPAuthenticationError as refusal:
        return refusal.smtp_code, refusal.smtp_error
    raise AssertionError(f"the login of {user} was accepted")


def pop3_refusal(security, user, password):
    connection = server.pop3(POP3_PORT, security, CERTIFICATE)
    try:
        connection.user(user)
        connection.pass_(password)
    except poplib.error_proto as refusal:
        return str(refusal)
    finally:
        connection.close()
    raise AssertionError(f"POP3 let {user} in, {security}")


with exchange() as connection:
    connection.mail(FOREIGN)
    expect("relaying for strangers", 550, connection.rcpt("other@faraway.test"))
    expect("an unknown mailbox", 550, connection.rcpt("nobody@example.test"))
with exchange() as connection:
    expect("a message too large to begin with", 552, connection.mail(FOREIGN, ["SIZE=999999999"]))
with server.smtp(SUBMISSION_PORT, "plain", CERTIFICATE) as connection:
    connection.ehlo()
    assert not connection.has_extn("auth"), "AUTH is listed before STARTTLS"
    expect("a password without TLS", 530, connection.docmd("AUTH", "PLAIN AGEAYg=="))
with submission() as connection:
    expect("submission without a login", 530, connection.mail(LOGIN))
with submission() as connection:
    wrong = refused_login(connection, LOGIN, "not the password")
    expect("a wrong password", 535, wrong)
with submission() as connection:
    unknown = refused_login(connection, "nobody@example.test", PASSWORD)
    expect("an unknown user", 535, unknown)
assert wrong == unknown, "the reply tells whether the user exists"
with submission_logged_in() as connection:
    expect("somebody else's address as the sender", 553, connection.mail(OTHER))
with submission_logged_in() as connection:
    connection.mail(LOGIN)
    expect("mail for elsewhere, even with a login", 550, connection.rcpt(FOREIGN))

wrong = pop3_refusal("stls", LOGIN, "not the password")
unknown = pop3_refusal("stls", "nobody@example.test", PASSWORD)
assert "[AUTH]" in wrong and wrong == unknown, (wrong, unknown)
print(f"refused: POP3, a wrong password: {wrong}")
clear = pop3_refusal("plain", LOGIN, PASSWORD)
print(f"refused: POP3, a password without TLS: {clear}")
