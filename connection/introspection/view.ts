/**
 * What a server tells of itself, as its clients see it.
 *
 * @module
 */

import type { CallOptions } from "../../internal/service.ts";
import {
  fromWire,
  INTROSPECTION_SERVICE,
  noReport,
  type ServerDescription,
  type ServerFigures,
  type ServiceStatus,
} from "./reports.ts";

/** What makes calls: a `Client`, or an `XClient`, whose calls go to any of its servers. */
export interface Caller<Options extends CallOptions = CallOptions> {
  /** Calls a method. */
  call(serviceMethod: string, args?: unknown, options?: Options): Promise<unknown>;
}

/** What a server tells of itself. */
export interface Introspector<Options extends CallOptions = CallOptions> {
  /**
   * Asks whether the server, or one of its services, takes calls.
   *
   * @param service The service's name. Default: the server as a whole.
   * @param options As for any call.
   * @throws {RpcError} `not_found` if it has no such service, `unimplemented` if it
   * does not tell us.
   */
  check(service?: string, options?: Options): Promise<ServiceStatus>;
  /**
   * Asks what the server is and offers. Frozen.
   *
   * @param options As for any call.
   * @throws {RpcError} `unimplemented` if it does not tell us.
   */
  describe(options?: Options): Promise<ServerDescription>;
  /**
   * Asks for the server's figures. Frozen.
   *
   * @param options As for any call.
   * @throws {RpcError} `unimplemented` if it does not tell us.
   */
  figures(options?: Options): Promise<ServerFigures>;
}

/**
 * Asks a server about itself: whether it takes calls, what it offers, and its figures. It
 * tells whom its option `introspection` allows, by default peers on its own machine. Works
 * on every protocol, and for a server of this library only: others know no such methods.
 * Don't ask a server of Go's GeeRPC on a connection with other calls: an unknown method may
 * end it.
 *
 * @typeParam Options The options of the client's calls.
 * @param client A `Client`, or an `XClient`.
 * @returns The methods.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { dial, introspect, Server } from "@geerpc/xclient";
 *
 * const server = new Server();
 * server.register("Echo", { Say: (text: string) => text });
 * const listener = await server.listen("tcp@127.0.0.1:0");
 *
 * await using client = await dial(listener.address);
 * const about = introspect(client);
 * assert(await about.check("Echo") === "serving");
 * assert((await about.describe()).services[0].methods[0].name === "Say");
 * assert((await about.figures()).connections === 1);
 * await server.close();
 * ```
 */
export function introspect<Options extends CallOptions = CallOptions>(
  client: Caller<Options>,
): Introspector<Options> {
  const ask = (method: string, args: unknown, options: Options | undefined) =>
    client.call(`${INTROSPECTION_SERVICE}.${method}`, args, options);
  return {
    async check(service = "", options) {
      const reply = await ask("Check", { Service: service }, options);
      const { status } = fromWire(reply) as { status?: ServiceStatus };
      if (status === "serving" || status === "not_serving") return status;
      throw noReport();
    },
    describe: async (options) =>
      fromWire(await ask("Describe", undefined, options), "services") as ServerDescription,
    figures: async (options) =>
      fromWire(await ask("Figures", undefined, options), "latencies") as ServerFigures,
  };
}
