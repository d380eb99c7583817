/** A DNS zone in memory, and a discovery in it with a clock that the test moves. */

import { assertEquals } from "@std/assert";
import {
  DnsDiscovery,
  type DnsDiscoveryOptions,
  type DnsResolver,
  type SourceEvent,
  type SrvAnswer,
} from "../../dns.ts";
import { FakeClock } from "../../testing/fake_clock.ts";

/** The records of a zone, and the questions that were asked. */
export class FakeZone implements DnsResolver {
  /** Each question, as `A pods.example`. */
  readonly questions: string[] = [];
  /** The answers, by question. */
  readonly records = new Map<string, { address: string; ttl?: number }[]>();
  /** Questions that are answered with an error; `*` for all. */
  readonly broken = new Set<string>();
  /** The answer to each SRV question. */
  services: SrvAnswer[] = [];
  /** Whether it may not say that it can't answer, as Deno's resolver does not. */
  hidesFailures = false;
  /** Answers wait for it. */
  wait: Promise<void> | undefined;

  async srv(name: string): Promise<readonly SrvAnswer[]> {
    await this.#ask(`SRV ${name}`);
    return this.services;
  }

  async addresses(name: string, family: 4 | 6) {
    const question = `${family === 4 ? "A" : "AAAA"} ${name}`;
    await this.#ask(question);
    return this.records.get(question) ?? [];
  }

  set(question: string, addresses: string[], ttl?: number): void {
    this.records.set(question, addresses.map((address) => ({ address, ttl })));
  }

  async #ask(question: string): Promise<void> {
    this.questions.push(question);
    await this.wait;
    if (this.broken.has(question) || this.broken.has("*")) throw new Error("SERVFAIL");
  }
}

/** Runs a test with a discovery in a zone; afterwards nothing may be left of it. */
export async function inZone(
  address: string,
  options: DnsDiscoveryOptions,
  body: (
    world: {
      zone: FakeZone;
      clock: FakeClock;
      discovery: DnsDiscovery;
      events: SourceEvent[];
    },
  ) => Promise<void>,
): Promise<void> {
  const zone = new FakeZone();
  const clock = new FakeClock();
  const events: SourceEvent[] = [];
  const onEvent = (event: SourceEvent) => events.push(event);
  const random = () => 0;
  const discovery = new DnsDiscovery(address, {
    resolver: zone,
    clock,
    random,
    onEvent,
    ...options,
  });
  await body({ zone, clock, discovery, events });
  await discovery.close();
  assertEquals(clock.timers, 0, "timers are left");
}
