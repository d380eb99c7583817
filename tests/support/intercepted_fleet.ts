/** Fleets in memory whose `XClient` has interceptors, and notes of what these see. */

import { type ClientInterceptor, type ClientInterceptors, RpcError } from "../../mod.ts";
import { type Case, withNodes } from "./fleet.ts";

/** Notes what happens, as `call(`, `1 a policy[`, `]a`. */
export function notes() {
  const seen: string[] = [];
  const name = (address: string) => address.split("@")[1];
  const note: ClientInterceptor = {
    async call(call, next) {
      seen.push("(");
      try {
        return await next(call);
      } finally {
        seen.push(`) ${call.attempts.map(({ address, why }) => `${name(address)} ${why}`).join()}`);
      }
    },
    async attempt(attempt, next) {
      const { number, address, why } = attempt;
      seen.push(`${number} ${name(address)} ${why} [`);
      try {
        const reply = await next(attempt);
        seen.push(`] ${name(address)}`);
        return reply;
      } catch (error) {
        seen.push(`] ${name(address)} ${error instanceof RpcError ? error.execution : error}`);
        throw error;
      }
    },
  };
  return { seen, note };
}

/** A test of a client of three servers, or of `count`. */
export function test(
  name: string,
  interceptors: ClientInterceptors,
  body: (made: Case) => Promise<void>,
  count = 3,
): void {
  Deno.test(name, () => withNodes(count, body, { interceptors }));
}
