// Sends one message with nodemailer: CERTIFICATE PORT SECURITY MECHANISM LOGIN PASSWORD REVERSE_PATH RECIPIENT FILE.
//
// SECURITY is plain, starttls or tls; MECHANISM is PLAIN, LOGIN, CRAM-MD5 or none.

import { readFileSync } from "node:fs";
import { createTransport } from "nodemailer";
import { believing, HOST, leave, TIMEOUT } from "./server.js";

const [certificate, port, security, mechanism, login, password, reversePath, recipient, file] = process.argv.slice(2);

const transport = createTransport({
  host: HOST,
  port: Number(port),
  secure: security === "tls",
  requireTLS: security === "starttls",
  ignoreTLS: security === "plain",
  tls: believing(certificate),
  name: "interop.test",
  connectionTimeout: TIMEOUT,
  socketTimeout: TIMEOUT,
  ...(mechanism === "none" ? {} : { authMethod: mechanism, auth: { user: login, pass: password } }),
});

try {
  await transport.sendMail({
    envelope: { from: reversePath, to: recipient, use8BitMime: true },
    raw: readFileSync(file),
  });
} catch (error) {
  leave(error, error.responseCode === 535);
}
