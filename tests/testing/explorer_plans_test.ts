/** Plans that failed once, as the explorer made them small: they stay as tests. */

import { assert, assertEquals } from "@std/assert";
import { type Plan, runPlan } from "../../testing.ts";

/** What every plan has unless it says otherwise. */
const PLAN = {
  seed: 1,
  delayMs: 0,
  maxMessageBytes: 4096,
  clients: [{ name: "c1", mode: "round_robin", failMode: "failover", discovery: "current" }],
} as const;

/** Runs a plan in which everything has to hold; returns its history. */
async function held(plan: Plan): Promise<string> {
  const { violations, text } = await runPlan(plan, { without: [] });
  assertEquals(violations, []);
  return text;
}

Deno.test("an idle connection that was forgotten is found dead within 30 s, whatever it said before", async () => {
  const call = { client: "c1", kind: "call", method: 0, workMs: 2500, timeoutMs: 1 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "netrpc/json" }],
    clients: [{ ...PLAN.clients[0], direct: "s1" }],
    steps: [
      { atMs: 0, do: "call", id: 6, ...call },
      { atMs: 3686, do: "forget", server: "s1", forGood: true },
    ],
  });
  assert(text.includes("2500 s1 -> c1: call 6 replied")); // just behind the last look at it
});

Deno.test("a cancel that was written during a pause is read when it is over, behind a large call too", async () => {
  const call = { do: "call", client: "c1", kind: "call", method: 0, workMs: 0 } as const;
  const large = { ...call, argument: "at_limit" } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s2", protocol: "geerpc/json", maxInFlight: 1 }],
    steps: [
      { ...call, atMs: 0, id: 32, workMs: 1250 },
      { ...large, atMs: 0, id: 34, length: 3496, abortAfterMs: 1 },
      { ...call, atMs: 0, id: 4 },
      { ...large, atMs: 1, id: 18, length: 4047 },
      { ...call, atMs: 1, id: 10, abortAfterMs: 1 },
    ],
  });
  assert(text.includes("2 c1: call 10 is aborted"));
  assert(!text.includes("call 10 runs"), text);
});

Deno.test("a fork whose calls a close has cut short is lost by no drain", async () => {
  const text = await held({
    ...PLAN,
    delayMs: 40,
    servers: [
      { name: "s1", protocol: "geerpc/json" },
      { name: "s2", protocol: "geerpc/json" },
    ],
    clients: [{ ...PLAN.clients[0], closeOnEvent: "left" }],
    steps: [
      { atMs: 0, do: "crash", server: "s2", forMs: 701 },
      { atMs: 413, do: "call", id: 22, client: "c1", kind: "fork", method: 0, workMs: 0 },
      { atMs: 475, do: "discovery", state: "empty" },
    ],
  });
  assert(text.includes("475 c1: call 22 fails: unavailable, unknown"), text);
});

Deno.test("a stubborn handler that outlives its connection makes no hedge of the next attempt", async () => {
  const call = { atMs: 0, do: "call", client: "c1", method: 0 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json" }],
    clients: [{ ...PLAN.clients[0], hedgeBudget: { ratio: 0.1, perSecond: 0 } }],
    steps: [
      { ...call, id: 9, kind: "call", workMs: 375, idempotent: true, stubborn: true },
      { atMs: 0, do: "drain", server: "s1", graceMs: 300, forMs: 1 },
      { ...call, id: 18, kind: "broadcast", workMs: 0 },
    ],
  });
  assert(/call 9 runs[^]* call 9 runs[^]* call 9 replied[^]* call 9 replied/.test(text), text);
});

Deno.test("a copy on the connection that takes a silent one's place is no hedge", async () => {
  const call = { do: "call", client: "c1", kind: "call", method: 0, workMs: 1 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json" }],
    clients: [{ ...PLAN.clients[0], hedgeBudget: { ratio: 0, perSecond: 0 } }],
    steps: [
      { ...call, atMs: 2043, id: 7, timeoutMs: 1, failMode: "failfast" },
      { atMs: 3213, do: "stall", server: "s1", forMs: 1055 },
      { ...call, atMs: 4169, id: 1, idempotent: true }, // it was stalled before
    ],
  });
  assert(/memory@s1 stalled[^]*call 1 runs[^]*memory@s1 resumed[^]*call 1 runs/.test(text), text);
});

/** A connection at a server that speaks gob is forgotten for good, behind these calls. */
const forgottenGob = (calls: Plan["steps"]): Plan => ({
  ...PLAN,
  servers: [{ name: "s5", protocol: "geerpc/gob" }],
  clients: [{ ...PLAN.clients[0], direct: "s5" }],
  steps: [...calls, { atMs: 7353, do: "forget", server: "s5", forGood: true }],
});

Deno.test("on geerpc/gob the first call finds out that its connection was forgotten, later ones need not", async () => {
  const call = { do: "call", client: "c1", kind: "call", method: 0, workMs: 0 } as const;
  assert(/fails: deadline_exceeded, unknown/.test(await held(forgottenGob([]))));
  assert(!/fails/.test(await held(forgottenGob([{ ...call, atMs: 10, id: 1 }]))));
});

Deno.test("a call whose connection is given up for a wait of our own is lost by no drain", async () => {
  const liveness = { silenceMs: 50, pongMs: 20, deadMs: 170 };
  const call = { client: "c1", kind: "call", method: 0, workMs: 93 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json" }],
    clients: [{ ...PLAN.clients[0], liveness }],
    steps: [
      { atMs: 0, do: "point", point: "reply_read", times: 1, waitMs: 300 },
      { atMs: 0, do: "call", id: 1, ...call },
      { atMs: 126, do: "discovery", state: "fine" }, // what is set for a point ends behind the last
    ],
  });
  assert(/200 c1: call 1 fails: unavailable, unknown: .* no sign of life/.test(text), text);
});

Deno.test("a client that bears no pause of an overfull server loses its call by no drain", async () => {
  const liveness = { silenceMs: 50, pongMs: 20, deadMs: 170 };
  const call = { atMs: 0, do: "call", client: "c1", kind: "fork", method: 0 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json", maxInFlight: 2 }],
    clients: [{ ...PLAN.clients[0], liveness }],
    steps: [
      ...[10, 11].map((id) => ({ ...call, id, workMs: 375 })),
      { ...call, id: 3, workMs: 0, argument: "at_limit", length: 4057 },
    ],
  });
  assert(/200 c1: call 10 fails: unavailable, unknown: .* no sign of life/.test(text), text);
});

Deno.test("a fork of which a server's own time is over is lost by no drain", async () => {
  const call = { client: "c1", kind: "fork", method: 0, workMs: 1, serverTimeoutMs: 1 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json" }, { name: "s2", protocol: "geerpc/json" }],
    steps: [
      { atMs: 0, do: "fault", server: "s2", refuse: true },
      { atMs: 0, do: "call", id: 13, ...call },
    ],
  });
  assert(text.includes("1 c1: call 13 fails: unavailable, unknown"), text);
});

Deno.test("a certain call that was refused behind a lost connection does not run when it comes", async () => {
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json" }],
    clients: [{ ...PLAN.clients[0], direct: "s1" }],
    steps: [
      { atMs: 0, do: "point", point: "request_read", times: 1, waitMs: 1 },
      {
        atMs: 0,
        do: "call",
        id: 14,
        client: "c1",
        kind: "call",
        method: 0,
        workMs: 0,
        certain: true,
      },
      { atMs: 0, do: "fault", server: "s1", silent: true },
    ],
  });
  assert(/call 14 fails: unavailable, rejected: .* has not run here/.test(text), text);
  assert(!text.includes("call 14 runs"), text);
});

Deno.test("a close from within an argument tells the server of certain calls, too", async () => {
  const call = { atMs: 0, do: "call", client: "c1", kind: "call", method: 0 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s3", protocol: "geerpc/json" }],
    steps: [
      { ...call, id: 2, workMs: 1500, abortAfterMs: 1, certain: true },
      { ...call, id: 27, workMs: 0, argument: "closes" },
    ],
  });
  assert(text.includes("0 s3 -> c1: call 2 aborted"), text);
});

Deno.test("a server's last word on a connection says nothing of a call that is asked for there", async () => {
  const call = { do: "call", client: "c2", kind: "call", method: 0 } as const;
  const text = await held({
    ...PLAN,
    seed: 44736,
    delayMs: 5,
    servers: [{ name: "s2", protocol: "geerpc/json" }],
    clients: [PLAN.clients[0], { ...PLAN.clients[0], name: "c2", direct: "s2" }],
    steps: [
      { ...call, atMs: 0, id: 20, workMs: 375, certain: true },
      { atMs: 21, do: "point", point: "request_read", times: 2 },
      { ...call, atMs: 54, id: 12, workMs: 0 },
      { atMs: 134, do: "drain", server: "s2", graceMs: 300, forMs: 1 },
    ],
  });
  assert(text.includes("395 s2 -> c2: call 20 replied"), text);
  assert(
    /call 20 fails: internal, unknown: .*; another process answers there now/.test(text),
    text,
  );
});

Deno.test("a certain call that is aborted as the last one of a connection that ends with it is cancelled", async () => {
  const call = { atMs: 0, do: "call", client: "c3", kind: "call", method: 0 } as const;
  const { text, violations } = await runPlan({
    ...PLAN,
    servers: [{ name: "s3", protocol: "geerpc/json" }, { name: "s4", protocol: "geerpc/json" }],
    clients: [{ ...PLAN.clients[0], name: "c3" }],
    steps: [
      { ...call, id: 17, workMs: 1500, abortAfterMs: 1, certain: true },
      { atMs: 0, do: "list", servers: ["s4"] },
    ],
  }, { without: [] });
  assertEquals(violations, []);
  assert(text.includes("1 s3 -> c3: call 17 aborted"), text);
});

Deno.test("an answer that is asked for in the grace of a close is not dialled for again", async () => {
  const call = { do: "call", client: "c1", kind: "call", method: 0, workMs: 0 } as const;
  const text = await held({
    ...PLAN,
    delayMs: 1,
    servers: [{ name: "s1", protocol: "geerpc/json", maxInFlight: 2 }],
    steps: [
      { atMs: 0, do: "point", point: "call_queued", times: 1 },
      { ...call, atMs: 0, id: 14, workMs: 200 },
      { atMs: 2, do: "point", point: "handshake_read", times: 1 },
      { ...call, atMs: 196, id: 2, workMs: 1 },
      { ...call, atMs: 196, id: 3, certain: true },
      { atMs: 199, do: "close", client: "c1", graceMs: 3 },
      { ...call, atMs: 218, id: 7 },
    ],
  });
  assert(/20[12] c1: call 3 fails: canceled, unknown: .*; the client was closed/.test(text), text);
});

Deno.test("a certain call on a connection whose process is long gone, which nobody has heard of", async () => {
  const call = { do: "call", client: "c1", kind: "call", method: 0, workMs: 0 } as const;
  const text = await held({
    ...PLAN,
    servers: [{ name: "s1", protocol: "geerpc/json" }],
    steps: [
      { ...call, atMs: 0, id: 3 },
      { atMs: 1952, do: "stall", server: "s1", forMs: 9472 },
      { atMs: 2037, do: "drain", server: "s1", graceMs: 0, forMs: 1 },
      { ...call, atMs: 10_827, id: 13, certain: true },
    ],
  });
  assert(
    /call 13 fails: unavailable, unknown: .*; another process answers there now/.test(text),
    text,
  );
});

Deno.test("a call whose connection has drained before it could be sent costs no retry budget", async () => {
  const call = { do: "call", client: "c1", kind: "call", method: 0, workMs: 0 } as const;
  const text = await held({
    ...PLAN,
    seed: 89090,
    delayMs: 40,
    servers: [{ name: "s4", protocol: "geerpc/json" }],
    clients: [{ ...PLAN.clients[0], mode: "round_robin", retryBudget: { ratio: 0, perSecond: 1 } }],
    steps: [
      { ...call, atMs: 0, id: 25, argument: "at_limit", length: 4084 },
      { ...call, atMs: 0, id: 6, workMs: 39, timeoutMs: 600, failMode: "failtry" },
      { atMs: 0, do: "point", point: "dial_shared", times: 1, waitMs: 300 },
      { ...call, atMs: 45, id: 12, kind: "fork" },
      { atMs: 153, do: "drain", server: "s4", graceMs: 0, forMs: 1 },
    ],
  });
  assert(/call 25 fails: .*2 attempts[^]*call 6 fails: .*2 attempts/.test(text), text);
});
