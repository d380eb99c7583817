/**
 * The loop that keeps a server registered: it registers, renews the
 * registration in time, tries again after failures, and deregisters in the end.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { deferred } from "../internal/deferred.ts";
import { abortWith, releaseFrom } from "../internal/abort.ts";
import { type Backoff, backoffMs, type Jitter } from "../internal/backoff.ts";
import { tell } from "../internal/events.ts";
import { sleep } from "../internal/time.ts";
import type { Random } from "../selector.ts";
import { isLasting } from "./lasting.ts";

/** Where one server is registered, such as one registry or etcd. */
export interface Registrar {
  /**
   * Registers the server, or renews its registration.
   *
   * @param signal Aborts when the registration is closed.
   * @returns Whether the server was registered by this, and not only renewed.
   * @throws Why the server could not be registered or renewed. The signal's reason is no failure.
   */
  renew(signal: AbortSignal): Promise<boolean>;
  /** How long after a success to renew, in milliseconds, before jitter. */
  readonly renewAfterMs: number;
  /** How long after a failure to try again. */
  readonly backoff: Backoff;
  /**
   * Whether a failure means that the server is certainly registered no more.
   * It is registered again at once then.
   *
   * @param error What `renew` has thrown.
   */
  isLost(error: unknown): boolean;
  /**
   * Ends the registration, within a time of its own.
   *
   * @throws If that has failed and is to be reported.
   */
  deregister(): Promise<void>;
}

/** What has happened to a registration. */
export type RegistrationEvent =
  /** The server is registered: for the first time, or again. */
  | { readonly type: "registered" }
  /** The registration is lost: the server is registered again. */
  | { readonly type: "lost"; readonly error: unknown }
  /** A try has failed. It is repeated. */
  | { readonly type: "failed"; readonly error: unknown };

/** What a {@linkcode RegistrationLoop} needs. */
export interface RegistrationLoopOptions {
  /** The clock of all pauses. */
  readonly clock: Clock;
  /** The randomness of jitter. */
  readonly random: Random;
  /** The share of `renewAfterMs` that is waited for. */
  readonly jitter: Jitter;
  /** Closes the loop when it aborts. */
  readonly signal?: AbortSignal;
  /** Makes the error with which `ready` rejects if the loop is closed before. */
  readonly closedError: () => unknown;
  /** Called with each event, in a microtask of its own. */
  readonly onEvent?: (event: RegistrationEvent) => void;
}

/** Keeps one server registered at one place. It begins at once. */
export class RegistrationLoop {
  /** Settles with the first try: it resolves if that has succeeded, and rejects with its error. */
  readonly tried: Promise<void>;
  /**
   * Resolves once the server is registered. Rejects if the loop is closed before, and
   * with an error that does not heal by itself; the loop goes on all the same.
   */
  readonly ready: Promise<void>;
  readonly #registrar: Registrar;
  readonly #options: RegistrationLoopOptions;
  readonly #closing = new AbortController();
  readonly #onAbort = { abort: () => void this.close() };
  readonly #ready = deferred<void>();
  readonly #running: Promise<void>;
  #isRegistered = false;
  #closed: Promise<void> | undefined;

  /**
   * @param registrar Where the server is registered.
   * @param options Clock, randomness, jitter, signal and events.
   */
  constructor(registrar: Registrar, options: RegistrationLoopOptions) {
    this.#registrar = registrar;
    this.#options = options;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // nobody need wait for it
    const first = registrar.renew(this.#closing.signal);
    this.tried = first.then(() => {});
    this.tried.catch(() => {});
    this.#running = this.#run(first);
    if (options.signal !== undefined) abortWith(options.signal, this.#onAbort);
  }

  /** Whether the server is registered, as far as is known. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  /**
   * Stops renewing, and deregisters the server if its place can be reached. Idempotent.
   *
   * @returns Resolves when nothing is left running. Never rejects.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    const { signal, closedError } = this.#options;
    if (signal !== undefined) releaseFrom(signal, this.#onAbort);
    const reason = closedError();
    this.#closing.abort(reason);
    this.#ready.reject(reason);
    await this.#running;
    this.#isRegistered = false;
    try {
      await this.#registrar.deregister();
    } catch (error) {
      this.#emit({ type: "failed", error });
    }
  }

  async #run(first: Promise<boolean>): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    let failures = 0;
    for (let renewed = first;; renewed = this.#registrar.renew(signal)) {
      let waitMs: number;
      try {
        const isNew = await renewed;
        failures = 0;
        this.#onRenewed(isNew);
        waitMs = this.#renewalWaitMs();
      } catch (error) {
        if (error === signal.reason) break; // closing has ended the try
        waitMs = this.#onFailed(error, failures++);
      }
      if (waitMs > 0) await sleep(clock, waitMs, signal);
      if (signal.aborted) break;
    }
  }

  #onRenewed(isNew: boolean): void {
    this.#isRegistered = true;
    this.#ready.resolve();
    if (isNew) this.#emit({ type: "registered" });
  }

  #renewalWaitMs(): number {
    const { random, jitter: { least, range } } = this.#options;
    return this.#registrar.renewAfterMs * (least + range * random());
  }

  /** Returns how long to wait until the next try. */
  #onFailed(error: unknown, failures: number): number {
    if (isLasting(error)) this.#ready.reject(error);
    const isLost = this.#registrar.isLost(error);
    if (isLost) this.#isRegistered = false;
    this.#emit({ type: isLost ? "lost" : "failed", error });
    if (isLost && failures === 0) return 0;
    return backoffMs(this.#registrar.backoff, failures, this.#options.random());
  }

  #emit(event: RegistrationEvent): void {
    tell(this.#options.onEvent, event);
  }
}
