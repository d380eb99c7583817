/** The loop that keeps a list fresh, with a source that the test plays. */

import { assert, assertEquals } from "@std/assert";
import {
  type Source,
  type SourceAnswer,
  SourceDiscovery,
  type SourceEvent,
  type SourceList,
} from "../../registry.ts";
import { abortWith } from "../../internal/abort.ts";
import { sleep } from "../../internal/time.ts";
import { FakeClock } from "../../testing/fake_clock.ts";
import { assertFails, failure, settled } from "../support/helpers.ts";

const [A, B] = ["tcp@a:1", "tcp@b:1"];

/** A source that lists what the test says, and is followed for a minute at most. */
class FakeSource implements Source {
  readonly name = "a fake";
  readonly firstRetryMs = 100;
  readonly longestRetryMs = 400;
  readonly readAtMs: number[] = [];
  entries: SourceAnswer["entries"] = [A];
  error: Error | undefined;
  /** How often the source was refreshed while it was followed; `undefined`: it can't be. */
  refreshes: number | undefined;
  forgotten = 0;
  /** Fails what is being followed. */
  lose = (_error: Error): void => {};
  list!: SourceList;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async read(list: SourceList): Promise<SourceAnswer> {
    this.readAtMs.push(this.#clock.now());
    this.list = list;
    await null;
    if (this.error !== undefined) throw this.error;
    const follow = async (signal: AbortSignal) => {
      const ending = new AbortController();
      let lost: Error | undefined;
      this.lose = (error) => {
        lost = error;
        ending.abort();
      };
      abortWith(signal, ending);
      await sleep(this.#clock, 60_000, ending.signal);
      if (lost !== undefined) throw lost;
    };
    if (this.refreshes === undefined) return { entries: this.entries, follow };
    const refresh = () => {
      this.refreshes!++;
      list.take({ entries: this.entries });
      return Promise.resolve();
    };
    return { entries: this.entries, follow, refresh };
  }

  forget(): void {
    this.forgotten++;
  }
}

/** Runs a test with a discovery; afterwards nothing may be left of it. */
async function inWorld(
  body: (world: {
    clock: FakeClock;
    source: FakeSource;
    discovery: SourceDiscovery;
    events: SourceEvent[];
  }) => Promise<void>,
): Promise<void> {
  const clock = new FakeClock();
  const source = new FakeSource(clock);
  const events: SourceEvent[] = [];
  const discovery = new SourceDiscovery(source, {
    clock,
    random: () => 0.5,
    onEvent: (event) => events.push(event),
  });
  await body({ clock, source, discovery, events });
  await discovery.close();
  assertEquals(clock.timers, 0, "timers are left");
}

Deno.test("source loop: a source is read when it is first used, and again when it says", () =>
  inWorld(async ({ clock, source, discovery }) => {
    await clock.advance(1000);
    assertEquals(source.readAtMs, []);
    assertEquals(await discovery.getAll(), [A]);
    source.entries = [B];
    await clock.advance(60_000);
    assertEquals(source.readAtMs, [1000, 61_000]);
    assertEquals(discovery.current, [B]);
  }));

Deno.test("source loop: failures are retried after growing pauses", () =>
  inWorld(async ({ clock, source, discovery, events }) => {
    source.error = new Error("down");
    assertEquals(await failure(discovery.getAll()), source.error);
    await clock.advance(825);
    assertEquals(source.readAtMs, [0, 75, 225, 525, 825]);
    source.error = undefined;
    await clock.advance(300);
    assertEquals(discovery.current, [A]);
    assertEquals(events.slice(-2).map(({ type }) => type), ["recovered", "changed"]);
  }));

Deno.test("source loop: only a watch that is confirmed and holds for a second makes pauses short again", () =>
  inWorld(async ({ clock, source, discovery }) => {
    await discovery.refresh();
    for (const pauseMs of [75, 150, 300]) {
      source.lose(new Error("lost"));
      await clock.advance(pauseMs - 1);
      const reads = source.readAtMs.length;
      await clock.advance(1);
      assertEquals(source.readAtMs.length, reads + 1, `${pauseMs} ms`);
    }
    // A source that confirms and is lost at once, again and again, is not asked without a backoff.
    source.list.confirm();
    source.lose(new Error("lost"));
    await clock.advance(299);
    assertEquals(source.readAtMs.length, 4);
    await clock.advance(1);
    source.list.confirm();
    await clock.advance(1000);
    source.lose(new Error("lost"));
    await clock.advance(75);
    assertEquals(source.readAtMs.length, 6);
  }));

Deno.test("source loop: a refresh ends what is followed, unless the source can be refreshed", () =>
  inWorld(async ({ clock, source, discovery }) => {
    await discovery.refresh();
    await Promise.all([discovery.refresh(), discovery.refresh()]);
    assertEquals(source.readAtMs.length, 2);
    source.refreshes = 0;
    await clock.advance(60_000);
    assertEquals(source.readAtMs.length, 3);
    source.entries = [A, B];
    await Promise.all([discovery.refresh(), discovery.refresh()]);
    assertEquals([source.readAtMs.length, source.refreshes], [3, 1]);
    assertEquals(discovery.current, [A, B]);
  }));

Deno.test("source loop: a list put in place by hand and the end make the source forget", () =>
  inWorld(async ({ source, discovery }) => {
    await discovery.update([B]);
    assertEquals([await discovery.getAll(), source.forgotten], [[B], 1]);
    await assertFails(discovery.update(["nonsense"]), { code: "invalid_argument" });
    assertEquals(source.forgotten, 1);
    await settled();
    assertEquals(discovery.current, [A]);
    await discovery.close();
    assertEquals(source.forgotten, 2);
    await assertFails(discovery.refresh(), { code: "canceled", message: "a fake: the discovery" });
    assertEquals(await discovery.getAll(), [A]);
  }));

Deno.test("source loop: the list that a source remembers is put in place with its answer", () =>
  inWorld(async ({ source, discovery, events }) => {
    await discovery.refresh();
    source.list.take({ entries: [B], servers: () => [A, B] });
    assertEquals(discovery.current, [A, B]);
    source.list.take({ entries: [], servers: () => [A] });
    assertEquals(discovery.current, [A]);
    source.list.put([]);
    assertEquals(discovery.current, [A], "an empty list replaces none");
    await settled();
    assertEquals(events.map(({ type }) => type), ["changed", "changed", "empty", "changed"]);
    assert(discovery.staleMs === 0);
  }));
