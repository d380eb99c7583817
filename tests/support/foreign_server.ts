/** Servers that are none of ours, on sockets. */

import type { AddressInfo, Socket } from "node:net";

/** What a server of TCP, TLS and HTTP have in common. */
export interface Foreign {
  listen(port: number, host: string, listening: () => void): unknown;
  address(): unknown;
  close(closed: () => void): unknown;
}

/** Starts to listen at any free port. */
export function listening(server: Foreign): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Closes a server and its connections. */
export function closed(server: Foreign, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
}
