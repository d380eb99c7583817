/** What silence says of a connection, and when it is looked at. */

import { assertEquals } from "@std/assert";
import type { ClientConnection } from "../../connection/client_connection.ts";
import type { LivenessOptions } from "../../connection/client_options.ts";
import { Liveness } from "../../connection/liveness.ts";
import { FakeClock } from "../../testing.ts";
import { deferred, inWorld, settled } from "../support/helpers.ts";

/** A connection that a test plays by hand, with one call in flight. */
function played({ canPing = true, options = {} as LivenessOptions } = {}) {
  const clock = new FakeClock();
  const told: string[] = [];
  const closed = deferred<void>();
  const connection = {
    inFlight: 1,
    givenUp: 0,
    heard: 0,
    pings: 0,
    canPing,
    get isOwed() {
      return this.inFlight > 0 || this.givenUp > 0;
    },
    closed: closed.promise,
    ping() {
      if (!canPing) return false;
      this.pings++;
      this.inFlight++; // it waits for its answer, as a call does
      return true;
    },
    giveUp(why: string) {
      told.push(why);
      this.inFlight = 0;
      closed.resolve();
    },
  };
  let last = "";
  const tell = (what: string) => {
    if (what !== last && !(last === "" && what === "alive")) told.push(what);
    last = what;
  };
  const liveness = new Liveness(clock, options);
  liveness.watch(connection as unknown as ClientConnection, {
    connectionAlive: () => tell("alive"),
    connectionSilent: (_, verdict) => tell(verdict),
  });
  return { clock, told, connection, liveness, closed };
}

Deno.test("one question for each silence, then stalled, then dead", async () => {
  const { clock, told, liveness, connection } = played();
  liveness.wake();
  liveness.wake();
  assertEquals(clock.timers, 1);
  for (let time = 0; time < 5; time++) {
    await clock.advance(1500);
    connection.heard++; // the sign of life
  }
  assertEquals([told, connection.pings], [[], 5]);
  await clock.advance(5000);
  assertEquals(told, ["stalled"]);
  await clock.advance(20_000);
  assertEquals(told[1], "no sign of life for 10000 ms");
  assertEquals([told.length, connection.pings, clock.timers], [2, 6, 0]);
});

Deno.test("without a way to ask, silence is slow, and dead only after minutes", async () => {
  const { clock, told, liveness, connection } = played({ canPing: false });
  liveness.wake();
  await clock.advance(10_000);
  assertEquals(told, []);
  await clock.advance(500);
  assertEquals(told, ["slow"]);
  await clock.advance(289_500);
  assertEquals(told, ["slow"]);
  await clock.advance(500);
  assertEquals(told, ["slow", "no sign of life for 300000 ms"]);
  assertEquals([connection.pings, clock.timers], [0, 0]);
});

Deno.test("without a way to ask, two calls given up cast doubt", async () => {
  const { clock, told, liveness, connection } = played({ canPing: false });
  connection.givenUp = 2;
  connection.inFlight = 0;
  liveness.wake();
  await clock.advance(1500);
  assertEquals(told, []);
  await clock.advance(500);
  assertEquals(told, ["stalled"]);
  connection.heard++;
  connection.givenUp = 0;
  await clock.advance(1000);
  assertEquals(told, ["stalled", "alive"]);
  connection.givenUp = 2;
  await clock.advance(30_000); // the next look at what was idle
  await clock.advance(10_000);
  assertEquals(told.slice(2), ["stalled", "no sign of life for 10000 ms"]);
});

Deno.test("a call that was given up is asked for too: short deadlines hide no dead connection", async () => {
  const { clock, told, liveness, connection } = played();
  connection.inFlight = 0;
  connection.givenUp = 1;
  liveness.wake();
  await clock.advance(2000);
  assertEquals([told, connection.pings], [["stalled"], 1]);
});

Deno.test("an idle connection is asked every 30 s, and dead if it does not answer", async () => {
  const { clock, told, connection } = played();
  connection.inFlight = 0;
  for (let time = 1; time <= 3; time++) {
    await clock.advance(30_000);
    assertEquals(connection.pings, time);
    connection.heard++;
    connection.inFlight = 0;
    await clock.advance(500); // it is looked at soon after the question
  }
  await clock.advance(31_000);
  assertEquals([told, connection.pings], [["stalled"], 4]);
  await clock.advance(10_000);
  assertEquals(told, ["stalled", "no sign of life for 10000 ms"]);
  assertEquals(clock.timers, 0);
});

Deno.test("what an idle connection was heard to say does not put off the next question", async () => {
  const { clock, told, connection, liveness } = played();
  connection.inFlight = 0;
  connection.givenUp = 1;
  liveness.wake();
  await clock.advance(500);
  connection.givenUp = 0; // another reply came: nothing is owed
  connection.heard++;
  await clock.advance(500); // the last look for 30 s
  connection.heard++; // the reply to a call that was given up, just behind it; then the end is gone
  await clock.advance(30_000);
  assertEquals(connection.pings, 1);
  await clock.advance(10_000);
  assertEquals(told, ["stalled", "no sign of life for 10000 ms"]);
});

Deno.test("an idle connection that can't be asked is looked at every 30 s, no more often", async () => {
  const { clock, told, connection } = played({ canPing: false });
  connection.inFlight = 0;
  const set = clock.setTimer.bind(clock);
  let looks = 0;
  clock.setTimer = (ms, look) =>
    set(ms, () => {
      looks++;
      look();
    });
  await clock.advance(300_000);
  assertEquals([looks, told], [9, []]); // the first was set before they were counted
});

Deno.test("each idle connection has its own 30 s, whenever another is looked at", async () => {
  const { clock, connection, liveness } = played();
  connection.inFlight = 0;
  await clock.advance(20_000);
  const later = played().connection;
  later.inFlight = 0;
  liveness.watch(later as unknown as ClientConnection);
  await clock.advance(10_000);
  assertEquals([connection.pings, later.pings], [1, 0]);
  connection.heard++;
  connection.inFlight = 0;
  await clock.advance(20_500); // half a second is the shortest pause between two looks
  assertEquals([connection.pings, later.pings], [1, 1]);
});

Deno.test("Infinity: idle connections are not asked, or none is ever looked at", async () => {
  const idle = played({ options: { idleMs: Infinity } });
  idle.connection.inFlight = 0;
  assertEquals(idle.clock.timers, 0);
  idle.liveness.wake();
  await idle.clock.advance(100_000);
  assertEquals([idle.connection.pings, idle.clock.timers], [0, 0]);
  const never = played({ options: { silenceMs: Infinity } });
  never.liveness.wake();
  assertEquals(never.clock.timers, 0);
});

Deno.test("no timer is left when the connection is over", async () => {
  const { clock, liveness, closed } = played();
  assertEquals(clock.timers, 1);
  liveness.wake();
  closed.resolve();
  await settled();
  assertEquals(clock.timers, 0);
});

Deno.test("this process stood still: no server is stalled for it", async () => {
  const { clock, told, liveness, connection } = played();
  liveness.wake();
  await clock.advance(1500); // it has just been asked
  assertEquals(connection.pings, 1);
  // The process is stopped for a minute: the timer is late, replies lie unread.
  const now = clock.now.bind(clock);
  clock.now = () => now() + 60_000;
  await clock.advance(500);
  assertEquals(told, []);
  connection.heard++; // now they are read
  await clock.advance(1000);
  assertEquals(told, []);
  liveness.stop();
  assertEquals(clock.timers, 0);
});

Deno.test("deadMs below silenceMs: no connection is given up that answers", async () => {
  await inWorld(async (world) => {
    const { address, gate } = await world.serve("a");
    const liveness = { silenceMs: 1000, pongMs: 500, deadMs: 100 };
    const client = await world.dial(address, { liveness });
    const call = client.call("Gate.Wait");
    await gate.untilBegun(1);
    await world.clock.advance(60_000);
    gate.begun[0].end.resolve("late");
    assertEquals(await call, "late");
    await client.close();
  });
});
