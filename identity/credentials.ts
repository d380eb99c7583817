/**
 * Credentials: what a client sends with its calls so that servers know who calls.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import { codeOf, errorText, RpcError } from "../errors.ts";
import type {
  ClientAttempt,
  ClientCall,
  ClientInterceptor,
  Next,
} from "../connection/interceptor.ts";
import { isLoopback } from "../internal/loopback.ts";
import { callback, checkOptions, type Checks, flag, textByName } from "../internal/options.ts";

/** Metadata that shows who calls; `undefined` if a call needs none. */
export type Credentials = Readonly<Record<string, string>> | undefined;

/** How credentials may be sent. */
export interface CredentialsOptions {
  /**
   * Whether they may be sent to another machine without TLS, where everyone on the
   * way can read and use them. Default `false`: such a call fails.
   */
  insecure?: boolean;
}

const CREDENTIALS_CHECKS: Checks<CredentialsOptions> = { insecure: flag };

/**
 * Makes an interceptor that sends credentials with every call, as part of its
 * metadata. They go along with each attempt; where a call has metadata of the
 * same name, the credentials count.
 *
 * If they can't be had the call fails as `unauthenticated`, or with the code of
 * the `RpcError` that `get` has thrown, and is `not_sent`. It also fails as
 * `unauthenticated`, `not_sent` where they would be sent to another machine
 * without TLS: only `tls@`, `unix@` and `memory@` addresses and those of loopback
 * will do, unless `insecure` is set. Only the protocol `geerpc/json` has metadata.
 *
 * @param get Returns the metadata, or a promise of it. It is called for each call,
 * and so decides itself how long to keep what it has; the call waits for it, within
 * its deadline.
 * @param options Whether they may be sent in the clear.
 * @returns The interceptor.
 * @throws {TypeError} If `get` is no function, or an option does not exist or is of the wrong type.
 *
 * @example A token that is fetched again a minute before it expires
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type CallContext, credentials, Server, XClient } from "@geerpc/xclient";
 *
 * const fetchToken = () => Promise.resolve({ token: "secret", expiresAtMs: Date.now() + 3_600_000 });
 * let current: ReturnType<typeof fetchToken> | undefined;
 * async function token(): Promise<string> {
 *   const asked = current ??= fetchToken(); // once for all calls that wait for it
 *   const expired = () => {
 *     if (current === asked) current = undefined;
 *   };
 *   const { token, expiresAtMs } = await asked.catch((error) => {
 *     expired(); // the next call asks again
 *     throw error;
 *   });
 *   if (Date.now() > expiresAtMs - 60_000) expired();
 *   return token;
 * }
 *
 * await using server = new Server();
 * server.register("Who", { Am: (_args: unknown, ctx: CallContext) => ctx.meta.token });
 * const { address } = await server.listen("tcp@127.0.0.1:0");
 * await using xclient = new XClient([address], {
 *   interceptors: [credentials(async () => ({ token: await token() }))],
 * });
 * assertEquals(await xclient.call("Who.Am"), "secret");
 * ```
 */
export function credentials(
  get: (call: ClientCall) => Credentials | Promise<Credentials>,
  options: CredentialsOptions = {},
): ClientInterceptor {
  callback("get", get);
  checkOptions("credentials", options, CREDENTIALS_CHECKS);
  return new CallCredentials(get, options.insecure ?? false);
}

class CallCredentials implements ClientInterceptor {
  readonly #get: (call: ClientCall) => Credentials | Promise<Credentials>;
  readonly #isInsecure: boolean;
  readonly #ofCalls = new WeakMap<ClientCall, NonNullable<Credentials>>();

  constructor(get: (call: ClientCall) => Credentials | Promise<Credentials>, isInsecure: boolean) {
    this.#get = get;
    this.#isInsecure = isInsecure;
  }

  async call(call: ClientCall, next: Next<ClientCall>): Promise<unknown> {
    const given = await this.#credentialsOf(call);
    if (given === undefined) this.#ofCalls.delete(call);
    else this.#ofCalls.set(call, given);
    return await next(call);
  }

  attempt(attempt: ClientAttempt, next: Next<ClientAttempt>): Promise<unknown> {
    const { call, address, meta } = attempt;
    const given = this.#ofCalls.get(call);
    if (given === undefined) return next(attempt);
    if (!this.#isInsecure && isReadable(address)) {
      const { serviceMethod } = call;
      throw new RpcError(
        "unauthenticated",
        `${address}: the credentials of ${serviceMethod} would be sent in the clear: use a tls@ ` +
          "address, or credentials with insecure: true if nobody else can read what is sent there",
        { address, serviceMethod, execution: "not_sent" },
      );
    }
    Object.assign(meta, given);
    return next(attempt);
  }

  async #credentialsOf(call: ClientCall): Promise<Credentials> {
    const { serviceMethod, signal } = call;
    try {
      const given = await this.#get(call) ?? undefined;
      if (given !== undefined) textByName("credentials", given);
      return given;
    } catch (error) {
      if (signal?.aborted && error === signal.reason) throw error; // the caller's own
      const code = codeOf(error);
      throw new RpcError(
        code === "unknown" ? "unauthenticated" : code,
        `the credentials of ${serviceMethod} can't be had: ${errorText(error)}`,
        { serviceMethod, execution: "not_sent", cause: error },
      );
    }
  }
}

/** Whether others may read what is sent to an address. */
function isReadable(address: string): boolean {
  const { scheme, hostname } = parseAddress(address);
  return (scheme === "tcp" || scheme === "http") && !isLoopback(hostname);
}
