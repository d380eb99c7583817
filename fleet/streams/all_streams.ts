/**
 * This file is one class, and what it is made of: the streams of all servers,
 * merged as their items come.
 *
 * @module
 */

import { ItemReader } from "../../connection/streams/item_reader.ts";
import { ItemTaker } from "../../connection/streams/item_taker.ts";
import {
  isAsyncIterable,
  type ItemSource,
  type StreamSink,
} from "../../connection/streams/stream.ts";
import { RpcError, TimeoutError } from "../../errors.ts";
import { type Abortable, abortWith, releaseFrom } from "../../internal/abort.ts";
import { type Backoff, backoffMs } from "../../internal/backoff.ts";
import { CallTimer } from "../call_timer.ts";
import type { Endpoint } from "../endpoint.ts";
import { FailMode } from "../fail_mode.ts";
import { mayRepeatAfter } from "../next_step.ts";
import { FleetStream } from "./fleet_stream.ts";
import type { StreamAllItem, StreamAllOptions, StreamBegin } from "./options.ts";

/** Before a server that has failed is asked again. */
const FOLLOW_BACKOFF: Backoff = { firstMs: 200, maxMs: 5000 };
/** How often the list is looked at, for sources that tell of no changes, in milliseconds. */
const LIST_EVERY_MS = 5000;
const NO_SOURCE: ItemSource = { consumed() {} };

/**
 * Refuses an argument that one server only could have.
 *
 * @param serviceMethod `Service.Method`.
 * @param args The argument.
 * @throws {TypeError} If it is an async iterable.
 */
export function checkArgsOfAll(serviceMethod: string, args: unknown): void {
  if (!isAsyncIterable(args)) return;
  throw new TypeError(
    `${serviceMethod}: an argument that comes item by item can be sent to one server only: ` +
      "use call or stream",
  );
}

/** The streams of all servers, as their reader has them. */
export class AllStreams<T> implements Abortable {
  static readonly isOfAll = true;
  /** What the caller reads. */
  readonly reader: ItemReader<StreamAllItem<T>>;
  readonly begin: StreamBegin<StreamAllOptions<T>>;
  readonly #parts = new Map<string, Part<T>>();
  #dueAtMs = Infinity;
  #deadline: CallTimer | undefined;
  /** Until the list is looked at again. */
  #look: CallTimer | undefined;
  #unfollow: (() => void) | undefined;
  /** Whether the client was closed before all servers had ended. */
  #isCutShort = false;
  #isOver = false;

  /** @param begin What they are begun with. */
  constructor(begin: StreamBegin<StreamAllOptions<T>>) {
    this.begin = begin;
    this.reader = new ItemReader({
      open: () => this.#start(),
      cancel: () => this.#over(),
    });
  }

  /** Aborts all with the signal's reason. */
  abort(reason: unknown): void {
    this.#fail(reason);
  }

  /** The client is being closed: no more are begun, and those that go on have its grace. */
  close(): void {
    this.#unfollow?.();
    for (const part of this.#parts.values()) part.stopWaiting();
    this.#look = this.#remove(this.#look);
    this.#endIfDone();
  }

  /** How much of the time is left, in milliseconds. */
  get leftMs(): number {
    return this.#dueAtMs - this.begin.context.clock.now();
  }

  /** The endpoint of an address, if it is listed. */
  listed(address: string): Endpoint | undefined {
    return this.begin.context.fleet.endpoints.find((endpoint) => endpoint.address === address);
  }

  /**
   * A server's stream has failed.
   *
   * @param part The server.
   * @param error Why.
   * @param isNews Whether the reader does not know yet that it fails.
   * @returns Whether the server is to be asked again.
   */
  failed({ address }: Part<T>, error: unknown, isNews: boolean): boolean {
    const { context: { fleet, isFailure }, options: { onError, follow } } = this.begin;
    if (this.#isOver) return false;
    if (error instanceof TimeoutError && this.leftMs <= 0) {
      this.#timeOut();
      return false;
    }
    if (fleet.closed) {
      this.#isCutShort = true;
      return false;
    }
    if (isNews) {
      try {
        if (onError === undefined) this.reader.item({ address, error }, 0, NO_SOURCE);
        else onError(error, address);
      } catch (thrown) {
        this.#fail(thrown);
      }
    }
    const mayPass = mayRepeatAfter(error, true) || isFailure(error);
    return follow === true && mayPass && !this.#isOver;
  }

  /** A server is read no more, for the time being or for good. */
  partEnded(part: Part<T>): void {
    if (this.begin.options.follow && this.listed(part.address) !== part.endpoint) {
      this.#parts.delete(part.address);
      this.#listChanged(); // it may have come back meanwhile
    }
    this.#endIfDone();
  }

  #start(): void {
    const { context, options: { signal, timeoutMs = Infinity } } = this.begin;
    const { clock, deadlines, fleet, waiting } = context;
    if (signal?.aborted) return this.#fail(signal.reason);
    this.#dueAtMs = clock.now() + timeoutMs;
    if (!(timeoutMs > 0)) return this.#timeOut();
    if (fleet.closed) return this.#endIfDone();
    if (signal !== undefined) abortWith(signal, this);
    waiting.add(this);
    if (timeoutMs < Infinity) {
      this.#deadline = new CallTimer(this.#dueAtMs, () => this.#timeOut());
      deadlines.add(this.#deadline);
    }
    const update = fleet.update();
    if (update === undefined) this.#listed();
    else update.then(() => this.#listed(), (error) => this.#fail(error));
  }

  /** The list of servers is there. */
  #listed(): void {
    if (this.#isOver) return;
    const { context: { fleet }, options: { follow }, serviceMethod } = this.begin;
    if (follow) {
      this.#unfollow = fleet.onList(() => this.#listChanged());
      this.#lookLater();
    } else if (fleet.endpoints.length === 0 && !fleet.closed) {
      const details = { serviceMethod, execution: "not_sent" } as const;
      const message = `${serviceMethod}: ${fleet.emptyText}`;
      return this.#fail(new RpcError("unavailable", message, details));
    }
    this.#listChanged();
    this.#endIfDone();
  }

  #listChanged(): void {
    for (const endpoint of this.begin.context.fleet.endpoints) {
      const known = this.#parts.get(endpoint.address);
      if (this.#isOver) return;
      if (known === undefined || known.state === "ended" && known.endpoint !== endpoint) {
        const part = new Part(this, endpoint);
        this.#parts.set(endpoint.address, part);
        part.open();
      } else if (known.endpoint !== endpoint) known.joined(endpoint);
    }
  }

  #lookLater(): void {
    const { clock, deadlines, fleet } = this.begin.context;
    this.#look = new CallTimer(clock.now() + LIST_EVERY_MS, () => {
      fleet.update()?.catch(() => {}); // the last good list stays
      this.#lookLater();
    });
    deadlines.add(this.#look);
  }

  #endIfDone(): void {
    if (this.#isOver) return;
    const { context: { fleet }, options: { follow }, serviceMethod } = this.begin;
    for (const { state } of this.#parts.values()) {
      if (state === "open" || state === "waiting" && !fleet.closed) return;
      if (state === "waiting") this.#isCutShort = true;
    }
    if (fleet.closed && (follow || this.#isCutShort || this.#parts.size === 0)) {
      const details = {
        serviceMethod,
        execution: this.#parts.size === 0 ? "not_sent" : "unknown",
      } as const;
      this.#fail(
        new RpcError("canceled", `${serviceMethod}: the client is closed`, details),
        false,
      );
    } else if (!follow && this.#over()) this.reader.end();
  }

  #timeOut(): void {
    const { serviceMethod, options: { timeoutMs } } = this.begin;
    const open = [...this.#parts.values()].filter(({ state }) => state !== "ended");
    const addresses = open.map(({ address }) => address);
    const where = addresses.length === 0 ? "" : ` at ${addresses.join(", ")}`;
    const what = this.#parts.size === 0 && this.#deadline !== undefined
      ? "discovery has named no servers"
      : this.#deadline === undefined
      ? "the deadline has passed already"
      : "the streams have not ended";
    const message = `${serviceMethod}${where}: ${what}` +
      (this.#deadline === undefined ? "" : ` within ${timeoutMs} ms`);
    const execution = this.#parts.size === 0 ? "not_sent" : "unknown";
    this.#fail(new TimeoutError(message, { address: addresses[0], serviceMethod, execution }));
  }

  #fail(error: unknown, atOnce = true): void {
    if (this.#over()) this.reader.fail(error, atOnce);
  }

  #over(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    const { context: { waiting }, options: { signal } } = this.begin;
    if (signal !== undefined) releaseFrom(signal, this);
    waiting.delete(this);
    this.#unfollow?.();
    this.#look = this.#remove(this.#look);
    this.#remove(this.#deadline);
    for (const part of this.#parts.values()) part.stop();
    return true;
  }

  #remove(timer: CallTimer | undefined): undefined {
    if (timer !== undefined) this.begin.context.deadlines.remove(timer);
  }
}

/** The stream of one server among all. */
class Part<T> implements StreamSink {
  /**
   * - `open`: it is read.
   * - `waiting`: it has failed, and is asked again behind a backoff.
   * - `ended`: it is read no more.
   */
  state: "open" | "waiting" | "ended" = "ended";
  readonly address: string;
  endpoint: Endpoint;
  readonly #all: AllStreams<T>;
  #taker: ItemTaker | undefined;
  #timer: CallTimer | undefined;
  #last: T | undefined;
  #hasItems = false;
  /** How often it has failed since its last item. */
  #failures = 0;

  constructor(all: AllStreams<T>, endpoint: Endpoint) {
    this.#all = all;
    this.endpoint = endpoint;
    this.address = endpoint.address;
  }

  /**
   * Its server is listed again, and may be another one.
   *
   * @param endpoint The endpoint that it is now.
   */
  joined(endpoint: Endpoint): void {
    if (this.state !== "waiting") return;
    this.endpoint = endpoint;
    this.open();
  }

  /** Begins to read it. */
  open(): void {
    this.stopWaiting();
    this.state = "open";
    const { context, serviceMethod, args, options, intercepted } = this.#all.begin;
    const { follow: _, onError: _e, resume, signal: _s, ...ofStream } = options;
    const timeoutMs = this.#all.leftMs;
    let sent = args;
    try {
      if (resume !== undefined && this.#hasItems) sent = resume(this.#last as T, this.address);
    } catch (thrown) {
      return this.#all.abort(thrown);
    }
    if (this.state !== "open") return; // ended by the caller's own function
    const stream = new FleetStream<T>({
      context,
      serviceMethod,
      args: sent,
      options: { ...ofStream, timeoutMs, failMode: FailMode.Failfast },
      only: this.endpoint,
      intercepted,
    });
    this.#taker = new ItemTaker(stream.reader, this);
    this.#taker.start();
  }

  item(value: unknown, bytes: number, from: ItemSource): void {
    this.#failures = 0;
    this.#hasItems = true;
    this.#last = value as T;
    this.#all.reader.item({ address: this.address, value: value as T }, bytes, from);
  }

  end(): void {
    if (this.state !== "open") return;
    this.state = "ended";
    this.#all.partEnded(this);
  }

  fail(error: unknown): void {
    if (this.state !== "open") return;
    this.state = "waiting";
    const isAgain = this.#all.failed(this, error, this.#failures === 0);
    if (this.state !== "waiting") return; // stopped meanwhile
    const endpoint = this.#all.listed(this.address);
    if (isAgain && endpoint !== undefined) {
      this.endpoint = endpoint;
      const { clock, random, deadlines } = this.#all.begin.context;
      const dueAtMs = clock.now() + backoffMs(FOLLOW_BACKOFF, this.#failures++, random());
      this.#timer = new CallTimer(dueAtMs, () => this.#reopen());
      return deadlines.add(this.#timer);
    }
    this.state = "ended";
    this.#all.partEnded(this);
  }

  /** It is not asked again by time alone. */
  stopWaiting(): void {
    if (this.#timer !== undefined) this.#all.begin.context.deadlines.remove(this.#timer);
    this.#timer = undefined;
  }

  /** It is read no more. */
  stop(): void {
    this.stopWaiting();
    this.state = "ended";
    this.#taker?.stop();
  }

  #reopen(): void {
    const endpoint = this.#all.listed(this.address);
    if (endpoint === undefined) {
      this.state = "ended";
      return this.#all.partEnded(this);
    }
    this.endpoint = endpoint;
    this.open();
  }
}
