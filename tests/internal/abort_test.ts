import { assertEquals } from "@std/assert";
import { abortWith, releaseFrom } from "../../internal/abort.ts";
import { seededRandom } from "../../testing.ts";
import { countingSignal } from "../support/signals.ts";

class Target {
  readonly reasons: unknown[] = [];
  abort(reason: unknown) {
    this.reasons.push(reason);
  }
}

Deno.test("many targets share one listener, and the last removes it", () => {
  const { signal, counts } = countingSignal();
  const targets = [new Target(), new Target(), new Target()];
  for (const target of targets) abortWith(signal, target);
  assertEquals(counts.now, 1);
  releaseFrom(signal, targets[0]);
  releaseFrom(signal, targets[0]);
  releaseFrom(signal, new Target()); // never added
  assertEquals(counts.now, 1);
  releaseFrom(signal, targets[1]);
  releaseFrom(signal, targets[2]);
  assertEquals(counts.now, 0);
});

Deno.test("an abort reaches those that are left, once, with the reason", () => {
  const { signal, controller, counts } = countingSignal();
  const [stays, leaves, other] = [new Target(), new Target(), new Target()];
  abortWith(signal, stays);
  abortWith(signal, leaves);
  abortWith(new AbortController().signal, other);
  releaseFrom(signal, leaves);
  controller.abort("reason");
  controller.abort("again");
  assertEquals([stays.reasons, leaves.reasons, other.reasons], [["reason"], [], []]);
  assertEquals(counts.now, 0);
  releaseFrom(signal, stays); // after the fact
});

Deno.test("a target may release itself and others while it is aborted", () => {
  const { signal, controller } = countingSignal();
  const second = new Target();
  const first = {
    abort() {
      releaseFrom(signal, first);
      releaseFrom(signal, second);
    },
  };
  abortWith(signal, first);
  abortWith(signal, second);
  controller.abort("reason");
  assertEquals(second.reasons, ["reason"]); // it was there when the signal aborted
});

Deno.test("at random: it does as a set of targets does", () => {
  const random = seededRandom(5);
  for (let round = 0; round < 200; round++) {
    const { signal, controller, counts } = countingSignal();
    const model = new Set<Target>();
    const targets = Array.from({ length: 5 }, () => new Target());
    for (let step = 0; step < 20; step++) {
      const target = targets[Math.floor(random() * 5)];
      if (random() < 0.5) {
        abortWith(signal, target);
        model.add(target);
      } else {
        releaseFrom(signal, target);
        model.delete(target);
      }
      assertEquals(counts.now, model.size > 0 ? 1 : 0);
    }
    controller.abort(round);
    for (const target of targets) assertEquals(target.reasons, model.has(target) ? [round] : []);
  }
});

Deno.test("a signal that has aborted aborts its target at once, and gets no listener", () => {
  const { signal, controller, counts } = countingSignal();
  controller.abort("reason");
  const target = new Target();
  abortWith(signal, target);
  assertEquals(target.reasons, ["reason"]);
  assertEquals(counts.now, 0);
});
