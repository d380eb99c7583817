/**
 * What a server answers to HTTP: to CONNECT of a path, to the debug pages that Go's servers have, and
 * to whatever else a browser or a health check may ask.
 *
 * @module
 */

import { excerpt } from "../internal/excerpt.ts";
import { RpcError } from "../errors.ts";
import { CONNECT_PATHS } from "../protocol/connect_paths.ts";
import type { Protocol } from "../protocol/codec.ts";
import type { Services } from "./services.ts";

/** The paths of the pages that list the services, with the title of each. */
const DEBUG_PAGES: Readonly<Record<string, string>> = {
  "/debug/rpc": "Services",
  "/debug/geerpc": "GeeRPC Services",
};

/** The answer to a request, and what follows. */
export interface HttpAnswer {
  /** What is written. */
  readonly text: string;
  /** What is spoken from then on; `undefined` if the connection ends. */
  readonly protocol?: Protocol;
  /** Why the connection ends. */
  readonly error?: RpcError;
}

/**
 * Answers a request.
 *
 * @param head Its head.
 * @param services What the debug pages list.
 * @param ownPaths Further paths of CONNECT, with the protocol that each leads to.
 * @returns The answer.
 */
export function answerHttp(
  head: string,
  services: Services,
  ownPaths: Readonly<Record<string, Protocol>>,
): HttpAnswer {
  const [method, path = ""] = head.split(" ", 2);
  if (method !== "CONNECT") return answerPage(method, path, head, services);
  const known = CONNECT_PATHS.find((one) => one.path === path);
  const protocol = Object.hasOwn(ownPaths, path) ? ownPaths[path] : known?.protocol;
  if (protocol !== undefined) {
    const whose = protocol.startsWith("geerpc/") ? "Gee" : "Go";
    return { text: `HTTP/1.0 200 Connected to ${whose} RPC\n\n`, protocol };
  }
  const paths = [...CONNECT_PATHS.map((one) => one.path), ...Object.keys(ownPaths)].join(", ");
  return {
    text: response(
      "404 Not Found",
      "text/plain",
      `404 no RPC at this path; there is at ${paths}\n`,
    ),
    error: new RpcError("unimplemented", `HTTP CONNECT ${excerpt(path)} is not served here`),
  };
}

function answerPage(method: string, path: string, head: string, services: Services): HttpAnswer {
  const error = new RpcError("data_loss", `expected CONNECT, got ${excerpt(head)}`);
  const title = Object.hasOwn(DEBUG_PAGES, path) ? DEBUG_PAGES[path] : undefined;
  if (method !== "GET" || title === undefined) {
    return { text: response("405 Method Not Allowed", "text/plain", "405 must CONNECT\n"), error };
  }
  if (services.isGuarded) {
    return { text: response("403 Forbidden", "text/plain", "403 the list is not shown\n"), error };
  }
  const page = debugPage(title, services.names());
  return { text: response("200 OK", "text/html; charset=utf-8", page), error };
}

function response(status: string, type: string, body: string): string {
  const { length } = new TextEncoder().encode(body);
  return `HTTP/1.0 ${status}\nContent-Type: ${type}\nContent-Length: ${length}\n` +
    `X-Content-Type-Options: nosniff\nConnection: close\n\n${body}`;
}

/** The page as Go's servers have it, but without counts of calls, which nobody counts here. */
function debugPage(title: string, services: ReadonlyMap<string, readonly string[]>): string {
  let page = `<html>\n<body>\n<title>${title}</title>\n`;
  for (const [service, methods] of services) {
    page += `<hr>\nService ${escaped(service)}\n<hr>\n<table>\n<th align=center>Method</th>\n`;
    for (const method of methods) page += `<tr><td align=left>${escaped(method)}</td></tr>\n`;
    page += "</table>\n";
  }
  return `${page}</body>\n</html>\n`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
