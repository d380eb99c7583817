/** The limit that adapts itself, by what calls take: no server, no clock. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AdaptiveLimit,
  type AdaptiveLimitOptions,
  adaptiveOptions,
} from "../../connection/adaptive_limit.ts";

/** A limit, and time that passes as calls end. */
class Scene {
  readonly limit: AdaptiveLimit;
  nowMs = 0;

  constructor(options: AdaptiveLimitOptions = {}) {
    this.limit = new AdaptiveLimit(adaptiveOptions(options));
  }

  /**
   * Calls end for so long.
   *
   * @param forMs How long.
   * @param tookMs What each takes, given how many run.
   * @param wanted How many would run if there were no limit.
   * @returns The lowest and the highest limit meanwhile, and the last.
   */
  run(
    forMs: number,
    tookMs: (running: number) => number,
    wanted = Infinity,
  ): { least: number; most: number; last: number } {
    let [least, most] = [Infinity, 0];
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs;) {
      const running = Math.min(wanted, this.limit.value);
      const each = tookMs(running);
      this.nowMs += each / running; // so many end in the time that one takes
      this.limit.observe(each, running, this.nowMs);
      least = Math.min(least, this.limit.value);
      most = Math.max(most, this.limit.value);
    }
    return { least, most, last: this.limit.value };
  }
}

/** What a call of 10 ms takes on a machine with so many cores. */
const onCores = (cores: number) => (running: number) => 10 * Math.max(1, running / cores);

Deno.test("it rises while calls take no longer, whatever the load wants of it", () => {
  const scene = new Scene();
  assertEquals(scene.limit.value, 20);
  const { least, last } = scene.run(10_000, () => 10);
  assert(least >= 20 && last > 200, `${least} ${last}`);
  // Each window adds the root, and a fifth of it once the limit has been too high.
  const next = new Scene();
  next.run(150, () => 20);
  assertEquals(next.limit.value, Math.floor(20 + Math.sqrt(20)));
  while (next.limit.value >= 24) next.run(100, () => 100);
  const before = next.limit.value;
  next.run(1000, () => 20);
  const rise = next.limit.value - before;
  assert(rise > 2 && rise < 15, `${before} + ${rise}`); // ten windows, by 1 each; they were of 5
});

Deno.test("it falls when calls take longer than the tolerance, and not when they take less than that", () => {
  const table: readonly [tookMs: number, tolerance: number, falls: boolean][] = [
    [14, 1.5, false],
    [40, 1.5, true],
    [40, 4, false],
    [400, 4, true],
  ];
  for (const [tookMs, tolerance, falls] of table) {
    const scene = new Scene({ initial: 100, tolerance });
    scene.run(2000, () => 10, 70); // below the limit
    const before = scene.limit.value;
    scene.run(2000, () => tookMs, 70);
    const what = `${tookMs} ms, tolerance ${tolerance}: ${before} to ${scene.limit.value}`;
    assertEquals([before, scene.limit.value < before], [100, falls], what);
  }
});

Deno.test("it stays within its bounds", () => {
  let factor = 1;
  const slower = () => 10 * (factor *= 1.001);
  const down = new Scene({ min: 7, initial: 50 });
  assertEquals(down.run(1e6, slower).least, 7);
  const up = new Scene({ max: 30 }).run(15_000, () => 10);
  assertEquals([up.most, up.last], [30, 30]);
});

Deno.test("it rises only when it is reached, and stays while less than half of it is in use", () => {
  const scene = new Scene({ initial: 100 });
  assertEquals(scene.run(60_000, () => 10, 99), { least: 100, most: 100, last: 100 });
  assertEquals(scene.limit.longTermMs, 10);
  assertEquals(scene.run(10_000, () => 30, 49), { least: 100, most: 100, last: 100 });
  assert(scene.limit.longTermMs > 29, "it does not learn what is usual");
});

Deno.test("at the limit for ten minutes: it neither follows what it has caused, nor gives up", () => {
  for (const cores of [1, 2, 8, 64]) {
    for (const initial of [4, 20, 500]) {
      const scene = new Scene({ initial });
      scene.run(120_000, onCores(cores));
      const { most, last } = scene.run(480_000, onCores(cores));
      const what = `${cores} cores from ${initial}: up to ${most}, ${last} at last`;
      assert(most <= 2.5 * cores + 10 && last >= Math.min(cores, 4), what);
    }
  }
});

Deno.test("it keeps the machine busy but for the trials of lower limits", () => {
  for (const cores of [1, 8, 64]) {
    const scene = new Scene();
    scene.run(60_000, onCores(cores));
    let [busy, all] = [0, 0];
    const fromMs = scene.nowMs;
    scene.run(240_000, (running) => {
      const each = onCores(cores)(running);
      busy += Math.min(running, cores) / cores * each / running;
      all += each / running;
      return each;
    });
    assert(Math.abs(all - (scene.nowMs - fromMs)) < 1);
    assert(busy / all >= 0.95, `${cores} cores: ${busy / all} busy`);
  }
});

Deno.test("it recovers: from a time of slow calls, and from calls that are slower for good", () => {
  const scene = new Scene();
  const before = scene.run(30_000, onCores(16)).last;
  const slow = scene.run(10_000, (running) => 10 * onCores(16)(running)).last;
  assert(slow < before * 0.6, `${before} to ${slow}`);
  assert(scene.run(20_000, onCores(16)).last >= 0.8 * before);
  // A service behind it takes 100 ms from now on, however many call it.
  scene.run(30_000, () => 100);
  const { least, last } = scene.run(60_000, () => 100);
  assert(last > 100, `${least} to ${last}`);
});

Deno.test("one window halves the limit at most by a tenth, and few calls say nothing", () => {
  const scene = new Scene({ initial: 100 });
  while (scene.limit.longTermMs === 0) scene.limit.observe(10, 90, scene.nowMs++);
  for (let call = 0; call < 9; call++) scene.limit.observe(60_000, 90, scene.nowMs += 1000);
  assertEquals(scene.limit.value, 100);
  scene.limit.observe(60_000, 90, scene.nowMs);
  assertEquals(scene.limit.value, 92); // 100 + (100 · 0.5 + √100 − 100) · 0.2
});

Deno.test("bounds that contradict each other are refused; defaults make room for the others", () => {
  const table: readonly [options: AdaptiveLimitOptions, bounds: number[]][] = [
    [{}, [20, 4, 1000]],
    [{ max: 3 }, [3, 3, 3]],
    [{ min: 50 }, [50, 50, 1000]],
    [{ min: 2000 }, [2000, 2000, 2000]],
    [{ initial: 2 }, [2, 2, 1000]],
    [{ initial: 5000 }, [5000, 4, 5000]],
  ];
  for (const [options, bounds] of table) {
    const { initial, min, max, tolerance } = adaptiveOptions(options);
    assertEquals([initial, min, max, tolerance], [...bounds, 1.5], JSON.stringify(options));
  }
  const wrong = [{ min: 6, max: 5 }, { min: 6, initial: 5 }, { max: 6, initial: 7 }];
  for (const options of wrong) assertThrows(() => adaptiveOptions(options), RangeError, "got");
});
