/** The schedule explorer: that it passes, that it finds what is wrong, and shows it. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RpcError } from "../../errors.ts";
import {
  explore,
  type ExploredClient,
  type ExploredClientOptions,
  type ExploreOptions,
  FakeClock,
  type Plan,
  runPlan,
} from "../../testing.ts";
import type { Discovery } from "../../discovery.ts";
import { XClient } from "../../xclient.ts";
import { found, wrong } from "../support/explored.ts";

type Call = ExploredClient["call"];

/** What an explored call promises. */
type Replied = Promise<unknown>;

Deno.test("everything holds in some hundred plans, and rare paths are among them", async () => {
  const report = await explore({ seeds: 400 });
  assertEquals(report.plans, 400);
  assert(report.calls > 4000, `${report.calls} calls`);
  assert(report.coverage.size > 35, `never happened: ${report.missing.join("; ")}`);
});

Deno.test("the same seed has the same history, byte for byte", async () => {
  const histories = async () => {
    const texts: string[] = [];
    await explore({ seeds: 60, from: 500, check: ({ text }) => void texts.push(text) });
    return texts;
  };
  const [one, other] = [await histories(), await histories()];
  assert(one.every((text) => /\n\d+ bytes, [0-9a-f]+$/.test(text)));
  assertEquals(one, other);
});

Deno.test("a plan is plain data: printed and read again, it fails again in the same way", async () => {
  const client = wrong((xclient) => ({
    call: (...args: Parameters<Call>): Replied => xclient.call(...args).then(() => ({ Id: -1 })),
  }));
  const { plan, violations, message, diagram, mermaid, seed } = await found(
    "a success is its call's answer",
    { client },
  );
  const read: Plan = JSON.parse(JSON.stringify(plan));
  assertEquals(read, plan);
  const again = await runPlan(read, { client });
  assertEquals(again.violations, violations);
  // One server, one client, one call: nothing of it can be left out.
  assertEquals([plan.servers.length, plan.clients.length, plan.steps.length], [1, 1, 0]);
  assert(message.includes(`seed ${seed}`) && message.includes(violations[0].message), message);
  assert(message.includes(diagram), message);
  const [server, caller] = [plan.servers[0].name, plan.clients[0].name];
  assert(mermaid.startsWith(`sequenceDiagram\n  participant ${caller}\n  participant ${server}\n`));
  assert(mermaid.includes(`  ${caller}->>${server}: `), mermaid);
  assert(diagram.split("\n")[0].trim().split(/\s+/).join() === `ms,${caller},${server}`, diagram);
});

Deno.test("a fake clock that jumps calls timers late, all at the new time", async () => {
  const clock = new FakeClock(100);
  const seen: string[] = [];
  for (const ms of [10, 30, 50]) clock.setTimer(ms, () => seen.push(`${ms} at ${clock.now()}`));
  clock.jump(40);
  assertEquals([seen, clock.now()], [[], 140]);
  await clock.advance(20);
  assertEquals(seen, ["10 at 140", "30 at 140", "50 at 150"]);
  assertThrows(() => clock.jump(-1), RangeError);
  assertThrows(() => clock.jump(NaN), RangeError);
});

Deno.test("planted: a call that settles twice", async () => {
  const client = wrong((xclient) => ({
    call: (...args: Parameters<Call>): Replied => {
      const promise = xclient.call(...args);
      const twice = (settle: (value: unknown) => void) => (value: unknown) => {
        settle(value);
        settle(value);
      };
      const then = (resolve: () => void, reject: () => void) =>
        promise.then(resolve, twice(reject));
      return { then } as unknown as Replied;
    },
  }));
  await found("a call settles once", { client });
});

Deno.test("planted: a receipt that comes twice", async () => {
  const client = wrong((xclient) => {
    const inform = async function* (...args: Parameters<Call>) {
      for await (const receipt of xclient.inform(...args)) {
        yield receipt;
        if (!receipt.ok) yield receipt;
      }
    };
    return { inform };
  });
  await found("a call settles once", { client });
});

Deno.test("planted: a call is made again although it may have run", async () => {
  const client = wrong((xclient) => ({
    call: (...args: Parameters<Call>): Replied =>
      xclient.call(...args).catch((error) => {
        if (!(error instanceof RpcError) || error.code !== "unavailable") throw error;
        if (args[2]?.timeoutMs !== undefined) throw error;
        return xclient.call(...args);
      }),
  }));
  const { plan } = await found("a call that is not idempotent runs once", { client });
  assert(plan.steps.length <= 3, JSON.stringify(plan.steps));
});

Deno.test("planted: a listener, a timer or a rejection is left behind", async () => {
  const listening = wrong((xclient) => ({
    call: (...args: Parameters<Call>): Replied => {
      args[2]?.signal?.addEventListener("abort", () => {});
      return xclient.call(...args);
    },
  }));
  const waiting = wrong((xclient, { clock }) => ({
    fork: (...args: Parameters<Call>): Replied => {
      const timer = clock!.setTimer(500_000, () => {});
      return xclient.fork(...args).then((reply) => {
        timer.cancel();
        return reply;
      });
    },
  }));
  const throwing = wrong((xclient) => ({
    broadcast: (...args: Parameters<Call>): Replied => {
      const promise = xclient.broadcast(...args);
      promise.then(() => {}); // nobody hears of its failure
      return promise;
    },
  }));
  for (const client of [listening, waiting, throwing]) {
    await found("nothing is left behind", { client });
  }
});

Deno.test("planted: retries that no budget pays for", async () => {
  const retrying = wrong((xclient) => ({
    call: async (...args: Parameters<Call>): Replied => {
      for (let left = args[2]?.timeoutMs === undefined ? 5 : 0;; left--) {
        try {
          return await xclient.call(...args);
        } catch (error) {
          if (left === 0 || !(error instanceof RpcError) || error.execution !== "rejected") {
            throw error;
          }
        }
      }
    },
  }));
  const rich = (discovery: Discovery, options: ExploredClientOptions) =>
    new XClient(discovery, { ...options, retryBudget: { ratio: 1, perSecond: 100 } });
  for (const client of [retrying, rich]) {
    await found("budgets hold", { client });
  }
});

Deno.test("planted: a hedge that no budget pays for", async () => {
  const client = (discovery: Discovery, options: ExploredClientOptions) =>
    new XClient(discovery, { ...options, hedgeBudget: { ratio: 1, perSecond: 10 } });
  await found("budgets hold", { client });
});

Deno.test("planted: another call's answer", async () => {
  const client = wrong((xclient) => {
    let last: unknown;
    return {
      call: (...args: Parameters<Call>): Replied =>
        xclient.call(...args).then((reply) => {
          const before = last;
          last = reply;
          return before ?? reply;
        }),
    };
  });
  const { plan } = await found("a success is its call's answer", { client });
  assert(plan.steps.length <= 2, JSON.stringify(plan.steps));
});

Deno.test("planted: an error that says that nothing ran", async () => {
  const client = wrong((xclient) => ({
    call: (...args: Parameters<Call>): Replied =>
      xclient.call(...args).catch((error) => {
        if (!(error instanceof RpcError) || error.execution !== "unknown") throw error;
        throw new RpcError(error.code, error.message, { ...error, execution: "not_sent" });
      }),
  }));
  await found("what did not run says so, and no other", { client });
});

Deno.test("planted: a deadline that is not kept, and an abort that is not heard", async () => {
  const late = wrong((xclient) => ({
    call: (method: string, args: unknown, options: Parameters<Call>[2] = {}): Replied => {
      const { timeoutMs } = options;
      const longer = timeoutMs === undefined ? {} : { timeoutMs: timeoutMs + 50 };
      return xclient.call(method, args, { ...options, ...longer });
    },
  }));
  const deaf = wrong((xclient) => ({
    call: (method: string, args: unknown, options: Parameters<Call>[2] = {}): Replied =>
      xclient.call(method, args, { ...options, signal: undefined }),
  }));
  await found("a deadline is kept", { client: late });
  await found("an abort ends a call at once", { client: deaf });
});

Deno.test("planted: connections that are never closed", async () => {
  await found("nothing is left behind", {
    network: (inner) => ({
      connect: async (endpoint, options) => {
        const transport = await inner.connect(endpoint, options);
        return {
          remote: transport.remote,
          start: (receiver) => transport.start(receiver),
          write: (bytes) => transport.write(bytes),
          close() {},
        };
      },
      listen: (endpoint, accept, options) => inner.listen(endpoint, accept, options),
    }),
  });
});

/** A network on which what clients write, and what they read, is changed as text. */
function changed(
  written: (text: string) => string,
  read: (text: string) => string,
): ExploreOptions["network"] {
  const through = (change: (text: string) => string) => (bytes: Uint8Array): Uint8Array => {
    const text = change(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  };
  const [write, data] = [through(written), through(read)];
  return (inner) => ({
    connect: async (endpoint, options) => {
      const transport = await inner.connect(endpoint, options);
      return {
        remote: transport.remote,
        start: ({ data: take, end }) =>
          transport.start({ data: (chunk) => take(data(chunk)), end }),
        write: (bytes) => transport.write(write(bytes)),
        close: () => transport.close(),
      };
    },
    listen: (endpoint, accept, options) => inner.listen(endpoint, accept, options),
  });
}

const same = (text: string) => text;

Deno.test("planted: a server that has forgotten what it ran", async () => {
  // It is asked for a call that nobody has made, and says that it has not run.
  const network = changed(
    (text) => text.replace(/"Recall":"[0-9a-f]{8}/g, '"Recall":"00000000'),
    same,
  );
  const { plan } = await found("a call that is not idempotent runs once", { network });
  assert(plan.steps.some((step) => step.do === "call" && step.certain), JSON.stringify(plan.steps));
});

Deno.test("planted: a client that takes a server for another process", async () => {
  let processes = 0;
  const network = changed(
    same,
    (text) =>
      text.replace(/"Instance":"......../g, () => `"Instance":"${10_000_000 + ++processes}`),
  );
  await found("a call that is certain is unknown only if its process is gone", { network });
});

Deno.test("planted: chance that does not come from the plan", async () => {
  const client = (discovery: Discovery, { random: _, ...options }: ExploredClientOptions) =>
    new XClient(discovery, { ...options, mode: "random" });
  await found("the same plan has the same history", { client });
});

Deno.test("services of one's own: their answers, and a check of the whole run", async () => {
  const methods = [{
    serviceMethod: "Stock.Double",
    args: (id: number) => ({ n: id }),
    check: (reply: unknown, args: unknown) =>
      assertEquals(reply, { n: (args as { n: number }).n * 2 }),
  }];
  const double = ({ n }: { n: number }) => ({ n: n * 2 });
  const report = await explore({
    seeds: 100,
    services: (server) => ({ Stock: { Double: double, Name: () => server } }),
    methods,
    check: ({ calls }) => assert(calls.every(({ settlements }) => settlements === 1)),
  });
  assertEquals(report.plans, 100);

  // A service that keeps what it must not: the answer depends on who called before.
  let before = 0;
  const forgetful = ({ n }: { n: number }) => {
    const answer = { n: (before || n) * 2 };
    before = n;
    return answer;
  };
  await found("a success is its call's answer", {
    services: () => {
      before = 0; // or each plan would depend on the one before it
      return { Stock: { Double: forgetful } };
    },
    methods,
  });
  await found("the caller's own check", {
    services: { Stock: { Double: double } },
    methods,
    check: ({ calls }) => assert(calls.every(({ runs }) => runs.length < 2), "ran twice"),
  });
  await assertRejects(() => explore({ services: { Stock: { Double: double } } }), TypeError);
});
