"""Sends a message with smtplib, as JSON on the command line says, and prints what the server said as JSON.

{"host", "port", "from", "to": [...], "file"} and, where wanted: "authority", "user", "password" (with STARTTLS then),
"mail": [...], "rcpt": [...] (parameters of MAIL and RCPT).
"""

import json
import smtplib
import ssl
import sys

wish = json.loads(sys.argv[1])
connection = smtplib.SMTP(timeout=60)
connection.connect(wish["host"], wish["port"])
# Verified against the name in the certificate.
connection._host = wish.get("name", wish["host"])
if "user" in wish:
    connection.starttls(context=ssl.create_default_context(cafile=wish["authority"]))
    connection.login(wish["user"], wish["password"])
connection.ehlo_or_helo_if_needed()
if "SMTPUTF8" in wish.get("mail", []):
    connection.command_encoding = "utf-8"
with open(wish["file"], "rb") as file:
    octets = file.read()
said = []
said.append(connection.mail(wish["from"], wish.get("mail", [])))
for recipient in wish["to"]:
    said.append(connection.rcpt(recipient, wish.get("rcpt", [])))
if any(200 <= code < 300 for code, _ in said[1:]):
    said.append(connection.data(octets))
connection.quit()
print(json.dumps([[code, text.decode("utf-8", "replace")] for code, text in said]))
