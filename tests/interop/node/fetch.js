// Fetches every message with node-pop3 into files: CERTIFICATE PORT LOGIN PASSWORD DIRECTORY keep|delete.
//
// It knows TLS from the first octet and USER with PASS, nothing else. With `delete` it removes everything.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Pop3Command from "node-pop3";
import { believing, HOST, leave, TIMEOUT } from "./server.js";

const [certificate, port, user, password, directory, afterwards] = process.argv.slice(2);

/** The lines that follow a reply, without the octets of text that the library would make of them. */
async function octets(stream) {
  const parts = [];
  for await (const part of stream) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** RFC 1939 section 3: it leaves the doubled dots doubled, and the last CRLF goes with the final dot. */
function unstuffed(lines) {
  const text = `\r\n${lines.toString("latin1")}\r\n`.replaceAll("\r\n..", "\r\n.");
  return Buffer.from(text.slice(2), "latin1");
}

async function fetch(connection) {
  const sizes = await connection.LIST();
  const ids = await connection.UIDL();
  if (sizes.length !== ids.length) {
    throw new Error(`LIST names ${sizes.length} messages, UIDL ${ids.length}`);
  }
  for (const [number, size] of sizes) {
    const [, stream] = await connection.command("RETR", number);
    const message = unstuffed(await octets(stream));
    if (message.length !== Number(size)) {
      throw new Error(`LIST says ${size} octets, RETR brings ${message.length}`);
    }
    writeFileSync(join(directory, number), message);
    if (afterwards === "delete") {
      await connection.DELE(number);
    }
  }
  await connection.QUIT();
}

try {
  await fetch(
    new Pop3Command({
      host: HOST,
      port: Number(port),
      user,
      password,
      tls: true,
      tlsOptions: believing(certificate),
      servername: HOST,
      timeout: TIMEOUT,
    }),
  );
} catch (error) {
  leave(error, error.message.startsWith("[AUTH]"));
}
