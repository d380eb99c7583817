import { assertEquals } from "@std/assert";
import { AbortListeners } from "../../internal/abort.ts";
import { seeded } from "../support/helpers.ts";

class Target {
  readonly reasons: unknown[] = [];
  abort(reason: unknown) {
    this.reasons.push(reason);
  }
}

/** Counts a signal's listeners. */
function counted() {
  const controller = new AbortController();
  const { signal } = controller;
  const count = { now: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (count.now++, add(...args));
  signal.removeEventListener = (
    ...args: Parameters<typeof remove>
  ) => (count.now--, remove(...args));
  return { controller, signal, count };
}

Deno.test("many targets share one listener, and the last takes it off", () => {
  const listeners = new AbortListeners();
  const { signal, count } = counted();
  const targets = [new Target(), new Target(), new Target()];
  for (const target of targets) listeners.add(signal, target);
  assertEquals(count.now, 1);
  listeners.remove(signal, targets[0]);
  listeners.remove(signal, targets[0]);
  listeners.remove(signal, new Target()); // never added
  assertEquals(count.now, 1);
  listeners.remove(signal, targets[1]);
  listeners.remove(signal, targets[2]);
  assertEquals(count.now, 0);
});

Deno.test("an abort tells who is left, once, with the reason", () => {
  const listeners = new AbortListeners();
  const { signal, controller, count } = counted();
  const [stays, leaves, other] = [new Target(), new Target(), new Target()];
  listeners.add(signal, stays);
  listeners.add(signal, leaves);
  listeners.add(new AbortController().signal, other);
  listeners.remove(signal, leaves);
  controller.abort("reason");
  controller.abort("again");
  assertEquals([stays.reasons, leaves.reasons, other.reasons], [["reason"], [], []]);
  assertEquals(count.now, 0);
  listeners.remove(signal, stays); // after the fact
});

Deno.test("a target may take itself and others off while it is told", () => {
  const listeners = new AbortListeners();
  const { signal, controller } = counted();
  const second = new Target();
  const first = {
    abort() {
      listeners.remove(signal, first);
      listeners.remove(signal, second);
    },
  };
  listeners.add(signal, first);
  listeners.add(signal, second);
  controller.abort("reason");
  assertEquals(second.reasons, ["reason"]); // it was waiting when the signal aborted
});

Deno.test("at random: as a model of sets", () => {
  const random = seeded(5);
  const listeners = new AbortListeners();
  for (let round = 0; round < 200; round++) {
    const { signal, controller, count } = counted();
    const model = new Set<Target>();
    const targets = Array.from({ length: 5 }, () => new Target());
    for (let step = 0; step < 20; step++) {
      const target = targets[Math.floor(random() * 5)];
      if (random() < 0.5) {
        listeners.add(signal, target);
        model.add(target);
      } else {
        listeners.remove(signal, target);
        model.delete(target);
      }
      assertEquals(count.now, model.size > 0 ? 1 : 0);
    }
    controller.abort(round);
    for (const target of targets) assertEquals(target.reasons, model.has(target) ? [round] : []);
  }
});
