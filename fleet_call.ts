/**
 * One call of an `XClient`, from the server that was picked to its end: it
 * waits for the dial if there is need of one, under the caller's signal and
 * deadline, and is then the client's.
 *
 * @module
 */

import type { Abortable, AbortListeners } from "./abort.ts";
import type { Client } from "./client.ts";
import type { Clock, Deadlines, Expiring } from "./clock.ts";
import { RpcError, TimeoutError } from "./errors.ts";
import type { Member } from "./member.ts";
import type { Settler } from "./pending.ts";
import type { CallOptions } from "./service.ts";

/** What all calls of one `XClient` share. */
export interface FleetCallContext {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The deadlines of calls that wait for a dial. */
  readonly deadlines: Deadlines;
  /** The callers' signals. */
  readonly signals: AbortListeners;
}

/** One call of an `XClient`. */
export class FleetCall implements Settler, Abortable, Expiring {
  dueAt = 0;
  waiting = false;
  #member: Member | undefined;
  #pending: Abortable | undefined;
  #settled = false;

  /**
   * @param context What all calls of the `XClient` share.
   * @param serviceMethod `Service.Method`.
   * @param args Its argument.
   * @param options Signal, timeout and metadata.
   * @param settler Told once how the call ended.
   */
  constructor(
    readonly context: FleetCallContext,
    readonly serviceMethod: string,
    readonly args: unknown,
    readonly options: CallOptions,
    readonly settler: Settler,
  ) {}

  /**
   * Calls a server.
   *
   * @param member Which.
   */
  start(member: Member): void {
    const { signal } = this.options;
    if (signal?.aborted) return this.settler.reject(signal.reason);
    this.#member = member;
    member.begin();
    if (signal !== undefined) this.context.signals.add(signal, this);
    const { client } = member;
    if (client !== undefined) this.#send(client, this.options.timeoutMs);
    else this.#dial(member);
  }

  resolve(value: unknown): void {
    if (this.#end()) this.settler.resolve(value);
  }

  reject(error: unknown): void {
    if (this.#end()) this.settler.reject(error);
  }

  abort(reason: unknown): void {
    this.#pending?.abort(reason);
    this.reject(reason);
  }

  /** The deadline has passed before there was a connection. */
  expire(): void {
    const { address } = this.#member!;
    const { serviceMethod, options } = this;
    const message =
      `${serviceMethod} at ${address}: no connection within the call's ${options.timeoutMs} ms`;
    this.reject(new TimeoutError(message, { address, serviceMethod, execution: "not_sent" }));
  }

  #dial(member: Member): void {
    const { timeoutMs = Infinity } = this.options;
    if (Number.isNaN(timeoutMs)) return this.reject(new RangeError("timeoutMs is not a number"));
    if (timeoutMs < Infinity) {
      this.dueAt = this.context.clock.now() + timeoutMs;
      this.context.deadlines.add(this);
    }
    member.connect().then((client) => {
      if (this.#settled) return;
      this.context.deadlines.remove(this);
      const leftMs = timeoutMs < Infinity ? this.dueAt - this.context.clock.now() : undefined;
      this.#send(client, leftMs);
    }, (error) => this.reject(this.#undialled(error)));
  }

  /** The error of a dial that calls share, as this call's own. */
  #undialled(error: unknown): unknown {
    if (!(error instanceof RpcError)) return error;
    const { code, message, address, execution } = error;
    const { serviceMethod } = this;
    const details = { address, serviceMethod, execution, cause: error };
    return new RpcError(code, `${serviceMethod}: ${message}`, details);
  }

  #send(client: Client, timeoutMs: number | undefined): void {
    // The signal is listened to here, once, whichever connection the call is on.
    const { meta, schema, signal } = this.options;
    const options = signal === undefined && timeoutMs === this.options.timeoutMs
      ? this.options
      : { meta, schema, timeoutMs };
    this.#pending = client.send(this.serviceMethod, this.args, options, this);
  }

  #end(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    const { signal } = this.options;
    if (signal !== undefined) this.context.signals.remove(signal, this);
    this.context.deadlines.remove(this);
    this.#member!.end();
    return true;
  }
}
