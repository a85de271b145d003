"""Fetches a maildrop with poplib and prints what the email package understands of each message, as JSON: HOST NAME AUTHORITY LOGIN
PASSWORD. Of reports (RFC 3464) it says what each recipient's fate was, in the fields of the report, and the words for people.
"""

import email
import email.policy
import json
import poplib
import ssl
import sys

HOST, NAME, AUTHORITY, LOGIN, PASSWORD = sys.argv[1:]


def fields(block):
    return {name.lower(): str(value) for name, value in block.items()}


def status(part):
    """The blocks of fields: of the message, then of each recipient."""
    if part.get_content_type() == "message/delivery-status":
        return [fields(block) for block in part.get_payload()]
    # RFC 6533: the package takes it for a message.
    assert part.get_content_type() == "message/global-delivery-status", part.get_content_type()
    text = part.get_payload()[0].as_bytes().decode("utf-8").replace("\r\n", "\n")
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return [fields(email.message_from_string(block, policy=email.policy.SMTPUTF8)) for block in blocks]


def read(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    told = {
        "from": str(message["From"]),
        "to": str(message["To"]),
        "subject": str(message["Subject"]),
        "return_path": str(message["Return-Path"]),
        "id": str(message["X-Lab"]),
        "auto": str(message["Auto-Submitted"]),
        "size": len(octets),
        "defects": [str(defect) for part in message.walk() for defect in part.defects],
        "text": octets.decode("utf-8", "replace")[:6000],
    }
    if message.get_content_type() != "multipart/report":
        return told
    assert message.get_param("report-type") == "delivery-status", message["Content-Type"]
    human, machine, original = list(message.iter_parts())
    told["human"] = human.get_content()
    blocks = status(machine)
    told["message"], told["recipients"] = blocks[0], blocks[1:]
    kind = original.get_content_type()
    assert kind in ("text/rfc822-headers", "message/rfc822", "message/global", "message/global-headers"), kind
    told["original"] = original.as_string()[:3000]
    return told


poplib._MAXLINE = 1 << 20
connection = poplib.POP3(HOST, timeout=60)
connection.host = NAME
connection.stls(context=ssl.create_default_context(cafile=AUTHORITY))
connection.user(LOGIN)
connection.pass_(PASSWORD)
count, _ = connection.stat()
messages = []
for number in range(1, count + 1):
    _, lines, _ = connection.retr(number)
    messages.append(read(b"\r\n".join(lines) + b"\r\n"))
connection.quit()
print(json.dumps(messages))
