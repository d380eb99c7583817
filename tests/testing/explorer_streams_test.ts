/** The schedule explorer finds what is wrong with streams. */

import { assert, assertEquals } from "@std/assert";
import { explore, type ExploredClient, type Plan, runPlan } from "../../testing.ts";
import type { XClient } from "../../xclient.ts";
import { found, wrong } from "../support/explored.ts";

type Stream = NonNullable<ExploredClient["stream"]>;

/** A client whose streams are what a function makes of them. */
function streaming(
  make: (stream: ReturnType<Stream>, xclient: XClient) => Partial<ReturnType<Stream>>,
) {
  return wrong((xclient) => ({
    stream: (...args: Parameters<Stream>): ReturnType<Stream> => {
      const stream = xclient.stream(...args);
      return {
        next: () => stream.next(),
        return: () => stream.return(),
        [Symbol.asyncIterator]() {
          return this;
        },
        ...make(stream, xclient),
      };
    },
  }));
}

Deno.test("plans have streams of all kinds, unless they are left out", async () => {
  const kinds = new Set<string>();
  const texts: string[][] = [[], []];
  await explore({
    seeds: 60,
    check: ({ streams, text }) => {
      for (const { step } of streams) kinds.add(step.kind);
      texts[0].push(text);
    },
  });
  assertEquals([...kinds].sort(), ["all", "both", "read", "upload"]);
  await explore({
    seeds: 60,
    without: ["streams"],
    check: ({ streams, text }) => {
      assertEquals(streams.length, 0);
      texts[1].push(text);
    },
  });
  // What is drawn beside them is the same: plans without any have the same history.
  assert(texts[0].some((text, place) => text === texts[1][place]));
});

Deno.test("planted: an item that is lost", async () => {
  const client = streaming((stream) => {
    let count = 0;
    return {
      async next() {
        if (++count === 2) await stream.next();
        return await stream.next();
      },
    };
  });
  const { plan } = await found("items come in order, each once", { client });
  assertEquals(plan.steps.length, 1);
});

Deno.test("planted: a stream that goes on at the last item, not behind it", async () => {
  const client = wrong((xclient) => ({
    stream: (serviceMethod, args, { resume, ...options } = {}) =>
      xclient.stream<{ N: number }>(serviceMethod, args, {
        ...options,
        ...resume && {
          resume: (last) => (resume as (last: unknown) => unknown)({ ...last, N: last.N - 1 }),
        },
      }),
  }));
  const { message } = await found("items come in order, each once", { client });
  assert(/item (\d+) behind \1\b/.test(message), message);
});

Deno.test("planted: a stream that ends before its last item", async () => {
  const client = streaming((stream) => ({
    next: () => stream.next().catch(() => ({ done: true, value: undefined })),
  }));
  await found("a stream that ends well is whole", { client });
});

Deno.test("planted: a reader that leaves and does not say so", async () => {
  const client = streaming(() => ({
    return: () => Promise.resolve({ done: true, value: undefined }),
  }));
  await found("nobody works for nobody", { client });
});

Deno.test("planted: more is held for a slow reader than its window", async () => {
  const client = wrong((xclient) => ({
    stream: (serviceMethod, args, { windowItems: _, ...options } = {}) =>
      xclient.stream(serviceMethod, args, options),
  }));
  await found("credit is not exceeded", { client });
});

Deno.test("planted: a stream that never ends", async () => {
  const client = streaming((stream) => ({
    next: () => stream.next().catch(() => new Promise(() => {})),
  }));
  await found("a stream ends once all is well", { client });
});

const PLAN = {
  seed: 1,
  delayMs: 0,
  maxMessageBytes: 4096,
  servers: [{ name: "s1", protocol: "geerpc/json" }],
  clients: [{ name: "c1", mode: "round_robin", failMode: "failover", discovery: "current" }],
} as const;

/** Runs a plan in which everything has to hold; returns its history. */
async function held(plan: Plan): Promise<string> {
  const { violations, text } = await runPlan(plan, { without: [] });
  assertEquals(violations, []);
  return text;
}

Deno.test("a stream whose copy has won at the same server is in flight no more", async () => {
  const text = await held({
    ...PLAN,
    steps: [
      { atMs: 0, do: "call", id: 2, client: "c1", kind: "call", method: 0, workMs: 0 },
      { atMs: 0, do: "forget", server: "s1", forGood: true },
      {
        atMs: 0,
        do: "stream",
        id: 3,
        client: "c1",
        kind: "read",
        items: 3,
        idempotent: true,
      },
    ],
  });
  assert(text.includes("2000 c1: stream 3 has ended"), text);
});

Deno.test("a server that refuses a connection before it is known has not said that it has no streams", async () => {
  const text = await held({
    ...PLAN,
    steps: [
      { atMs: 0, do: "point", point: "request_read", times: 1 },
      { atMs: 0, do: "stream", id: 3, client: "c1", kind: "read", items: 3 },
    ],
  });
  assert(!text.includes("unimplemented"), text);
});
