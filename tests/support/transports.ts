/** The kinds of transport that tests compare: memory, and this runtime's own sockets. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseAddress } from "../../address.ts";
import { systemNetwork } from "../../net/network.ts";
import * as nodeSockets from "../../net/node.ts";
import { MemoryNetwork } from "../../testing.ts";
import type { Network, TlsOptions, Transport, TransportListener } from "../../transport.ts";
import { deferred, type RawPeer } from "./helpers.ts";

/** A file of `tests/fixtures`, as text. */
export const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf-8");
/** A server's certificate and key, for `localhost`. */
export const tls: TlsOptions = { cert: fixture("localhost.pem"), key: fixture("localhost.key") };
/** What a client needs to trust that server. */
export const trust: TlsOptions = { caCerts: [fixture("ca.pem")] };

/** Node's sockets as a network, also on Deno (whose `node:tls` is another thing). */
const nodeNetwork: Network = {
  connect: nodeSockets.connect,
  listen: nodeSockets.listen,
};

/** One kind of transport. */
export interface Kind {
  network: Network;
  /** Where to listen; a new one each time. */
  address(): string;
}

const folder = mkdtempSync(join(tmpdir(), "xclient-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let paths = 0;
/** The path of a unix socket that nobody uses; it is removed with the process. */
export const unixPath = () => join(folder, `${++paths}.sock`);

/** All of them, by name. */
export const KINDS: Readonly<Record<string, Kind>> = {
  memory: { network: new MemoryNetwork(), address: () => `memory@${++paths}` },
  "memory in small chunks": {
    network: new MemoryNetwork({ chunkBytes: 1000 }),
    address: () => `memory@${++paths}`,
  },
  tcp: { network: systemNetwork, address: () => "tcp@127.0.0.1:0" },
  unix: { network: systemNetwork, address: () => `unix@${unixPath()}` },
  tls: { network: systemNetwork, address: () => "tls@localhost:0" },
  "tcp of Node": { network: nodeNetwork, address: () => "tcp@127.0.0.1:0" },
  "unix of Node": { network: nodeNetwork, address: () => `unix@${unixPath()}` },
};

/** Runs a test with the two ends of a connection, and closes both. */
export async function connected(
  { network, address }: Kind,
  body: (
    ours: Transport,
    theirs: Transport,
    listener: TransportListener,
  ) => Promise<void>,
) {
  const accepted = deferred<Transport>();
  const listener = await network.listen(parseAddress(address()), accepted.resolve, { tls });
  const ours = await network.connect(parseAddress(listener.address), { tls: trust });
  const theirs = await accepted.promise;
  await body(ours, theirs, listener);
  ours.close();
  theirs.close();
  await listener.close();
  await listener.close(); // idempotent
}

/** Closes all of the ends, and waits until each has got its end. */
export async function finish(...peers: RawPeer[]) {
  for (const peer of peers) peer.close();
  await Promise.all(peers.map(({ ended }) => ended));
}
