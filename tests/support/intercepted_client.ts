/** A client with interceptors, of a server in memory that tells what came. */

import type { CallContext, ClientCall, ClientInterceptors, Next } from "../../mod.ts";
import type { Client } from "../../client.ts";
import { inWorld, type Site, withStillDate, type World } from "./helpers.ts";

/** A function that stands around calls. */
export type Around = (call: ClientCall, next: Next<ClientCall>) => unknown;

/** A client with interceptors, of a server that tells what came. */
export async function scene(world: World, interceptors: ClientInterceptors) {
  const came: { args: unknown; meta: Readonly<Record<string, string>> }[] = [];
  let rejections = 0;
  const site = await world.serve("a", {}, {
    My: {
      Echo: (args: unknown, { meta }: CallContext) => {
        came.push({ args, meta: { ...meta } });
        return args;
      },
      Reject: (times: number, ctx: CallContext) => {
        came.push({ args: times, meta: { ...ctx.meta } });
        if (rejections++ < times) throw ctx.reject("not now", "unauthenticated");
        return "done";
      },
    },
  });
  const client = await world.dial(site.address, { interceptors });
  return { client, site, came };
}

/** A test with such a client, on a clock that stands still. */
export function test(
  name: string,
  interceptors: ClientInterceptors,
  body: (
    made: Awaited<ReturnType<typeof scene>> & { world: World; client: Client; site: Site },
  ) => Promise<void>,
): void {
  Deno.test(name, () =>
    withStillDate(() =>
      inWorld(async (world) => {
        const made = await scene(world, interceptors);
        await body({ ...made, world });
        await made.client.close();
      })
    ));
}

/** What interceptors of tests throw. */
export const OUCH = new Error("ouch");
