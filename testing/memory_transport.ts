/**
 * The connections of a network in memory.
 *
 * @module
 */

import { queueMicrotask } from "../internal/platform.ts";
import type { Receiver, Transport } from "../transport.ts";

/** Called when something has travelled: it has arrived, or it is lost. */
export type Arrive = (isLost: boolean) => void;
/** Lets something travel. */
export type Travel = (arrive: Arrive) => void;

/** A chunk of bytes or the end, on its way. */
interface Packet {
  readonly item: Uint8Array | "end";
  state: "travelling" | "arrived" | "lost";
}

/** One direction of a connection. Packets arrive in order, however long each of them travels. */
export class Pipe {
  readonly #travel: Travel;
  /** The packets that were sent, the oldest first. One that overtakes others waits for them. */
  readonly #packets: Packet[] = [];
  #receiver: Receiver | undefined;
  #paused = false;
  #ended = false;
  #isStopped = false;

  /** @param travel Lets a packet travel. */
  constructor(travel: Travel) {
    this.#travel = travel;
  }

  /** Whether the reading side has got the end, or was closed. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether the reading side was closed. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  send(item: Uint8Array | "end"): void {
    const packet: Packet = { item, state: "travelling" };
    this.#packets.push(packet);
    this.#travel((isLost) => {
      packet.state = isLost ? "lost" : "arrived";
      this.#receive();
    });
  }

  /** Starts reading. */
  start(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#receive();
  }

  /** Ends reading at once: the reading side was closed. */
  stop(): void {
    this.#packets.length = 0;
    this.#isStopped = true;
    if (this.#ended) return;
    this.#ended = true;
    queueMicrotask(() => this.#receiver?.end());
  }

  #receive(): void {
    while (!this.#paused && !this.#ended && this.#receiver && this.#packets.length > 0) {
      const { item, state } = this.#packets[0];
      if (state === "travelling") return;
      this.#packets.shift();
      if (state === "lost") continue;
      if (item === "end") {
        this.#ended = true;
        this.#receiver.end();
        return;
      }
      const pause = this.#receiver.data(item);
      if (pause === undefined) continue;
      this.#paused = true;
      pause.then(() => {
        this.#paused = false;
        this.#receive();
      });
    }
  }
}

/** One end of a connection in memory. */
export class MemoryTransport implements Transport {
  #closed = false;
  #hasEnded = false;

  constructor(
    readonly remote: string,
    readonly incoming: Pipe,
    readonly outgoing: Pipe,
    readonly chunkBytes: number,
    readonly onClose: () => void,
  ) {}

  start(receiver: Receiver): void {
    this.incoming.start(receiver);
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new Error("the connection is closed"));
    if (this.incoming.hasEnded && this.outgoing.isStopped) {
      return Promise.reject(new Error("the connection was closed by the peer"));
    }
    for (let from = 0; from < bytes.length; from += this.chunkBytes) {
      this.outgoing.send(bytes.slice(from, from + this.chunkBytes));
    }
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    if (!this.#hasEnded) this.outgoing.send("end");
    this.#hasEnded = true;
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose();
    this.closeWrite();
    this.incoming.stop();
  }
}
