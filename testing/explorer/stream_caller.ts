/**
 * Makes the streams of a run, and takes down what becomes of them.
 *
 * @module
 */

import { CountedController, listenersOf } from "./counted_controller.ts";
import type { CallerHost } from "./caller.ts";
import { definedOf } from "./defined.ts";
import { errorLine } from "./outcome.ts";
import type { ClientRecord, Outcome } from "./records.ts";
import { STREAM_SERVICE, type StreamStep } from "./stream_plan.ts";
import type { ServerRecord, StreamRecord } from "./stream_records.ts";
import type { StreamArgs, StreamItem } from "./stream_service.ts";
import type { AllItem, ExploredClient, ExploredStream } from "./subject.ts";

/** Makes the streams of a run. */
export class StreamCaller {
  /** Every stream, by its number. */
  readonly streams = new Map<number, StreamRecord>();
  readonly #host: CallerHost;
  readonly #controllers: CountedController[] = [];

  /** @param host The run. */
  constructor(host: CallerHost) {
    this.#host = host;
  }

  /** How many still listen to signals of callers that have not aborted. */
  get listeners(): number {
    return listenersOf(this.#controllers);
  }

  /** The streams of a client that have not ended. */
  open(client: string): StreamRecord[] {
    return [...this.streams.values()].filter(({ step, settlements }) =>
      step.client === client && settlements === 0
    );
  }

  /**
   * Begins a stream.
   *
   * @param step What the plan says of it.
   * @param record Who reads it.
   */
  begin(step: StreamStep, record: ClientRecord): void {
    const { client } = record;
    const { clock, history, subject } = this.#host;
    if (!subject.hasStreams || this.streams.has(step.id) || client.stream === undefined) return;
    const controller = new CountedController();
    this.#controllers.push(controller);
    const stream: StreamRecord = {
      step,
      atMs: clock.now(),
      runs: [],
      servers: new Map(),
      listed: client.endpoints().length,
      settlements: 0,
      reason: new Error(`stream ${step.id} is aborted`),
      isLeft: false,
      args: { taken: 0, isBegun: false, isOver: false },
    };
    this.streams.set(step.id, stream);
    history.note(step.client, `stream ${step.id} begins: ${describe(step)}`);
    this.#read(client, stream, controller.signal).then(
      (reply) => this.#settled(stream, { ok: true, reply }),
      (error) => this.#settled(stream, { ok: false, error }),
    );
    const { abortAfterMs } = step;
    if (abortAfterMs === undefined) return;
    clock.setTimer(abortAfterMs, () => {
      stream.abortedAtMs = clock.now();
      if (stream.settlements === 0) history.note(step.client, `stream ${step.id} is aborted`);
      controller.abort(stream.reason);
    });
  }

  #settled(stream: StreamRecord, outcome: Outcome): void {
    const { clock, history } = this.#host;
    const { id, client } = stream.step;
    if (++stream.settlements > 1) {
      return this.#host.violate("a stream settles once", `stream ${id} settled again`);
    }
    stream.settledAtMs = clock.now();
    stream.outcome = outcome;
    const how = stream.isLeft
      ? "was left"
      : outcome.ok
      ? "has ended"
      : `fails: ${errorLine(outcome.error)}`;
    history.note(client, `stream ${id} ${how}`);
  }

  /** Reads it to its end; returns what an upload brings. */
  async #read(
    client: ExploredClient,
    stream: StreamRecord,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { step } = stream;
    const { id, kind, timeoutMs, idempotent } = step;
    const meta = { id: `${id}` };
    if (kind === "upload") {
      const options = definedOf({ signal, timeoutMs, idempotent, meta, key: step.key });
      return await client.call(`${STREAM_SERVICE}.Sum`, this.#items(stream), options);
    }
    const args = kind === "both" ? this.#items(stream) : { Id: id, N: 1 };
    const resume = ({ N }: StreamArgs) => ({ Id: id, N: N + 1 });
    const options = definedOf({
      signal,
      timeoutMs,
      idempotent,
      meta,
      itemTimeoutMs: step.itemTimeoutMs,
      windowItems: step.windowItems,
      failMode: step.failMode,
      maxAttempts: step.maxAttempts,
      key: kind === "all" ? undefined : step.key,
      follow: step.follow,
      resume: step.resume ? resume : undefined,
    });
    const method = `${STREAM_SERVICE}.${kind === "both" ? "Echo" : "Items"}`;
    const items = kind === "all"
      ? client.streamAll!(method, args, options)
      : ofOne(client.stream!(method, args, options));
    await this.#readItems(items, stream);
  }

  async #readItems(items: ExploredStream<AllItem>, stream: StreamRecord): Promise<void> {
    const { clock, history } = this.#host;
    const { id, client, breakAfter, readMs = 0, returnAfterMs } = stream.step;
    let count = 0;
    if (returnAfterMs !== undefined) {
      clock.setTimer(returnAfterMs, () => {
        if (stream.settlements > 0) return;
        stream.isLeft = true;
        items.return();
      });
    }
    for await (const { address, value, error } of items) {
      const of = serverOf(stream, address);
      if (error !== undefined) {
        of.errors.push(error);
        history.note(client, `stream ${id}: ${address} fails: ${errorLine(error)}`);
        continue;
      }
      const { N, Run, Id } = value as StreamItem;
      of.items.push(N);
      const run = stream.runs[Run];
      if (Id !== id || run === undefined) {
        const message = `stream ${id} got an item of stream ${Id}, run ${Run}`;
        this.#host.violate("items come in order, each once", message);
      } else run.taken++;
      history.note(client, `stream ${id} has item ${N}${address && ` of ${address}`}`);
      if (++count === breakAfter) {
        stream.isLeft = true;
        break;
      }
      if (readMs > 0) await new Promise<void>((resolve) => clock.setTimer(readMs, resolve));
    }
  }

  /** The items of an argument. */
  async *#items({ step: { id, items, workMs = 0, kind }, args }: StreamRecord) {
    const { clock } = this.#host;
    args.isBegun = true;
    try {
      for (let number = 1; number <= items; number++) {
        if (workMs > 0 && kind === "both") {
          await new Promise<void>((resolve) => clock.setTimer(workMs, resolve));
        }
        args.taken++;
        yield { Id: id, N: number };
      }
    } finally {
      args.isOver = true;
    }
  }
}

/** What a stream has brought of one server. */
export function serverOf({ servers }: StreamRecord, address: string): ServerRecord {
  let found = servers.get(address);
  if (found === undefined) servers.set(address, found = { items: [], errors: [] });
  return found;
}

/** A stream of one server, as one of all is read. */
function ofOne(stream: ExploredStream<unknown>): ExploredStream<AllItem> {
  return {
    async next() {
      const { done, value } = await stream.next();
      return done ? { done, value: undefined } : { done: false, value: { address: "", value } };
    },
    async return() {
      await stream.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function describe(step: StreamStep): string {
  const { atMs: _at, do: _do, id: _id, client: _client, ...rest } = step;
  return Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ");
}
