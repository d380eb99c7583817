/** Clients in Go on mutual TLS: an honest one, and one that shows a certificate without its key. */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { type CallContext, Server, type ServerEvent } from "../../server.ts";
import { parseAddress } from "../../address.ts";
import { Authority } from "../support/certificates.ts";
import { scratchFolder } from "../support/processes.ts";
import { goTest, run } from "./peer.ts";

const SOURCE = fileURLToPath(new URL("./go_tls/", import.meta.url));

goTest("a certificate without its key is of no use, with it a client in Go is let in", async () => {
  const folder = scratchFolder("go_tls");
  const ours = new Authority("ours");
  const victim = ours.issue({ name: "victim" });
  const [program, cert, key] = ["client", "victim.pem", "victim.key"]
    .map((name) => `${folder.path}/${name}`);
  writeFileSync(cert, victim.cert);
  writeFileSync(key, victim.key);
  await run("go", ["build", "-o", program, "."], SOURCE);

  const events: ServerEvent[] = [];
  let runs = 0;
  const server = new Server({ onEvent: (event) => events.push(event) });
  server.register("Who", {
    Am(_args: unknown, { peer }: CallContext) {
      runs++;
      return peer?.subject;
    },
  });
  const { address } = await server.listen("tls@127.0.0.1:0", {
    tls: { ...ours.issue({ name: "server" }), clientCaCerts: [ours.cert] },
  });
  const host = `127.0.0.1:${parseAddress(address).port}`;

  const stolen = (await run(program, [host, cert])).trim().split("\n");
  assertEquals(stolen.length, 2);
  for (const line of stolen) assert(!line.includes("victim"), line);
  assertEquals([runs, events.map(({ type }) => type)], [0, ["refused", "refused"]]);

  const honest = (await run(program, [host, cert, key])).trim().split("\n");
  for (const line of honest) assert(line.includes("CN=victim"), line);
  assertEquals([honest.length, runs], [2, 2]);
  await server.close();
  folder.remove();
});
