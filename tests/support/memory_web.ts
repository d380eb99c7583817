/** A web in memory, for the tests of the registry: its origins answer, hang or are down. */

import { setImmediate } from "node:timers";
import { assertEquals } from "@std/assert";
import { Registry, type RegistryOptions } from "../../registry.ts";
import { FakeClock } from "../../testing.ts";

/** Something that answers requests. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** What an origin may do instead of answering. */
export type Trouble = "down" | "hangs";

/** The origin of the registry in most tests. */
export const ORIGIN = "http://registry:9999";
/** The URL of its protocol. */
export const REGISTRY = `${ORIGIN}/_geerpc_/registry`;

/** The header of a request that shows a token. */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Waits for turns of the event loop, until everything that is in flight has arrived. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Origins in memory, and one clock. */
export class MemoryWeb {
  readonly clock = new FakeClock();
  /** Every request that was made, as `GET http://…`. */
  readonly requests: string[] = [];
  readonly #origins = new Map<string, Handler | Trouble>();
  readonly #bodies = new Map<() => void, string>();
  readonly #registries: Registry[] = [];

  /** How many bodies were neither read to their end nor cancelled. */
  get open(): number {
    return this.#bodies.size;
  }

  /** Puts something at an origin; trouble cuts the answers that are in flight. */
  at(origin: string, what: Handler | Trouble): void {
    this.#origins.set(origin, what);
    if (typeof what === "string") {
      for (const [cut, from] of [...this.#bodies]) if (from === origin) cut();
    }
  }

  /** Starts a registry, or another in its place. */
  registry(options: RegistryOptions = {}, origin = ORIGIN): Registry {
    const registry = new Registry({ clock: this.clock, ...options });
    this.#registries.push(registry);
    this.at(origin, "down");
    this.at(origin, registry.fetch);
    return registry;
  }

  /** Stands for the platform's `fetch`. */
  readonly fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    this.requests.push(`${init.method ?? "GET"} ${url}`);
    const { origin } = new URL(url);
    const { signal } = init;
    signal?.throwIfAborted();
    await Promise.resolve();
    const what = this.#origins.get(origin) ?? "down";
    if (what === "down") throw new TypeError("connection refused");
    if (what === "hangs") {
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
    }
    const { method, headers } = init;
    const response = await what(new Request(url, { method, headers }));
    const { status, body } = response;
    if (body === null) return response;
    return new Response(this.#carry(body, origin, signal), { status, headers: response.headers });
  };

  /** Asks as Go's client does. */
  async list(url = REGISTRY): Promise<string | null> {
    return (await this.fetch(url)).headers.get("X-Geerpc-Servers");
  }

  /** Registers as Go's server does. */
  async post(server: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await this.fetch(REGISTRY, {
      method: "POST",
      headers: { "X-Geerpc-Server": server, ...headers },
    });
    await response.body?.cancel();
    return response.status;
  }

  /** Closes the registries, and checks that nothing is left. */
  async end(): Promise<void> {
    await settle();
    for (const registry of this.#registries) await registry.close();
    await settle();
    assertEquals(this.open, 0, "answers are left");
    assertEquals(this.clock.timers, 0, "timers are left");
  }

  #carry(
    body: ReadableStream<Uint8Array>,
    origin: string,
    signal: AbortSignal | null | undefined,
  ): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    let over = (_error?: unknown) => {};
    const onAbort = () => over(signal!.reason);
    const cut = () => over(new TypeError("connection reset"));
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        over = (error) => {
          if (!this.#bodies.delete(cut)) return;
          signal?.removeEventListener("abort", onAbort);
          if (error === undefined) return;
          controller.error(error);
          reader.cancel().catch(() => {});
        };
        this.#bodies.set(cut, origin);
        signal?.addEventListener("abort", onAbort);
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (!this.#bodies.has(cut)) return;
        if (!done) return controller.enqueue(value);
        over();
        controller.close();
      },
      cancel: async () => {
        over();
        await reader.cancel();
      },
    });
  }
}

/** Runs a test in a web; afterwards nothing may be left of it. */
export async function inWeb(body: (web: MemoryWeb) => Promise<void>): Promise<void> {
  const web = new MemoryWeb();
  await body(web);
  await web.end();
}
