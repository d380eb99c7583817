/** Servers in memory with an authorizer, and what those are told whom it does not let in. */

import {
  authorize,
  type AuthorizeOptions,
  type Authorizer,
  type CallContext,
  type Client,
  dial,
  type Identify,
  type Rules,
  Server,
  type ServerOptions,
} from "../../mod.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { MemoryNetwork } from "../../testing.ts";

/** Who may call. */
export interface User {
  readonly name: string;
  readonly isAdmin?: boolean;
}
/** The users by their tokens. */
export const USERS = new Map<string, User>([
  ["ann's", { name: "Ann" }],
  ["root's", { name: "Root", isAdmin: true }],
]);
/** Takes the caller for whom its token is. */
export const byToken: Identify<User> = ({ context }) => USERS.get(context.meta.token);
/** A rule of each kind. */
export const RULES: Rules<User> = {
  "Health.Check": "anyone",
  "Users.*": "authenticated",
  "Users.Delete": (user) => user.isAdmin === true,
  "Users.Own": (user, { args }) => (args as { name: string }).name === user.name,
  "Admin.*": "nobody",
};

/** A server with an authorizer, which lists what has run. */
export class Guarded {
  readonly network = new MemoryNetwork();
  readonly ran: string[] = [];
  readonly server: Server;

  constructor(readonly authorizer: Authorizer<User>, options: ServerOptions = {}) {
    const method = (_args: unknown, ctx: CallContext) => {
      const who = authorizer.principal(ctx)?.name ?? "a stranger";
      this.ran.push(`${ctx.serviceMethod} by ${who}`);
      return who;
    };
    this.server = new Server({ interceptors: [authorizer], ...options });
    this.server.register("Health", { Check: method });
    this.server.register("Users", { Find: method, Delete: method, Own: method });
    this.server.register("Admin", { Stop: method });
    this.server.register("Unlisted", { Do: method });
  }

  async client(protocol: Protocol = "geerpc/json"): Promise<Client> {
    const address = `memory@${protocol}`;
    await this.server.listen(address, { network: this.network, protocol }).catch(() => {});
    return await dial(address, { network: this.network, protocol });
  }
}

/** A test with a server of these users and rules, which nothing may reach that `ran` does not list. */
export async function guarded(
  body: (guarded: Guarded) => Promise<void>,
  { identify = byToken, rules = RULES, ...options }:
    & { identify?: Identify<User>; rules?: Rules<User> }
    & AuthorizeOptions = {},
): Promise<void> {
  const one = new Guarded(authorize(identify, rules, options));
  await body(one);
  await one.server.close();
}

/** What a caller is told that is not known. */
export const unauthenticated = (method: string) =>
  ({
    code: "unauthenticated",
    execution: "rejected",
    message: `who calls is not known, but has to be for ${method}`,
  }) as const;
/** What a caller is told that is known, and may not. */
export const denied = (method: string) =>
  ({
    code: "permission_denied",
    execution: "rejected",
    message: `you may not call ${method}`,
  }) as const;
