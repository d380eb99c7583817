/**
 * Makes the calls of a run, and takes down what becomes of them.
 *
 * @module
 */

import type { ExplorerClock } from "./clock.ts";
import { CountedController, listenersOf } from "./counted_controller.ts";
import { definedOf } from "./defined.ts";
import type { History } from "./history.ts";
import { errorLine } from "./outcome.ts";
import type { CallStep, Plan } from "./plan.ts";
import type { CallRecord, ClientRecord, Outcome } from "./records.ts";
import { argumentOf, CALL_KEY, type Subject } from "./subject.ts";

/** What the caller needs of its run. */
export interface CallerHost {
  readonly plan: Plan;
  readonly subject: Subject;
  readonly clock: ExplorerClock;
  readonly history: History;
  /** A property does not hold. */
  violate(property: string, message: string): void;
  /** Closes a client. */
  close(record: ClientRecord, graceMs: number): void;
}

/** Makes the calls of a run. */
export class Caller {
  /** Every call, by its number. */
  readonly calls = new Map<number, CallRecord>();
  readonly #host: CallerHost;
  /** What every call listens to that is not aborted by itself. */
  readonly #shared = new CountedController();
  readonly #controllers: CountedController[] = [this.#shared];

  /** @param host The run. */
  constructor(host: CallerHost) {
    this.#host = host;
  }

  /** How many still listen to signals of callers that have not aborted. */
  get listeners(): number {
    return listenersOf(this.#controllers);
  }

  /** The calls of a client that have not ended. */
  open(client: string): CallRecord[] {
    return [...this.calls.values()].filter(({ step, settlements }) =>
      step.client === client && settlements === 0
    );
  }

  /**
   * Makes a call.
   *
   * @param step What the plan says of it.
   * @param record Who makes it.
   */
  call(step: CallStep, record: ClientRecord): void {
    if (this.calls.has(step.id)) return;
    const { clock, history, subject, plan } = this.#host;
    const method = subject.methods[step.method % subject.methods.length];
    const controller = step.abortAfterMs !== undefined || step.argument === "aborts"
      ? new CountedController()
      : step.id % 2 === 0
      ? this.#shared
      : undefined;
    if (controller !== undefined && controller !== this.#shared) this.#controllers.push(controller);
    const args = argumentOf(method, plan.seed, step.id);
    if (step.argument === "at_limit" && isObject(args) && typeof args.Text === "string") {
      args.Text = "x".repeat(step.length ?? 0);
    }
    const call: CallRecord = {
      step,
      atMs: clock.now(),
      args,
      runs: [],
      settlements: 0,
      receipts: [],
      reason: new Error(`call ${step.id} is aborted`),
      servers: record.client.endpoints().length,
    };
    this.calls.set(step.id, call);
    const abort = () => {
      if (controller === undefined || controller.signal.aborted) return;
      call.abortedAtMs = clock.now();
      if (call.settlements === 0) history.note(step.client, `call ${step.id} is aborted`);
      controller.abort(call.reason);
    };
    history.note(step.client, `call ${step.id} begins: ${method.serviceMethod} ${describe(step)}`);
    const settled = (outcome: Outcome) => {
      if (++call.settlements > 1) {
        return this.#host.violate("a call settles once", `call ${step.id} settled again`);
      }
      call.settledAtMs = clock.now();
      call.outcome = outcome;
      const how = outcome.ok ? "succeeds" : `fails: ${errorLine(outcome.error)}`;
      history.note(step.client, `call ${step.id} ${how}`);
    };
    const { kind, breakAfter } = step;
    const options = definedOf({
      signal: controller?.signal,
      timeoutMs: step.timeoutMs,
      meta: { [CALL_KEY]: `${step.id}` },
      idempotent: step.idempotent,
      certain: step.certain,
      key: step.key,
      failMode: step.failMode,
      maxAttempts: step.maxAttempts,
      hedgeAfterMs: step.hedgeAfterMs,
      quorum: step.quorum,
      concurrency: step.concurrency,
      serverTimeoutMs: step.serverTimeoutMs,
    });
    const sent = this.#strange(call, record, method.serviceMethod, abort);
    const inform = async () => {
      for await (const receipt of record.client.inform(method.serviceMethod, sent, options)) {
        call.receipts.push(receipt);
        const how = receipt.ok ? "succeeded" : `failed: ${errorLine(receipt.error)}`;
        history.note(step.client, `call ${step.id} at ${receipt.address} ${how}`);
        if (call.receipts.length === breakAfter) {
          call.brokenOff = true;
          break;
        }
      }
    };
    const promise = kind === "inform"
      ? inform()
      : record.client[kind](method.serviceMethod, sent, options);
    promise.then(
      (reply) => settled({ ok: true, reply }),
      (error) => settled({ ok: false, error }),
    );
    if (step.abortAfterMs === 0) abort();
    else if (step.abortAfterMs !== undefined) clock.setTimer(step.abortAfterMs, abort);
  }

  /** The argument, with a getter that does what the plan says. */
  #strange(
    { step, args }: CallRecord,
    record: ClientRecord,
    serviceMethod: string,
    abort: () => void,
  ): unknown {
    const { argument = "plain" } = step;
    if (argument === "plain" || argument === "at_limit" || !isObject(args)) return args;
    const name = Object.keys(args).at(-1);
    if (name === undefined) return args;
    const value = args[name];
    return Object.defineProperty({ ...args }, name, {
      enumerable: true,
      get: () => {
        if (argument === "aborts") abort();
        else if (argument === "closes") this.#host.close(record, 0);
        else if (argument === "throws") throw new Error("the argument throws");
        else if (record.nested.length < 3) {
          const nested = { settlements: 0 };
          record.nested.push(nested);
          const settled = () => void nested.settlements++;
          record.client.call(`${serviceMethod}Not`, null, { key: "" }).then(settled, settled);
        }
        return value;
      },
    });
  }
}

function describe(step: CallStep): string {
  const { atMs: _at, do: _do, id: _id, client: _client, method: _method, ...rest } = step;
  return Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
