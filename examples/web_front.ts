/**
 * A web front: HTTP on one side, a fleet on the other. What `web_front_deno.ts` and
 * `web_front_express.ts` share: which call a request becomes, and which answer an error.
 */

import { context, propagation } from "@opentelemetry/api";
import { credentials, type RpcCode, RpcError, XClient } from "@geerpc/xclient";
import { telemetry } from "@geerpc/xclient/telemetry";

/** The status of HTTP for each code: those that Google's APIs use for the codes of gRPC. */
export const HTTP_STATUS: Readonly<Record<RpcCode, number>> = {
  canceled: 499, // nobody sees it: the client has gone
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
};

/** No request waits longer, in milliseconds. */
const LONGEST_MS = 2000;

/** A request of HTTP, whichever framework has read it. */
export interface WebRequest {
  readonly method: string;
  /** The path of its URL. */
  readonly path: string;
  /** Its headers; the names are in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body's JSON; `undefined` if there is none. */
  readonly body?: unknown;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** An answer, to be sent as JSON. */
export interface WebAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** The front's end of the fleet: every call shows which program makes it, and is recorded. */
export function connect(endpoints: string[], token: () => Promise<string>): XClient {
  const recorded = telemetry();
  return new XClient(endpoints, {
    interceptors: [recorded, credentials(async () => ({ front: await token() }))],
    onEvent: recorded.onEvent,
  });
}

/** Makes the call that a request stands for. */
export async function answer(xclient: XClient, request: WebRequest): Promise<WebAnswer> {
  const call = callOf(request);
  if (call === undefined) return failure(404, "not_found", "there is nothing at this path");
  const { headers, signal } = request;
  const asked = Number(headers["x-timeout-ms"] ?? LONGEST_MS);
  const timeoutMs = asked >= 0 ? Math.min(asked, LONGEST_MS) : LONGEST_MS;
  // Who is at the browser is for the servers to judge: they know by `front` that we ask for it.
  const user = /^Bearer (\S+)$/i.exec(String(headers.authorization ?? ""))?.[1] ?? "";
  const { serviceMethod, args, idempotent } = call;
  const send = () =>
    xclient.call(serviceMethod, args, { signal, timeoutMs, idempotent, meta: { user } });
  try {
    // The request's trace, if it has one, goes on in the fleet.
    const trace = propagation.extract(context.active(), headers);
    return { status: 200, headers: {}, body: await context.with(trace, send) };
  } catch (error) {
    return failed(error);
  }
}

function callOf({ method, path, body }: WebRequest) {
  const [, id] = /^\/orders\/(\w+)$/.exec(path) ?? [];
  if (method === "GET" && id !== undefined) {
    return { serviceMethod: "Orders.Find", args: { id }, idempotent: true };
  }
  if (method === "POST" && path === "/orders") {
    return { serviceMethod: "Orders.Place", args: body, idempotent: false };
  }
  if (method === "DELETE" && id !== undefined) {
    return { serviceMethod: "Orders.Delete", args: { id }, idempotent: true };
  }
  return undefined;
}

function failed(error: unknown): WebAnswer {
  if (!(error instanceof RpcError)) return failure(499, "canceled", "the client has gone");
  const { code, message, execution, retryAfterMs } = error;
  // Credentials of our own that can't be had or sent are no fault of the browser's.
  const status = execution === "not_sent" && code === "unauthenticated" ? 500 : HTTP_STATUS[code];
  // What is wrong within the fleet is not for the web.
  const text = status >= 500 ? `the request has failed: ${code}` : message;
  const wait: Record<string, string> = retryAfterMs === undefined
    ? {}
    : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) };
  return failure(status, code, text, wait);
}

function failure(
  status: number,
  code: RpcCode,
  message: string,
  headers: Record<string, string> = {},
): WebAnswer {
  return { status, headers, body: { error: { code, message } } };
}
