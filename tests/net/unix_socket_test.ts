/** The files of unix sockets: left by a killed server, in use, and in a handover. */

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { readdirSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import type { Network, TransportListener } from "../../transport.ts";
import { failure } from "../support/helpers.ts";
import { KINDS, unixPath } from "../support/transports.ts";

/** Leaves the file of a socket that nobody listens at, as a server does that is killed. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.tmp`, resolve));
  renameSync(`${path}.tmp`, path);
  await new Promise((resolve) => server.close(resolve));
  assert(existsSync(path));
}

/** A listener at a path, and how often it was connected to. */
async function listen(network: Network, path: string) {
  const seen = { connections: 0, listener: undefined as unknown as TransportListener };
  seen.listener = await network.listen(parseAddress(`unix@${path}`), (transport) => {
    seen.connections++;
    transport.close();
  });
  return seen;
}

async function connects(network: Network, path: string): Promise<void> {
  const transport = await network.connect(parseAddress(`unix@${path}`));
  await new Promise<void>((resolve) => transport.start({ data() {}, end: () => resolve() }));
  transport.close();
}

for (const kind of ["unix", "unix of Node"]) {
  const { network } = KINDS[kind];

  Deno.test(`${kind}: the file that a killed server has left is taken over`, async () => {
    const path = unixPath();
    await leaveSocket(path);
    const one = await listen(network, path);
    await connects(network, path);
    assertEquals(one.connections, 1);
    await one.listener.close();
    assert(!existsSync(path));
  });

  Deno.test(`${kind}: where a server listens, no other takes its place`, async () => {
    const path = unixPath();
    const one = await listen(network, path);
    const error = await failure(listen(network, path));
    assert(/address is in use, a server listens there/.test(String(error)), String(error));
    await connects(network, path);
    await one.listener.close();
  });

  Deno.test(`${kind}: a file that is no socket is let be`, async () => {
    const path = unixPath();
    writeFileSync(path, "precious");
    const error = await failure(listen(network, path));
    assert(/a file that is no socket/.test(String(error)), String(error));
    assertEquals(readFileSync(path, "utf-8"), "precious");
    rmSync(path);
  });

  Deno.test(`${kind}: in a handover the old server lets the file of the new one be`, async () => {
    const path = unixPath();
    const before = readdirSync(dirname(path)).length;
    const old = await listen(network, path);
    rmSync(path);
    const next = await listen(network, path);
    await old.listener.close();
    await old.listener.close();
    await connects(network, path);
    assertEquals([old.connections, next.connections], [0, 1]);
    await next.listener.close();
    assert(!existsSync(path));
    await next.listener.close();
    assertEquals(readdirSync(dirname(path)).length, before, "nothing else is left");
  });

  Deno.test(`${kind}: a file that has gone, or is another kind by now, does not disturb closing`, async () => {
    const path = unixPath();
    const one = await listen(network, path);
    rmSync(path);
    await one.listener.close();
    const other = await listen(network, path);
    rmSync(path);
    writeFileSync(path, "precious");
    await other.listener.close();
    await other.listener.close();
    rmSync(path, { force: true });
  });

  Deno.test(`${kind}: a path with ? and % is the path that is meant`, async () => {
    const path = unixPath();
    const [written, meant] = [`${path}%3Fb%253F%2fc%.sock`, `${path}?b%3F%2fc%.sock`];
    const one = await listen(network, written);
    assert(existsSync(meant));
    await connects(network, one.listener.address.slice("unix@".length));
    await one.listener.close();
    assert(!existsSync(meant));
  });
}
