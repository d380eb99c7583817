/** The authorities that the runtime trusts do not vouch for clients: only those of `clientCaCerts` do. */

import { writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { dial } from "../../client.ts";
import { ownStdFlags } from "../../scripts/std.ts";
import { Authority } from "../support/certificates.ts";
import { assertFails } from "../support/helpers.ts";
import { LineProgram } from "../support/line_program.ts";
import { scratchFolder } from "../support/processes.ts";

const isDeno = "Deno" in globalThis;
const PROGRAM = fileURLToPath(
  new URL(`../support/tls_server.${isDeno ? "ts" : "js"}`, import.meta.url),
);
const FLAGS = isDeno
  ? ["run", "-A", "--no-check", ...ownStdFlags()]
  : ["--import", new URL("../../scripts/node/polyfills.js", import.meta.url).href];

Deno.test("an authority that the runtime trusts does not vouch for clients", async () => {
  const folder = scratchFolder("authorities");
  const [ours, trusted] = [new Authority("ours"), new Authority("trusted")];
  const identity = ours.issue({ name: "server" });
  const path = (name: string) => `${folder.path}/${name}`;
  for (
    const [name, text] of [
      ["cert", identity.cert],
      ["key", identity.key],
      ["ours", ours.cert],
      ["trusted", trusted.cert],
    ]
  ) writeFileSync(path(name), text);
  const own = isDeno ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS";
  const before = process.env[own];
  process.env[own] = path("trusted");
  const program = new LineProgram(process.execPath, [
    ...FLAGS,
    PROGRAM,
    ...["cert", "key", "ours"].map(path),
  ]);
  if (before === undefined) delete process.env[own];
  else process.env[own] = before;
  try {
    const address = await program.firstLine();
    for (const authority of [ours, trusted]) {
      const tls = { caCerts: [ours.cert], ...authority.issue({ name: "client" }) };
      const client = await dial(address, { tls });
      const call = client.call("Who.Am");
      if (authority === ours) assertEquals(await call, "CN=client");
      else await assertFails(call, { code: "unauthenticated", execution: "rejected" });
      await client.close();
    }
    assertEquals(await program.end(), { code: 0, errors: "" });
  } finally {
    program.kill();
    folder.remove();
  }
});
