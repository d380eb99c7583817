/** The examples of streams: a file is uploaded, and a long job tells how far it is. */

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { countPrimes, serve as serveJobs } from "../../examples/long_job.ts";
import { serve as serveUploads, upload } from "../../examples/upload.ts";
import { dial } from "../../mod.ts";
import { failure, settled } from "../support/helpers.ts";
import { scratchFolder } from "../support/processes.ts";

Deno.test("a file is uploaded, with progress, and what arrives is the file", async () => {
  const folder = scratchFolder("upload");
  const path = `${folder.path}/file`;
  const bytes = Uint8Array.from({ length: 5_000_000 }, (_, at) => at * 7 >> 3);
  writeFileSync(path, bytes);
  const { server, address } = await serveUploads("tcp@127.0.0.1:0");
  const client = await dial(address);
  const shares: number[] = [];
  const sha256 = await upload(client, path, (share) => shares.push(share));
  assertEquals(sha256, createHash("sha256").update(bytes).digest("hex"));
  assertEquals(shares.at(-1), 1);
  assertEquals(shares.length, 5); // four whole steps, and the rest
  assertEquals(shares, [...shares].sort((one, other) => one - other));
  const missing = await failure(upload(client, `${path}.none`, () => {}));
  assertEquals((missing as { code?: string }).code, "ENOENT");
  await client.close();
  await server.close();
  folder.remove();
});

Deno.test("a long job tells how far it is, and ends when its caller leaves", async () => {
  const { server, address } = await serveJobs("tcp@127.0.0.1:0");
  const client = await dial(address);
  const shares: number[] = [];
  assertEquals(await countPrimes(client, 50_000, (share) => shares.push(share)), 5133);
  assert(shares.length >= 5 && shares.at(-1) === 1, String(shares));
  const enough = new Error("enough");
  const left = await failure(countPrimes(client, 1e9, () => {
    throw enough;
  }));
  assertEquals(left, enough);
  while (server.running > 0) await settled();
  await client.close();
  await server.close();
});
