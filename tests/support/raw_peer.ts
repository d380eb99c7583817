/** Clients and servers that a test plays by hand, byte by byte. */

import { parseAddress } from "../../address.ts";
import type { Network, Transport, TransportListener } from "../../transport.ts";
import { deferred } from "./async.ts";

const encoder = new TextEncoder();

/** One end of a connection on which a test writes and reads bytes by hand. */
export class RawPeer {
  /** Each chunk that came, in order: on a memory network, each write of the other end. */
  readonly chunks: Uint8Array[] = [];
  /** Resolves when the other end has closed. */
  readonly ended: Promise<void>;
  isOver = false;
  readonly #transport: Transport;
  #wake = () => {};
  #waiting: Promise<void> | undefined;
  #release = () => {};

  constructor(transport: Transport) {
    this.#transport = transport;
    const ended = deferred();
    this.ended = ended.promise;
    transport.start({
      data: (chunk) => {
        this.chunks.push(chunk.slice());
        this.#wake();
        return this.#waiting;
      },
      end: () => {
        this.isOver = true;
        ended.resolve();
        this.#wake();
      },
    });
  }

  /** Reads no more after the next chunk until `resume`. */
  pause(): void {
    this.#waiting = new Promise((resolve) => this.#release = resolve);
  }

  resume(): void {
    this.#waiting = undefined;
    this.#release();
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.chunks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** The lines that came, without a handshake before them. */
  get lines(): string[] {
    return this.text.replace(/^ *\{"MagicNumber":[^}]*\}/, "").split("\n").slice(0, -1);
  }

  /** Waits until what has come is enough. */
  async until(what: (peer: RawPeer) => boolean): Promise<this> {
    while (!what(this)) {
      if (this.isOver) throw new Error(`the stream ended; it was ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this;
  }

  /** Waits for so many lines behind the handshake. */
  async untilLines(count: number): Promise<string[]> {
    await this.until((peer) => peer.lines.length >= count);
    return this.lines;
  }

  write(data: string | Uint8Array): Promise<void> {
    return this.#transport.write(typeof data === "string" ? encoder.encode(data) : data);
  }

  /** Writes a reply of geerpc/json. */
  reply(seq: number, body: unknown, header: Record<string, unknown> = {}): Promise<void> {
    const head = { ServiceMethod: "S.M", Seq: seq, Error: "", ...header };
    return this.write(`${JSON.stringify(head)}\n${JSON.stringify(body)}\n`);
  }

  close(): void {
    this.#transport.close();
  }
}

/** A server that a test plays by hand. */
export class RawServer {
  readonly address: string;
  readonly peers: RawPeer[] = [];
  readonly #listener: TransportListener;
  readonly #queue: RawPeer[];
  readonly #wake: { call(): void };

  private constructor(
    listener: TransportListener,
    queue: RawPeer[],
    peers: RawPeer[],
    wake: { call(): void },
  ) {
    this.#listener = listener;
    this.address = listener.address;
    this.#queue = queue;
    this.peers = peers;
    this.#wake = wake;
  }

  static async listen(
    network: Network,
    address: string,
    options: Parameters<Network["listen"]>[2] = {},
  ): Promise<RawServer> {
    const queue: RawPeer[] = [];
    const peers: RawPeer[] = [];
    const wake = { call() {} };
    const listener = await network.listen(parseAddress(address), (transport) => {
      const peer = new RawPeer(transport);
      queue.push(peer);
      peers.push(peer);
      wake.call();
    }, options);
    return new RawServer(listener, queue, peers, wake);
  }

  /** The next connection that comes. */
  async accept(): Promise<RawPeer> {
    for (;;) {
      const peer = this.#queue.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => this.#wake.call = resolve);
    }
  }

  async close(): Promise<void> {
    for (const peer of this.peers) peer.close();
    await this.#listener.close();
  }
}

/** A client that a test plays by hand. */
export async function rawClient(network: Network, address: string): Promise<RawPeer> {
  return new RawPeer(await network.connect(parseAddress(address)));
}

/** GeeRPC's option as a client sends it, with what a test wants otherwise. */
export function option(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    MagicNumber: 0x3bef5c,
    CodecType: "application/json",
    ConnectTimeout: 0,
    HandleTimeout: 0,
    ...fields,
  }).padStart(512);
}

/** One request of geerpc/json. */
export function request(
  seq: number,
  serviceMethod: string,
  body: unknown,
  header: Record<string, unknown> = {},
): string {
  const head = { ServiceMethod: serviceMethod, Seq: seq, ...header };
  return `${JSON.stringify(head)}\n${JSON.stringify(body)}\n`;
}
