/** A discovery from a registry in memory, and the events of it. */

import { assertEquals } from "@std/assert";
import {
  RegistryDiscovery,
  type RegistryDiscoveryOptions,
  type SourceEvent,
} from "../../registry.ts";
import { inWeb, type MemoryWeb, ORIGIN, settle } from "./memory_web.ts";

/** A discovery in a web, and its events. */
export class Watched {
  readonly discovery: RegistryDiscovery;
  readonly events: SourceEvent[] = [];

  constructor(
    web: MemoryWeb,
    options: RegistryDiscoveryOptions = {},
    url: string | string[] = ORIGIN,
  ) {
    this.discovery = new RegistryDiscovery(url, {
      fetch: web.fetch,
      clock: web.clock,
      random: () => 0.5,
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  get current(): readonly string[] | undefined {
    return this.discovery.current;
  }

  /** The types of the events since the last call. */
  take(): string[] {
    return this.events.splice(0).map(({ type }) => type);
  }
}

/** A test with a discovery; afterwards nothing may be left of it. */
export function withDiscovery(
  name: string,
  body: (web: MemoryWeb, watched: Watched) => Promise<void>,
  options: RegistryDiscoveryOptions = {},
): void {
  Deno.test(name, () =>
    inWeb(async (web) => {
      const watched = new Watched(web, options);
      await body(web, watched);
      await watched.discovery.close();
      await settle();
      assertEquals(web.open, 0, "a stream is left");
    }));
}

/** A registry like Go's: it answers with a header, and nothing else. */
export function goRegistry(servers: () => string): () => Response {
  return () => new Response(null, { headers: { "X-Geerpc-Servers": servers() } });
}
