/**
 * What servers of a run do for streams.
 *
 * @module
 */

import { RpcError } from "../../errors.ts";
import type { CallContext } from "../../server.ts";
import type { ExplorerClock } from "./clock.ts";
import type { History } from "./history.ts";
import type { FaultStep } from "./plan.ts";
import type { StreamRecord, StreamRun } from "./stream_records.ts";

/** What its methods take; `Sum` and `Echo` take the items of such an argument. */
export interface StreamArgs {
  /** The stream. */
  readonly Id: number;
  /** The first item, or the number of one. */
  readonly N: number;
}

/** An item that a server gives. */
export interface StreamItem extends StreamArgs {
  /** Which of the stream's runs has given it. */
  readonly Run: number;
}

/** What the service needs of its server. */
export interface StreamServiceHost {
  readonly name: string;
  readonly clock: ExplorerClock;
  readonly history: History;
  readonly faults: Partial<FaultStep>;
  /** The stream of that number. */
  find(id: number): StreamRecord | undefined;
  /** A handler has begun, or ended. */
  running(change: 1 | -1): void;
  /** A property does not hold. */
  violate(property: string, message: string): void;
}

/** Makes the service of one server. */
export function streamService(host: StreamServiceHost): object {
  return {
    Items: (args: StreamArgs, context: CallContext): AsyncIterable<StreamItem> =>
      new Handler(host, args.Id, context).items(args.N),
    Sum: (items: AsyncIterable<StreamArgs>, context: CallContext): Promise<number> =>
      new Handler(host, idOf(context), context).sum(items),
    Echo: (items: AsyncIterable<StreamArgs>, context: CallContext): AsyncIterable<StreamItem> =>
      new Handler(host, idOf(context), context).echo(items),
  };
}

function idOf({ meta }: CallContext): number {
  return Number(meta.id);
}

/** One handler that runs. */
class Handler {
  readonly #host: StreamServiceHost;
  readonly #id: number;
  readonly #context: CallContext;
  readonly #record: StreamRecord;
  readonly #run: StreamRun;

  constructor(host: StreamServiceHost, id: number, context: CallContext) {
    const { name, clock, faults: { error } } = host;
    const record = host.find(id);
    if (record === undefined) {
      host.violate("a stream is its caller's", `${name} serves a stream that nobody has opened`);
      throw new Error("a stream that nobody has opened");
    }
    if (error === "rejected") throw context.reject(`${name} takes no streams`);
    if (error !== undefined) throw new RpcError(error, `${name} fails`);
    this.#host = host;
    this.#id = id;
    this.#context = context;
    this.#record = record;
    this.#run = {
      number: -1,
      server: name,
      atMs: clock.now(),
      given: 0,
      taken: 0,
      wasHeld: false,
      outcome: "running",
    };
    // Not before it is iterated: a generator that nobody asks for anything never runs.
  }

  async *items(from: number): AsyncGenerator<StreamItem> {
    const { items, failAt } = this.#record.step;
    yield* this.#runs(async function* (this: Handler) {
      for (let number = from; number <= items; number++) {
        await this.#work();
        if (number === failAt) throw new RpcError("aborted", `item ${number} is none`);
        yield this.#give(number);
      }
    });
  }

  async *echo(items: AsyncIterable<StreamArgs>): AsyncGenerator<StreamItem> {
    const { failAt } = this.#record.step;
    yield* this.#runs(async function* (this: Handler) {
      for await (const { N } of this.#taken(items)) {
        if (N === failAt) throw new RpcError("aborted", `item ${N} is none`);
        yield this.#give(N);
      }
    });
  }

  async sum(items: AsyncIterable<StreamArgs>): Promise<number> {
    let sum = 0;
    const sums = this.#runs(async function* (this: Handler) {
      for await (const { N } of this.#taken(items)) {
        await this.#pause(this.#record.step.readMs);
        yield N;
      }
    });
    for await (const number of sums) sum += number;
    return sum;
  }

  /** Takes down how it ends. */
  async *#runs<T>(body: (this: Handler) => AsyncGenerator<T>): AsyncGenerator<T> {
    const { history, name, clock } = this.#host;
    const { client } = this.#record.step;
    const run = this.#run;
    run.number = this.#record.runs.push(run) - 1;
    this.#host.running(1);
    history.message(client, name, `stream ${this.#id} runs`);
    try {
      yield* body.call(this);
      run.outcome = "ended";
    } catch (error) {
      run.outcome = this.#context.signal.aborted ? "aborted" : "failed";
      throw error;
    } finally {
      if (run.outcome === "running") run.outcome = "left";
      run.endedAtMs = clock.now();
      this.#host.running(-1);
      history.message(name, client, `stream ${this.#id} ${run.outcome} at ${name}`);
    }
  }

  /** The argument's items, which come in order. */
  async *#taken(items: AsyncIterable<StreamArgs>): AsyncGenerator<StreamArgs> {
    let expected = 1;
    for await (const item of items) {
      if (item.Id !== this.#id || item.N !== expected) {
        const message =
          `stream ${this.#id} got item ${item.N} of ${item.Id} in place of ${expected}`;
        this.#host.violate("an argument's items come in order, each once", message);
      }
      expected++;
      yield item;
    }
  }

  #give(number: number): StreamItem {
    const run = this.#run;
    run.given++;
    const { windowItems = Infinity, kind } = this.#record.step;
    if (run.given - run.taken > windowItems) run.wasHeld = true;
    // One that waits for credit; of all servers' items one is read ahead.
    const most = windowItems + (kind === "all" ? 2 : 1);
    if (run.given - run.taken > most) {
      const message = `${run.given} of stream ${this.#id} were given at ${run.server}, ` +
        `${run.taken} taken, the window is ${windowItems}`;
      this.#host.violate("credit is not exceeded", message);
    }
    return { Id: this.#id, N: number, Run: run.number };
  }

  #work(): Promise<void> {
    return this.#pause(this.#record.step.workMs);
  }

  #pause(ms = 0): Promise<void> {
    const { clock, faults: { slow = 1 } } = this.#host;
    const { signal } = this.#context;
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = () => {
        timer.cancel();
        reject(signal.reason);
      };
      const timer = clock.setTimer(ms * slow, () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      signal.addEventListener("abort", abort);
    });
  }
}
