/**
 * The registry's event streams: each change of the list is sent at once, or a
 * little later if others came just before. A client that asks for changes gets
 * what has changed; any other gets the whole list each time, less often the
 * longer that is.
 *
 * @module
 */

import type { Clock, Timer } from "../clock.ts";
import { queueMicrotask } from "../internal/platform.ts";
import type { ListingChange, PutServer } from "./protocol.ts";

/** Changes within so many milliseconds of one that was sent are sent together. */
const PACE_MS = 20;
/** With many servers the pace is slower: a list of 4,000 is sent every 200 ms at most. */
const SERVERS_PER_MS = 20;
/** Whole lists are sent so seldom that all streams together get no more bytes in a millisecond. */
const WHOLE_BYTES_PER_MS = 8 * 1024;
/** So many bytes of changes may wait for a reader; if more come, it gets the whole list instead. */
const WAITING_BYTES = 16 * 1024;

const encoder = new TextEncoder();
const KEEP_ALIVE = encoder.encode(":\n\n");

/** What a stream's reader gets: what has changed, or whole lists. */
export type StreamKind = "changes" | "whole";

/** One open stream. */
interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly kind: StreamKind;
  /** Whether its reader may still read. */
  readonly mayStay: () => boolean;
  /** Whether its buffer was full at the last change: it gets the list when it has room. */
  isBehind: boolean;
}

/** The list, as the streams read it. */
export interface StreamedList {
  /** How many servers there are. */
  size(): number;
  /** A number that grows with each change. */
  version(): number;
  /** The whole list, as JSON. */
  listing(): string;
}

/** Event streams of the same list. A slow reader misses states of it, never the last one. */
export class RegistryStreams {
  readonly #clock: Clock;
  readonly #beatMs: number;
  readonly #list: StreamedList;
  readonly #streams: Readonly<Record<StreamKind, Set<Stream>>> = {
    changes: new Set(),
    whole: new Set(),
  };
  /** The present listing as an event, once it was needed. */
  #message: Uint8Array | undefined;
  /** What has changed since the last change was sent, by address; `undefined` for who has left. */
  readonly #changed = new Map<string, PutServer | undefined>();
  /** The version up to which changes were sent. */
  #sentVersion = 0;
  readonly #pacers: Readonly<Record<StreamKind, Pacer>>;
  #keepAlive: Timer | undefined;

  /**
   * @param clock The clock of all timers.
   * @param beatMs How often a comment shows that the connection is alive, in milliseconds.
   * @param list The list.
   */
  constructor(clock: Clock, beatMs: number, list: StreamedList) {
    this.#clock = clock;
    this.#beatMs = beatMs;
    this.#list = list;
    this.#pacers = {
      changes: new Pacer(clock, () => this.#sendChanges()),
      whole: new Pacer(clock, () => this.#sendWhole()),
    };
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.changes.size + this.#streams.whole.size;
  }

  /**
   * Opens a stream.
   *
   * @param kind What comes behind the present listing.
   * @param mayStay Asked at each keep-alive; the stream ends if it may not.
   * @returns The body of a response: the present listing, then one event for each change.
   */
  open(kind: StreamKind, mayStay: () => boolean): ReadableStream<Uint8Array> {
    let stream: Stream;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = { controller, kind, mayStay, isBehind: false };
        if (this.#streams[kind].size === 0 && kind === "changes") this.#changesAreSent();
        this.#streams[kind].add(stream);
        controller.enqueue(this.#event());
        this.#keepAlive ??= this.#clock.setTimer(this.#beatMs, this.#onKeepAliveDue);
      },
      pull: () => {
        if (!stream.isBehind) return;
        stream.isBehind = false;
        stream.controller.enqueue(this.#event());
      },
      cancel: () => this.#drop(stream),
    }, kind === "changes" ? new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES }) : {});
  }

  /**
   * Sends a change to every stream, together with all changes of this turn.
   *
   * @param address The address of the server, without metadata.
   * @param server The server as it is listed now; `undefined` if it has left.
   */
  changed(address: string, server: PutServer | undefined): void {
    this.#message = undefined;
    if (this.#streams.changes.size > 0) {
      this.#changed.set(address, server);
      this.#pacers.changes.due();
    }
    if (this.#streams.whole.size > 0) this.#pacers.whole.due();
  }

  /** Ends every stream. */
  close(): void {
    for (const streams of Object.values(this.#streams)) {
      for (const { controller } of streams) controller.close();
      streams.clear();
    }
    this.#stop();
  }

  #event(): Uint8Array {
    return this.#message ??= encode("servers", this.#list.listing());
  }

  #sendChanges(): number {
    const put: PutServer[] = [];
    const gone: string[] = [];
    for (const [address, server] of this.#changed) {
      if (server === undefined) gone.push(address);
      else put.push(server);
    }
    const version = this.#list.version();
    const change: ListingChange = { since: this.#sentVersion, version, put, gone };
    this.#changesAreSent();
    const event = encode("changes", JSON.stringify(change));
    for (const stream of this.#streams.changes) send(stream, event);
    return this.#paceMs();
  }

  #changesAreSent(): void {
    this.#changed.clear();
    this.#sentVersion = this.#list.version();
  }

  #sendWhole(): number {
    const event = this.#event();
    const streams = this.#streams.whole;
    for (const stream of streams) send(stream, event);
    return Math.max(
      this.#paceMs(),
      event.length * streams.size / WHOLE_BYTES_PER_MS,
    );
  }

  #paceMs(): number {
    return Math.max(PACE_MS, this.#list.size() / SERVERS_PER_MS);
  }

  readonly #onKeepAliveDue = (): void => {
    for (const streams of Object.values(this.#streams)) {
      for (const stream of streams) {
        if (!stream.mayStay()) {
          stream.controller.close();
          this.#drop(stream);
        } else if (hasRoom(stream)) stream.controller.enqueue(KEEP_ALIVE);
      }
    }
    if (this.size === 0) return;
    this.#keepAlive = this.#clock.setTimer(this.#beatMs, this.#onKeepAliveDue);
  };

  #drop(stream: Stream): void {
    this.#streams[stream.kind].delete(stream);
    if (this.#streams[stream.kind].size === 0) this.#pacers[stream.kind].stop();
    if (this.size === 0) this.#stop();
  }

  #stop(): void {
    this.#keepAlive?.cancel();
    this.#keepAlive = undefined;
    for (const pacer of Object.values(this.#pacers)) pacer.stop();
  }
}

/** Calls back once for all that is due in a turn, and then not before its pace allows it. */
class Pacer {
  readonly #clock: Clock;
  readonly #send: () => number;
  /** Runs while what is due is held back. */
  #pace: Timer | undefined;
  #isDue = false;

  /**
   * @param clock The clock of the pace.
   * @param send Sends what is due; returns how long the next has to wait, in milliseconds.
   */
  constructor(clock: Clock, send: () => number) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Something is to be sent. */
  due(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#pace === undefined) queueMicrotask(this.#onDue);
  }

  /** Nothing is to be sent any more. */
  stop(): void {
    this.#pace?.cancel();
    this.#pace = undefined;
    this.#isDue = false;
  }

  readonly #onDue = (): void => {
    this.#pace = undefined;
    if (!this.#isDue) return; // nothing has changed, or no stream is open
    this.#isDue = false;
    this.#pace = this.#clock.setTimer(this.#send(), this.#onDue);
  };
}

function encode(event: string, data: string): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${data}\n\n`);
}

function send(stream: Stream, event: Uint8Array): void {
  if (hasRoom(stream)) stream.controller.enqueue(event);
  else stream.isBehind = true;
}

function hasRoom({ controller, isBehind }: Stream): boolean {
  return !isBehind && (controller.desiredSize ?? 0) > 0;
}
