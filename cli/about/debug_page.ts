/**
 * What servers in Go tell of themselves on their debug page, `/debug/rpc` or `/debug/geerpc`.
 *
 * @module
 */

import { parseAddress } from "../../address.ts";
import { errorText } from "../../errors.ts";
import { TimeLimit } from "../../internal/time.ts";
import type { Surroundings } from "../surroundings.ts";

/** One service of the page. */
export interface ListedService {
  readonly name: string;
  readonly methods: readonly {
    readonly name: string;
    readonly args: string;
    readonly reply: string;
    /** How many calls there were; absent where nobody counts. */
    readonly calls?: number;
  }[];
}

const GO = "/debug/rpc";
const GEERPC = "/debug/geerpc";
const MOST = 1 << 20;
const TIMEOUT_MS = 3000;

/**
 * Reads the page.
 *
 * @param address The server: its HTTP is at the same host and port.
 * @param protocol What it speaks: one server may have both pages.
 * @returns The services, and the page's URL.
 * @throws {Error} If there is none, saying why.
 */
export async function readDebugPage(
  address: string,
  protocol: string | undefined,
  { fetch, clock, interrupted }: Surroundings,
): Promise<{ readonly url: string; readonly services: readonly ListedService[] }> {
  const { scheme, hostname, port, metadata } = parseAddress(address);
  if (scheme === "unix" || scheme === "memory") {
    throw new Error(`its debug page can't be read over ${scheme}@`);
  }
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const failures: string[] = [];
  const isGo = (metadata.protocol ?? protocol ?? "").startsWith("netrpc/");
  for (const path of isGo ? [GO, GEERPC] : [GEERPC, GO]) {
    const url = `${scheme === "tls" ? "https" : "http"}://${host}:${port}${path}`;
    const limit = new TimeLimit({ clock, signal: interrupted });
    limit.set(TIMEOUT_MS, () => new Error(`no answer within ${TIMEOUT_MS} ms`));
    try {
      const response = await limit.race(fetch(url, { signal: limit.signal, redirect: "error" }));
      const text = await limit.race(bounded(response));
      if (response.ok) {
        const services = servicesIn(text);
        if (services.length > 0) return { url, services };
      }
      failures.push(`${path} answers ${response.status}`);
    } catch (error) {
      failures.push(`${path}: ${errorText(error)}`);
    } finally {
      limit.end();
    }
  }
  throw new Error(`it has no debug page (${failures.join("; ")})`);
}

async function bounded(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MOST) throw new Error("the page is longer than 1 MiB");
  }
  return text;
}

/**
 * The services that a debug page lists.
 *
 * @param page HTML, as Go's template for it makes it.
 */
export function servicesIn(page: string): ListedService[] {
  const parts = page.split(/<hr>\s*Service\s+/).slice(1);
  return parts.map((part) => {
    const name = unescaped(/^[^\s<]*/.exec(part)![0]);
    const rows = part.matchAll(
      /<td[^>]*>\s*([^<(\s]+)(?:\(([^]*?)\)\s*error)?\s*<\/td>(?:\s*<td[^>]*>\s*(\d+)\s*<\/td>)?/g,
    );
    const methods = [...rows].map(([, method, types = "", calls]) => {
      const [args, reply] = halves(unescaped(types));
      return {
        name: unescaped(method),
        args,
        reply: reply.replace(/^\*/, ""), // the reply is always a pointer
        ...(calls === undefined ? {} : { calls: Number(calls) }),
      };
    });
    return { name, methods };
  });
}

/** The two types between parentheses: a type may have commas of its own, in brackets. */
function halves(types: string): [string, string] {
  let depth = 0;
  for (let at = 0; at < types.length; at++) {
    if ("([{".includes(types[at])) depth++;
    else if (")]}".includes(types[at])) depth--;
    else if (types[at] === "," && depth === 0) {
      return [types.slice(0, at).trim(), types.slice(at + 1).trim()];
    }
  }
  return [types.trim(), ""];
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|(\w+));/g, (all, code, name) => {
    return code !== undefined ? String.fromCodePoint(Number(code)) : ENTITIES[name] ?? all;
  });
}
