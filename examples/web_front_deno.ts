/**
 * A web front on Deno: `FRONT_TOKEN=… deno run -A examples/web_front_deno.ts tcp@10.0.0.1:9001 …`.
 * With `OTEL_DENO=1` it exports its traces and metrics by OTLP.
 */

import type { XClient } from "@geerpc/xclient";
import { answer, connect } from "./web_front.ts";

/** Answers requests, for `Deno.serve`. */
export function webFront(xclient: XClient): (request: Request) => Promise<Response> {
  return async (request) => {
    const { method, headers, signal } = request;
    const text = await request.text();
    let body;
    try {
      body = text === "" ? undefined : JSON.parse(text);
    } catch {
      return Response.json({ error: "the body is no JSON" }, { status: 400 });
    }
    const path = new URL(request.url).pathname;
    const given = { method, path, headers: Object.fromEntries(headers), body, signal };
    const { body: reply, ...how } = await answer(xclient, given);
    return Response.json(reply ?? null, how);
  };
}

if (import.meta.main) {
  const token = () => Promise.resolve(Deno.env.get("FRONT_TOKEN") ?? "");
  Deno.serve({ port: 8080 }, webFront(connect(Deno.args, token)));
}
