// How the scripts for Node reach the server, and what they end with when it does not let them in.

import { readFileSync } from "node:fs";

// The certificate is also made for this name.
export const HOST = "localhost";
export const TIMEOUT = 30_000;

// Exit statuses that xtask knows.
const DOUBTED = 76;
const DENIED = 77;

/** Believes this certificate and no other, and looks at the name in it. */
export function believing(certificate) {
  return { ca: readFileSync(certificate), servername: HOST };
}

/** Ends the script with a status that says which side did not believe the other. */
export function leave(error, denied) {
  console.error(error);
  const doubted = /self-signed certificate|unable to verify/.test(error.message);
  process.exit(doubted ? DOUBTED : denied ? DENIED : 1);
}
