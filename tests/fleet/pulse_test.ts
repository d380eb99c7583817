/** Pings that tell the load: when the answer to one is late. */

import { assertEquals } from "@std/assert";
import type { ClientConnection } from "../../connection/client_connection.ts";
import type { Settler } from "../../connection/pending_calls.ts";
import { Pulse } from "../../fleet/pulse.ts";

/** A connection on which the test answers. */
class Connection {
  readonly server: { instance: string; load: number } | undefined = { instance: "i", load: 0 };
  readonly pings: Settler[] = [];
  isOver = false;

  ping(settler: Settler): boolean {
    if (!this.isOver) this.pings.push(settler);
    return !this.isOver;
  }

  get client(): ClientConnection {
    return this as unknown as ClientConnection;
  }
}

function scene() {
  const clock = { nowMs: 1000, now: () => clock.nowMs };
  const pulse = new Pulse(clock);
  const connection = new Connection();
  /** Asks, and has it answered so much later: within how long it was to be. */
  const ask = (tookMs: number, replyMs = 0) => {
    pulse.ask(connection.client, replyMs);
    const limitMs = pulse.lateAtMs - clock.nowMs;
    clock.nowMs += tookMs;
    connection.pings.pop()!.resolve(null);
    return limitMs;
  };
  return { clock, pulse, connection, ask };
}

Deno.test("late after 20 ms, or four times what is usual", () => {
  const { pulse, ask } = scene();
  assertEquals([pulse.lateAtMs, pulse.roundTripMs], [Infinity, 0]);
  assertEquals([ask(3), ask(3), ask(10)], [20, 20, 20]);
  assertEquals(pulse.lateAtMs, Infinity); // it was answered
  assertEquals(pulse.roundTripMs, 3 + 0.1 * 7);
  pulse.observe(13.7); // a refusal takes no longer than a ping
  assertEquals(pulse.roundTripMs, 4.7);
  const far = scene();
  assertEquals(far.ask(30, 50), 50); // nothing is known: a ping takes no longer than a call
  assertEquals(far.ask(30, 50), 120);
});

Deno.test("an answer that comes after a stall hardly changes what is usual", () => {
  const { ask } = scene();
  ask(10, 10);
  assertEquals(ask(2000, 10), 40);
  assertEquals(ask(10, 10), 4 * (10 + 0.1 * 30));
  // But if all take longer from now on, that becomes usual.
  let limitMs = 0;
  for (let n = 0; n < 40; n++) limitMs = ask(100, 10);
  assertEquals(Math.round(limitMs) > 350, true, `${limitMs}`);
});

Deno.test("one ping at a time; one that is not answered, but for the connection's end, is none", () => {
  const { clock, pulse, connection } = scene();
  assertEquals(pulse.canAsk(connection.client), true);
  pulse.ask(connection.client, 0);
  assertEquals([pulse.canAsk(connection.client), pulse.lateAtMs], [false, 1020]);
  connection.pings[0].reject(new Error("lost"));
  assertEquals([pulse.canAsk(connection.client), pulse.lateAtMs], [true, Infinity]);
  connection.isOver = true;
  pulse.ask(connection.client, 0);
  assertEquals(pulse.lateAtMs, Infinity);
  clock.nowMs = 5000;
  assertEquals(pulse.canAsk(undefined), false);
  const foreign = { server: undefined } as unknown as ClientConnection;
  assertEquals(pulse.canAsk(foreign), false);
});

Deno.test("another connection in its place may be asked at once; the answer of the old one is none", () => {
  const { clock, pulse, connection } = scene();
  const next = new Connection();
  pulse.ask(connection.client, 0);
  pulse.forget();
  assertEquals(pulse.lateAtMs, Infinity);
  clock.nowMs = 1010;
  pulse.ask(next.client, 0);
  connection.pings[0].resolve(null);
  assertEquals(pulse.lateAtMs, 1030);
  next.pings[0].resolve(null);
  assertEquals(pulse.lateAtMs, Infinity);
});
