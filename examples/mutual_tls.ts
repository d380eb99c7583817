/**
 * A service on mutual TLS: it answers only clients that have a certificate of
 * its own authority, and renews its own on SIGHUP, without losing a call.
 * docs/security.md explains it.
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import {
  type CallContext,
  type Listener,
  RpcError,
  Server,
  type TlsOptions,
  XClient,
} from "@geerpc/xclient";

/** The PEM files of one end: what its certificate is, and whose certificates it takes. */
export interface TlsFiles {
  /** Its certificate. */
  readonly cert: string;
  /** The certificate's private key. */
  readonly key: string;
  /** The authority of the other end. */
  readonly ca: string;
}

/** A service that tells its caller who it is, and does more for some than for others. */
export class Accounts {
  Whoami(_args: unknown, { peer }: CallContext): string {
    return peer!.subject;
  }

  Close(id: string, { peer }: CallContext): string {
    if (peer!.sans.includes("URI:spiffe://example/billing")) return `closed ${id}`;
    throw new RpcError("permission_denied", `${peer!.subject} may not close accounts`);
  }
}

/** Serves at an address of TLS. The files are read now, and again at each `listener.renew()`. */
export async function serve(
  address: string,
  files: TlsFiles,
): Promise<{ server: Server; listener: Listener }> {
  const server = new Server({ onEvent: ({ remote, reason }) => console.error(remote, reason) });
  server.register("Accounts", new Accounts());
  const listener = await server.listen(address, {
    tls: async () => {
      const [cert, key, ca] = await read(files);
      return { cert, key, clientCaCerts: [ca] };
    },
  });
  return { server, listener };
}

/**
 * Renews the certificate when the process gets SIGHUP, as certbot and
 * cert-manager can send it. A certificate that can't be used is told of, and
 * the one before it stays.
 *
 * @returns Stops it.
 */
export function renewOnHangup(
  listener: Listener,
  done: (error?: unknown) => void = (error) => error && console.error(error),
): () => void {
  const renew = () => void listener.renew().then(() => done(), done);
  process.on("SIGHUP", renew);
  return () => process.off("SIGHUP", renew);
}

/** A client for the service. Its files are read for each connection that it makes. */
export function accountsAt(addresses: string[], files: TlsFiles): XClient {
  return new XClient(addresses, {
    tls: async (): Promise<TlsOptions> => {
      const [cert, key, ca] = await read(files);
      return { cert, key, caCerts: [ca] };
    },
  });
}

function read({ cert, key, ca }: TlsFiles): Promise<string[]> {
  return Promise.all([cert, key, ca].map((path) => readFile(path, "utf-8")));
}
