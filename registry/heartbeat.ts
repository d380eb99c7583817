/**
 * The heartbeat that keeps a server registered with registries.
 *
 * @module
 */

import { systemClock } from "../clock.ts";
import { RegistrationLoop } from "../discovery/registration_loop.ts";
import { errorText, RpcError } from "../errors.ts";
import type { HeartbeatOptions } from "./options.ts";
import { registryEndpoints } from "./protocol.ts";
import { registrationSettings, RegistryRegistrar } from "./registrar.ts";
import { checkTokenUse } from "./token.ts";

/** A heartbeat comes up to a tenth early, so that a fleet's are not all at once. */
const JITTER = { least: 0.9, range: 0.1 };

/**
 * Keeps a server registered with a registry, or with several: it registers the
 * server at once, renews the registration in time, and deregisters the server
 * when it is closed. While a registry does not answer it keeps trying, so a
 * registry may start later than its servers, and may restart: the next
 * heartbeat registers the server again.
 *
 * Close it before the server, so that new calls go elsewhere while the last
 * calls end.
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
   * Resolves when the first registry lists the server, however long that takes.
   * Rejects if the heartbeat is closed before, and as soon as every registry has
   * failed with what does not heal by itself: the address, the owner or the user is
   * refused, or a certificate is not trusted. It is tried again all the same.
   */
  readonly registered: Promise<void>;
  /** The server's address. */
  readonly address: string;
  readonly #registrations: readonly RegistrationLoop[];

  /**
   * Begins to register the server.
   *
   * @param registry The registry's URL, or several: the server is registered with each.
   * @param address Where clients reach the server, with or without metadata.
   * @param options How often, and for how long.
   * @throws {RpcError} `invalid_argument` if the address can't be registered.
   * @throws {TypeError} If a registry is no http or https URL, the owner's secret is none,
   * or a token would be sent in the clear.
   * @throws {RangeError} If a duration is not above 0.
   * @throws The signal's reason, if it has aborted.
   */
  constructor(
    registry: string | readonly string[],
    address: string,
    options: HeartbeatOptions = {},
  ) {
    const { signal, clock = systemClock, random = Math.random, onEvent } = options;
    signal?.throwIfAborted();
    const registries = registryEndpoints(registry);
    const settings = registrationSettings(address, clock, options);
    checkTokenUse(registries, options);
    const newClosedError = () =>
      new RpcError("canceled", `the heartbeat of ${address} is closed`, { execution: "not_sent" });
    this.address = address;
    this.#registrations = registries.map((registry) =>
      new RegistrationLoop(new RegistryRegistrar(registry, settings), {
        clock,
        random,
        jitter: JITTER,
        signal,
        closedError: () => signal?.aborted ? signal.reason : newClosedError(),
        onEvent: onEvent &&
          ((event) =>
            event.type !== "lost" && onEvent(Object.freeze({ ...event, url: registry.url }))),
      })
    );
    this.registered = Promise.any(this.#registrations.map(({ ready }) => ready))
      .catch((error: AggregateError) => Promise.reject(error.errors[0]));
    this.registered.catch(() => {}); // nobody need wait for it
  }

  /**
   * Waits for the first try at each registry.
   *
   * @returns Resolves if at least one registry lists the server.
   * @throws {RpcError} `unavailable`; of an only registry `invalid_argument`,
   * `unauthenticated` or `permission_denied` if it refuses. It names every registry.
   */
  async tried(): Promise<void> {
    const tries = await Promise.allSettled(this.#registrations.map(({ tried }) => tried));
    const errors = tries.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
    if (errors.length < tries.length) return;
    if (errors.length === 1) throw errors[0];
    const message = errors.map(errorText).join("; ");
    const cause = new AggregateError(errors);
    throw new RpcError("unavailable", message, { execution: "not_sent", cause });
  }

  /**
   * Deregisters the server from every registry that can be reached, and sends no
   * more heartbeats. Go's registries can't deregister: there the lease expires.
   * Idempotent.
   *
   * @returns Resolves when nothing is left running. Never rejects.
   */
  async close(): Promise<void> {
    await Promise.all(this.#registrations.map((one) => one.close()));
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Registers a server and keeps it registered.
 *
 * @param registry The registry's URL, or several: the server is registered with each.
 * @param address Where clients reach the server, with or without metadata.
 * @param options How often, and for how long.
 * @returns The heartbeat, when a registry lists the server. Close it before the server.
 * @throws {RpcError} `unavailable` if no registry answers, naming each;
 * `invalid_argument` if the address can't be registered. Nothing is left running
 * then; `new Heartbeat` keeps trying instead.
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
