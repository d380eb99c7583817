/**
 * The heartbeat by which a server stays in a registry.
 *
 * @module
 */

import { errorText, RpcError } from "../errors.ts";
import { Beat, Heart, type HeartbeatEvent, type HeartbeatOptions } from "./heart.ts";
import { registryUrls } from "./protocol.ts";

export type { HeartbeatEvent, HeartbeatOptions };

/**
 * Keeps a server in a registry, or in several: it registers at once, beats, and
 * takes the server out when it is closed. While a registry does not answer it
 * goes on trying, so a registry may start later than its servers, and may
 * restart: the next beat registers anew.
 *
 * Close it before the server, so that new calls go elsewhere while the last
 * ones end.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Server } from "@geerpc/xclient";
 * import { Heartbeat, Registry } from "@geerpc/xclient/registry";
 *
 * const registry = new Registry();
 * const fetch = (url: string, init: RequestInit) =>
 *   Promise.resolve(registry.fetch(new Request(url, init)));
 *
 * const server = new Server();
 * server.register("Echo", { Say: (text: string) => text });
 * const listener = await server.listen("tcp@127.0.0.1:0");
 * const heartbeat = new Heartbeat("http://registry:9999", listener.address, { fetch });
 * await heartbeat.registered;
 * assertEquals(registry.servers, [listener.address]);
 *
 * await heartbeat.close();
 * await server.close();
 * assertEquals(registry.servers, []);
 * await registry.close();
 * ```
 */
export class Heartbeat implements AsyncDisposable {
  /**
   * Resolves when the first registry lists the server, however long that takes;
   * rejects if it is closed before that.
   */
  readonly registered: Promise<void>;
  /** The server's address. */
  readonly address: string;
  readonly #hearts: readonly Heart[];
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => void this.close();
  #closed: Promise<void> | undefined;

  /**
   * Begins to beat.
   *
   * @param registry The registry's URL, or several: the server is registered with each.
   * @param address Where clients reach the server, with metadata if wanted.
   * @param options How often, and for how long.
   * @throws {RpcError} `invalid_argument` for an address that can't be registered.
   * @throws {TypeError} If the registry is no http or https URL.
   * @throws {RangeError} If a duration is not above 0.
   * @throws The signal's reason, if it has aborted.
   */
  constructor(
    registry: string | readonly string[],
    address: string,
    options: HeartbeatOptions = {},
  ) {
    options.signal?.throwIfAborted();
    const urls = registryUrls(registry);
    const beat = new Beat(address, options);
    this.address = address;
    this.#hearts = urls.map((url) => new Heart(url, beat));
    this.registered = Promise.any(this.#hearts.map((heart) => heart.registered))
      .catch((error: AggregateError) => Promise.reject(error.errors[0]));
    this.registered.catch(() => {}); // for those who wait for it
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort);
  }

  /**
   * What the first beat at each registry came to.
   *
   * @returns Resolves if at least one registry took it.
   * @throws {RpcError} `unavailable`, or `invalid_argument` if a registry found
   * fault with the address; it names every registry.
   */
  async tried(): Promise<void> {
    const tries = await Promise.allSettled(this.#hearts.map((heart) => heart.tried));
    const errors = tries.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
    if (errors.length < tries.length) return;
    if (errors.length === 1) throw errors[0];
    const message = errors.map(errorText).join("; ");
    const cause = new AggregateError(errors);
    throw new RpcError("unavailable", message, { execution: "not_sent", cause });
  }

  /**
   * Takes the server out of every registry that can be reached, and beats no
   * more. Go's registries know no taking out: there the lease runs out. Idempotent.
   *
   * @returns Resolves when it is over; it does not fail.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** Closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const message = `the heartbeat of ${this.address} is closed`;
    const reason = this.#signal?.aborted
      ? this.#signal.reason
      : new RpcError("canceled", message, { execution: "not_sent" });
    await Promise.all(this.#hearts.map((heart) => heart.stop(reason)));
  }
}

/**
 * Registers a server and keeps it registered.
 *
 * @param registry The registry's URL, or several: the server is registered with each.
 * @param address Where clients reach the server, with metadata if wanted.
 * @param options How often to beat, and for how long a beat lasts.
 * @returns The heartbeat, when a registry lists the server. Close it before the server.
 * @throws {RpcError} `unavailable` if no registry answers, naming each;
 * `invalid_argument` for an address that can't be registered. Nothing beats
 * then; `new Heartbeat` goes on trying instead.
 * @throws The signal's reason, if it aborts.
 *
 * @example
 * ```ts ignore
 * const listener = await server.listen("tcp@10.0.0.5:9001");
 * const heartbeat = await register("http://registry:9999", listener.address);
 * // … until the program is asked to end:
 * await heartbeat.close();
 * await server.close();
 * ```
 */
export async function register(
  registry: string | readonly string[],
  address: string,
  options: HeartbeatOptions = {},
): Promise<Heartbeat> {
  const heartbeat = new Heartbeat(registry, address, options);
  try {
    await heartbeat.tried();
    options.signal?.throwIfAborted();
  } catch (error) {
    await heartbeat.close();
    options.signal?.throwIfAborted();
    throw error;
  }
  return heartbeat;
}
