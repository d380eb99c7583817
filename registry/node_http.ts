/**
 * The registry behind `node:http`: a fetch handler that answers Node's requests.
 *
 * @module
 */

import { readCertificate } from "../net/certificate.ts";
import type { PeerCertificate } from "../transport.ts";
import type { Credentials } from "./access.ts";

/** The part of `node:http`'s `IncomingMessage` that is used. */
export interface NodeRequest {
  /** GET, POST, … */
  readonly method?: string;
  /** The path; the whole URL in a request that was meant for a proxy. */
  readonly url?: string;
  /** The headers; their names are in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The connection; one of `node:https` knows its client's certificate. */
  readonly socket?: object;
  /** Reads the body and drops it. */
  resume(): unknown;
}

/** The part of `node:http`'s `ServerResponse` that is used. */
export interface NodeResponse {
  /** Sends status and headers. */
  writeHead(status: number, headers: Record<string, string>): unknown;
  /** Sends a part of the body. Returns `false` if "drain" is to be waited for. */
  write(chunk: Uint8Array): boolean;
  /** Ends the body. */
  end(): unknown;
  /** Adds a listener. */
  on(event: "close" | "drain", listener: () => void): unknown;
  /** Removes a listener. */
  off(event: "close" | "drain", listener: () => void): unknown;
}

/**
 * Answers a request of `node:http` by a fetch handler that reads no body.
 *
 * @param fetch The handler.
 * @param request The request.
 * @param response Gets the handler's answer.
 * @returns Resolves when the answer has been sent, or the client has gone.
 */
export async function answerNode(
  fetch: (request: Request, by: Credentials) => Response,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  request.resume();
  const answer = answerTo(fetch, request);
  response.writeHead(answer.status, Object.fromEntries(answer.headers));

  const reader = answer.body?.getReader();
  const gone = () => void reader?.cancel();
  response.on("close", gone);
  for (;;) {
    const { done, value } = await reader?.read() ?? { done: true };
    if (done) break;
    if (!response.write(value!)) await drained(response);
  }
  response.off("close", gone);
  response.end();
}

function answerTo(
  fetch: (request: Request, by: Credentials) => Response,
  from: NodeRequest,
): Response {
  let request: Request;
  try {
    const headers = new Headers();
    for (const [name, value] of Object.entries(from.headers)) {
      if (value !== undefined && !name.startsWith(":")) headers.set(name, String(value));
    }
    const { method, url = "/" } = from;
    const host = from.headers.host ?? from.headers[":authority"] ?? "localhost";
    const target = url.startsWith("/") ? `http://${host}${url}` : url; // a whole URL, as for a proxy
    request = new Request(target, { method, headers });
  } catch {
    return new Response("this is no request that fetch knows\n", { status: 400 }); // such as TRACE
  }
  return fetch(request, { headers: request.headers, certificate: certificateOf(from.socket) });
}

/** What Node's TLS knows of the other side. */
interface NodeTlsSocket {
  /** Whether the other side's certificate is signed by an authority that is trusted. */
  readonly authorized?: unknown;
  /** Has no properties if there is no certificate. */
  getPeerCertificate?(): { readonly raw?: Uint8Array; readonly fingerprint256?: string };
}

/** The certificate of a connection's client, if TLS has verified it. */
function certificateOf(socket: NodeTlsSocket | undefined): PeerCertificate | undefined {
  if (socket?.authorized !== true) return undefined;
  const { raw, fingerprint256 } = socket.getPeerCertificate?.() ?? {};
  if (raw === undefined || fingerprint256 === undefined) return undefined;
  try {
    const certificate = readCertificate(raw, fingerprint256);
    const nowMs = Date.now();
    // A connection and a session may outlive it.
    const isValid = Number(certificate.validFrom) <= nowMs && nowMs < Number(certificate.validTo);
    return isValid ? certificate : undefined;
  } catch {
    return undefined; // nobody can be told by it
  }
}

/** Resolves when more can be written, or the connection is closed. */
function drained(response: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      response.off("drain", end);
      response.off("close", end);
      resolve();
    };
    response.on("drain", end);
    response.on("close", end);
  });
}
