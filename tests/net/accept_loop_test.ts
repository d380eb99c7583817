/** Accepting connections, some of which fail before they are accepted. */

import { assertEquals } from "@std/assert";
import { AcceptLoop } from "../../net/accept_loop.ts";
import { deferred, settled } from "../support/helpers.ts";

/** A loop that accepts what the test says, and whose pauses are noted. */
function scene(steps: (number | Error)[]) {
  const accepted: number[] = [];
  const pauses: number[] = [];
  const never = deferred<number>();
  const acceptor = {
    accept(): Promise<number> {
      const step = steps.shift();
      if (step === undefined) return never.promise;
      return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
    },
  };
  const loop = new AcceptLoop(acceptor, (one) => accepted.push(one), (ms) => {
    pauses.push(ms);
    return settled();
  });
  return { loop, accepted, pauses, listenerClosed: () => never.reject(new Error("closed")) };
}

const failed = (message: string, code?: string) => Object.assign(new Error(message), { code });

Deno.test("AcceptLoop: connections that are reset before they are accepted let nobody wait", async () => {
  const reset = failed("Transport endpoint is not connected (os error 107)");
  const aborted = failed("Software caused connection abort", "ECONNABORTED");
  const steps = Array.from({ length: 60 }, (_, n) => n % 2 === 0 ? reset : aborted);
  const { loop, accepted, pauses, listenerClosed } = scene([...steps, 7, ...steps, 8]);
  await settled();
  assertEquals([accepted, pauses], [[7, 8], []]);
  await loop.stop();
  listenerClosed();
  await loop.ended;
});

Deno.test("AcceptLoop: out of files or memory it waits a little, and goes on", async () => {
  for (
    const error of [
      failed("Too many open files (os error 24)"),
      failed("accept failed", "EMFILE"),
      failed("accept failed", "ENFILE"),
      failed("No buffer space available (os error 105)"),
      failed("Cannot allocate memory (os error 12)"),
    ]
  ) {
    const { loop, accepted, pauses, listenerClosed } = scene([1, error, error, 2]);
    while (accepted.length < 2) await settled();
    assertEquals(pauses, [20, 20], error.message);
    await loop.stop();
    listenerClosed();
    await loop.ended;
  }
});

Deno.test("AcceptLoop: a failure that never ends does not keep others from their turn", async () => {
  const steps: (number | Error)[] = Array.from({ length: 1000 }, () => failed("bad resource"));
  const { loop, pauses, listenerClosed } = scene(steps);
  while (steps.length > 0) await settled();
  assertEquals(pauses, Array(15).fill(0));
  await loop.stop();
  listenerClosed();
  await loop.ended;
});

Deno.test("AcceptLoop: what has connected by then is accepted before it stops", async () => {
  const steps: (number | Error)[] = [1];
  const { loop, accepted, pauses, listenerClosed } = scene(steps);
  await settled();
  steps.push(2, failed("reset"), 3);
  const stopping = loop.stop();
  listenerClosed(); // as a failed accept; the next ones bring what waits
  await stopping;
  await loop.ended.catch(() => {});
  assertEquals(accepted, [1, 2, 3]);
  assertEquals(pauses.filter((ms) => ms !== 0), []);
});
