/** A faulty network: a TCP proxy on loopback between two real processes, that a test commands. */

import {
  type AddressInfo,
  connect,
  createServer,
  type Server as TcpServer,
  type Socket,
} from "node:net";

/** Who has connected: `client`; and to what the proxy has connected then: `server`. */
export type ProxySide = "client" | "server";

/** How new connections are treated. */
type Welcome = "pass" | "drop" | "refuse";

/** Two connections that are one to those at their ends. */
class Pair {
  readonly client: Socket;
  readonly server: Socket;
  isForgotten = false;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
  }

  /** The end that gets what comes from a side. */
  behind(side: ProxySide): Socket {
    return side === "client" ? this.server : this.client;
  }
}

/** The proxy. All that it does is done when the test says so, and can be waited for. */
export class TcpProxy {
  /** How many connections have come so far. */
  accepted = 0;
  /** How many bytes have come from each side so far. */
  readonly came = { client: 0, server: 0 };
  readonly #target: { host: string; port: number };
  readonly #server: TcpServer;
  readonly #pairs = new Set<Pair>();
  /** Connections that lead nowhere. */
  readonly #dropped = new Set<Socket>();
  #welcome: Welcome = "pass";
  #pieceBytes = Infinity;
  /** What is held back, while it is: functions that send it on. */
  #held: (() => void)[] | undefined;
  #wake = () => {};

  private constructor(target: string) {
    const [host, port] = target.split(":");
    this.#target = { host, port: Number(port) };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.accepted++;
      this.#accept(client);
      this.#wake();
    });
  }

  /**
   * Starts one.
   *
   * @param target Where it leads, as `host:port`.
   */
  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Where it listens, as `host:port`. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections it passes on, or has forgotten. */
  get open(): number {
    return this.#pairs.size;
  }

  /** How many pieces are held back. */
  get held(): number {
    return this.#held?.length ?? 0;
  }

  /** Waits until something holds, which is asked again after all that happens here. */
  async until(holds: (proxy: TcpProxy) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** Delays: holds all bytes and ends back, until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends on what was held back, in its order, and holds no more. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const send of held) send();
  }

  /** Halves writes: passes them on in pieces of at most so many bytes, each of its own. */
  split(pieceBytes: number): void {
    this.#pieceBytes = pieceBytes;
  }

  /** Drops new connections: they are accepted, and lead nowhere. */
  drop(): void {
    this.#welcome = "drop";
  }

  /** Resets new connections as soon as they have come. */
  refuse(): void {
    this.#welcome = "refuse";
  }

  /** Passes new connections on again; those that were dropped are reset. */
  pass(): void {
    this.#welcome = "pass";
    for (const socket of this.#dropped) reset(socket);
    this.#dropped.clear();
  }

  /** Forgets the connections that are open, as a middlebox does: nothing comes through any more. */
  forget(): void {
    for (const pair of this.#pairs) pair.isForgotten = true;
  }

  /** Cuts all connections: both ends are reset. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      reset(client);
      reset(server);
    }
    this.#pairs.clear();
  }

  /** Half-closes all connections behind what has come from a side: it is as if that had ended. */
  halve(from: ProxySide): void {
    for (const pair of this.#pairs) this.#pass(() => pair.behind(from).end());
  }

  /** Ends it, and all connections. */
  async close(): Promise<void> {
    this.pass();
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    client.on("error", () => {});
    if (this.#welcome === "refuse") return reset(client);
    if (this.#welcome === "drop") {
      this.#dropped.add(client);
      client.resume();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const pair = new Pair(client, server);
    this.#pairs.add(pair);
    this.#follow(pair, "client", client);
    this.#follow(pair, "server", server);
  }

  #follow(pair: Pair, side: ProxySide, socket: Socket): void {
    const to = pair.behind(side);
    socket.on("data", (data: Uint8Array) => {
      this.came[side] += data.length;
      if (!pair.isForgotten) {
        for (let at = 0; at < data.length; at += this.#pieceBytes) {
          const piece = data.subarray(at, Math.min(data.length, at + this.#pieceBytes));
          this.#pass(() => void to.write(piece));
        }
      }
      this.#wake();
    });
    socket.on("end", () => {
      if (!pair.isForgotten) this.#pass(() => void to.end());
    });
    socket.on("error", () => {
      if (!pair.isForgotten) reset(to);
    });
    socket.on("close", () => {
      if (pair.client.destroyed && pair.server.destroyed) this.#pairs.delete(pair);
      this.#wake();
    });
  }

  #pass(send: () => void): void {
    if (this.#held === undefined) send();
    else this.#held.push(send);
  }
}

/** Closes with a reset, so that the other end fails at once. */
function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}
