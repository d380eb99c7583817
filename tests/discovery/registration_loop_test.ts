/** The loop that keeps a server registered, with a registrar that the test plays. */

import { assert, assertEquals } from "@std/assert";
import {
  type Registrar,
  type RegistrationEvent,
  RegistrationLoop,
} from "../../discovery/registration_loop.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { deferred, failure, settled } from "../support/helpers.ts";

/** A registrar whose next answers are planned, and the times at which it was asked. */
class FakeRegistrar implements Registrar {
  readonly renewAfterMs = 1000;
  readonly backoff = { firstMs: 100, maxMs: 400 };
  readonly askedAtMs: number[] = [];
  /** Each is one answer to `renew`; after the last, each renewal succeeds. */
  readonly plan: (boolean | Error | Promise<boolean>)[] = [];
  deregistered = 0;
  onDeregister = (): void => {};
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async renew(signal: AbortSignal): Promise<boolean> {
    this.askedAtMs.push(this.#clock.now());
    const answer = await Promise.race([
      this.plan.shift() ?? false,
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    ]);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  isLost(error: unknown): boolean {
    return String(error).includes("lost");
  }

  deregister(): Promise<void> {
    this.deregistered++;
    this.onDeregister();
    return Promise.resolve();
  }
}

const closed = new Error("closed");

function setUp(...plan: FakeRegistrar["plan"]) {
  const ending = new AbortController();
  const clock = new FakeClock();
  const registrar = new FakeRegistrar(clock);
  registrar.plan.push(...plan);
  const events: RegistrationEvent[] = [];
  const loop = new RegistrationLoop(registrar, {
    clock,
    random: () => 0.5,
    jitter: { least: 0.8, range: 0.2 },
    signal: ending.signal,
    closedError: () => closed,
    onEvent: (event) => events.push(event),
  });
  return { clock, registrar, events, ending, loop };
}

Deno.test("registration loop: it renews in time, with jitter, and deregisters in the end", async () => {
  const { clock, registrar, events, loop } = setUp(true);
  await loop.ready;
  await loop.tried;
  assert(loop.isRegistered);
  await clock.advance(2700);
  assertEquals(registrar.askedAtMs, [0, 900, 1800, 2700]);
  await loop.close();
  await clock.advance(5000);
  assertEquals([registrar.askedAtMs.length, registrar.deregistered], [4, 1]);
  assertEquals([loop.isRegistered, clock.timers], [false, 0]);
  assertEquals(events, [{ type: "registered" }]);
});

Deno.test("registration loop: failures are retried after growing pauses, and lose nothing", async () => {
  const down = new Error("down");
  const { clock, registrar, events, loop } = setUp(down, down, down, down, true, down);
  assertEquals(await failure(loop.tried), down);
  await clock.advance(825);
  await loop.ready;
  assertEquals(registrar.askedAtMs, [0, 75, 225, 525, 825]);
  await clock.advance(900);
  assert(loop.isRegistered, "one failed renewal proves nothing");
  await clock.advance(75);
  assertEquals(registrar.askedAtMs.slice(5), [1725, 1800], "the first pause again");
  const failed = { type: "failed", error: down } as const;
  assertEquals(events, [failed, failed, failed, failed, { type: "registered" }, failed]);
  await loop.close();
});

Deno.test("registration loop: a lost registration is replaced at once, but only once", async () => {
  const lost = new Error("lost");
  const { clock, registrar, events, loop } = setUp(true, lost, lost, true);
  await clock.advance(900);
  assertEquals(registrar.askedAtMs, [0, 900, 900]);
  assert(!loop.isRegistered);
  await clock.advance(150);
  assertEquals(registrar.askedAtMs, [0, 900, 900, 1050]);
  assert(loop.isRegistered);
  assertEquals(events.map(({ type }) => type), ["registered", "lost", "lost", "registered"]);
  await loop.close();
});

Deno.test("registration loop: closing ends a try in flight, which is no failure", async () => {
  const { clock, registrar, events, loop } = setUp(deferred<boolean>().promise);
  registrar.onDeregister = () => {
    throw new Error("unreachable");
  };
  await settled();
  await loop.close();
  assertEquals(await failure(loop.ready), closed);
  assertEquals(await failure(loop.tried), closed);
  assertEquals(clock.timers, 0);
  await settled();
  assertEquals(events.map((event) => "error" in event && String(event.error)), [
    "Error: unreachable",
  ]);
});

Deno.test("registration loop: an abort closes it, and closing twice deregisters once", async () => {
  const { clock, registrar, ending, loop } = setUp(true);
  await loop.ready;
  ending.abort();
  await Promise.all([loop.close(), loop.close()]);
  assertEquals([registrar.deregistered, clock.timers], [1, 0]);
});
