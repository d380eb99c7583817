/** What happens to a call after a failed attempt: where and when it is tried again, and how often. */

import { assert, assertEquals } from "@std/assert";
import type { FleetCallOptions } from "../../fleet/call_options.ts";
import { FailMode } from "../../fleet/fail_mode.ts";
import type { Selector } from "../../selector.ts";
import { attemptsOf, type Case, type Node, watch, withNodes } from "../support/fleet.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";

type Certainty = "not_sent" | "rejected" | "unknown" | "answered";

/** Makes a server fail the next call with a certainty. */
const failDecode: Record<Certainty, (test: Case, node: Node) => void> = {
  not_sent: ({ world }, { address }) => world.network.setFaults(address, { refuse: true }),
  rejected: (_, node) => node.behaviour = "reject",
  unknown: (_, node) => node.behaviour = "hold",
  answered: (_, node) => node.behaviour = "fail",
};

/** Ends what a server holds without a word. */
async function cutIfHeld({ world }: Case, node: Node): Promise<void> {
  await settled();
  if (node.held.length > 0) world.network.cut(node.address);
  await settled();
}

for (const certainty of ["not_sent", "rejected", "unknown", "answered"] as const) {
  for (const idempotent of [false, true]) {
    for (const failMode of Object.values(FailMode)) {
      const again = certainty === "not_sent" || certainty === "rejected" ||
        certainty === "unknown" && idempotent;
      const tried = !again || failMode === FailMode.Failfast
        ? "a"
        : failMode === FailMode.Failtry
        ? "a a"
        : "a b";
      const name = `${failMode}: ${certainty}, ${idempotent ? "" : "not "}idempotent → ${tried}`;
      Deno.test(name, () =>
        withNodes(3, async (test) => {
          const { xclient, nodes: [a, b, c], pass, world } = test;
          failDecode[certainty](test, a);
          const call = xclient.call("Work.Do", 1, { idempotent, failMode, timeoutMs: 60_000 });
          const outcome = watch(call);
          await cutIfHeld(test, a);
          world.network.setFaults(a.address);
          a.behaviour = "echo";
          await pass(0); // a backoff of no length, if there is one
          const ran = certainty === "unknown" || certainty === "answered" ? [1] : [];
          if (tried === "a") {
            assertEquals(outcome.state, "rejected");
            const code = certainty === "answered" ? "unknown" : "unavailable";
            assertFailure(outcome.error, {
              code,
              execution: certainty,
              address: a.address,
              serviceMethod: "Work.Do",
            });
            const phase = certainty === "not_sent" ? "dial" : "call";
            assertEquals(attemptsOf(outcome.error), [
              `a ${phase} round_robin ${code} ${certainty}`,
            ]);
            assertEquals([a.ran, b.ran, c.ran], [ran, [], []]);
          } else {
            assertEquals(outcome.value, tried.at(-1));
            const again = failMode === FailMode.Failtry ? [...ran, 1] : ran;
            assertEquals([a.ran, b.ran, c.ran], [again, tried === "a b" ? [1] : [], []]);
          }
          await pass(1000);
        }));
    }
  }
}

Deno.test("always another server; after a round through all, once more after a backoff", () =>
  withNodes(2, async ({ xclient, nodes, pass }) => {
    for (const node of nodes) node.behaviour = "reject";
    const outcome = watch(xclient.call("Work.Do", 1, { maxAttempts: 4 }));
    await settled();
    assertEquals(nodes.map(({ came }) => came), [1, 1]);
    assertEquals(outcome.state, "pending");
    await pass(50);
    assertEquals(nodes.map(({ came }) => came), [2, 2]);
    assertEquals(attemptsOf(outcome.error), [
      "a call round_robin unavailable rejected",
      "b call failover unavailable rejected",
      "a call failover unavailable rejected",
      "b call failover unavailable rejected",
    ]);
  }));

Deno.test("a new round does not begin with the server that failed last", () =>
  withNodes(2, async ({ nodes, pass, client }) => {
    // Chance that always says the last: a policy that would pick b for ever.
    const xclient = client({
      mode: { pick: (candidates) => candidates.at(-1) },
      random: () => 0.5,
    });
    for (const node of nodes) node.behaviour = "reject";
    const error = failure(xclient.call("Work.Do", 1, { maxAttempts: 5 }));
    await pass(1000);
    assertEquals(attemptsOf(await error).map((line) => line[0]).join(""), "babab");
  }));

Deno.test("at most maxAttempts, by default three", () =>
  withNodes(5, async ({ xclient, nodes, client }) => {
    for (const node of nodes) node.behaviour = "reject";
    for (const [options, tries] of [[{}, 3], [{ maxAttempts: 1 }, 1], [{ maxAttempts: 4 }, 4]]) {
      const error = await failure(xclient.call("Work.Do", 1, options as FleetCallOptions));
      assertEquals(attemptsOf(error).length, tries);
    }
    const two = client({ maxAttempts: 2 });
    assertEquals(attemptsOf(await failure(two.call("Work.Do"))).length, 2);
    assertEquals(attemptsOf(await failure(two.call("Work.Do", 1, { maxAttempts: 3 }))).length, 3);
  }));

Deno.test("a stalled copy that fails during a backoff causes no attempt beside the one to come", () =>
  withNodes(2, async ({ client, world, nodes: [a, b], pass }) => {
    const xclient = client({
      mode: { pick: ([first]) => first },
      random: () => 0.99,
      liveness: { silenceMs: 100, pongMs: 100 },
    });
    a.behaviour = "hold";
    const outcome = watch(xclient.call("Work.Do", 1, { idempotent: true }));
    await settled();
    world.network.setFaults(a.address, { silent: true });
    b.behaviour = "reject";
    await pass(300); // the copy has been turned away
    assertEquals([a.came, b.came], [1, 1]);
    a.behaviour = b.behaviour = "hold";
    world.network.setFaults(a.address);
    world.network.cut(a.address);
    await settled();
    assertEquals([a.came, b.came], [1, 1]);
    await pass(100);
    assertEquals(a.came + b.came, 3);
    for (const { held } of [a, b]) for (const end of held) end.resolve("done");
    await settled();
    assertEquals(outcome.value, "done");
  }));

Deno.test("a server that has left the list during a backoff is not the client's own close", () =>
  withNodes(2, async ({ client, nodes: [a, b], list, pass }) => {
    const mode: Selector = { pick: ([first]) => first };
    const xclient = client({ mode, random: () => 0.99, failMode: FailMode.Failtry });
    a.behaviour = "reject";
    const outcome = watch(xclient.call("Work.Do", 1));
    await settled();
    await list([b]);
    await pass(1000);
    const error = { code: "unavailable", execution: "rejected", address: a.address } as const;
    assertFailure(outcome.error, { ...error, message: "the server has left the list" });
    assertEquals(a.came, 1);
  }));

Deno.test("one server alone is tried again after a backoff", () =>
  withNodes(1, async ({ xclient, nodes: [a], pass }) => {
    a.behaviour = "reject";
    const outcome = watch(xclient.call("Work.Do", 1));
    await settled();
    assertEquals([outcome.state, a.came], ["pending", 1]);
    a.behaviour = "echo";
    await pass(50);
    assertEquals(outcome.value, "a");
  }));

Deno.test("no more attempts than the budget allows: a fifth of the calls and ten", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    for (const node of nodes) node.behaviour = "reject";
    const calls = 200;
    let tries = 0;
    for (let n = 0; n < calls; n++) {
      tries += attemptsOf(await failure(xclient.call("Work.Do", n))).length;
    }
    assertEquals(tries, nodes.reduce((sum, { came }) => sum + came, 0));
    assert(tries <= calls * 1.2 + 10 && tries >= calls * 1.2 + 8, String(tries));
  }, { health: { failuresInARow: Infinity, minSuccessRate: 0 } }));

Deno.test("an empty budget means one attempt", () =>
  withNodes(3, async ({ xclient, nodes }) => {
    for (const node of nodes) node.behaviour = "reject";
    assertEquals(attemptsOf(await failure(xclient.call("Work.Do", 1))).length, 1);
  }, { retryBudget: { ratio: 0, perSecond: 0 } }));

Deno.test("idempotent: for the call, for a method by name, or by a test", () =>
  withNodes(2, async ({ client, nodes: [a, b], world }) => {
    const asked: string[] = [];
    const ways: [Parameters<typeof client>[0], FleetCallOptions, boolean][] = [
      [{}, { idempotent: true }, true],
      [{ idempotent: ["Work.Do"] }, {}, true],
      [{ idempotent: ["Work.Other"] }, {}, false],
      [{ idempotent: (name) => asked.push(name) > 0 }, {}, true],
      [{ idempotent: ["Work.Do"] }, { idempotent: false }, false],
      [{}, {}, false],
    ];
    for (const [options, callOptions, isRepeated] of ways) {
      a.behaviour = "hold";
      const xclient = client(options);
      const outcome = watch(xclient.call("Work.Do", 1, callOptions));
      await settled();
      world.network.cut(a.address);
      await settled();
      assertEquals(outcome.state, isRepeated ? "resolved" : "rejected");
    }
    assertEquals(asked, ["Work.Do"]);
    assertEquals(b.ran.length, 3);
  }));

Deno.test("what is certain about the last attempt is not what is certain about the call", () =>
  withNodes(2, async ({ xclient, nodes: [a, b], world }) => {
    a.behaviour = "hold";
    world.network.setFaults(b.address, { refuse: true });
    const outcome = watch(xclient.call("Work.Do", 1, { idempotent: true, maxAttempts: 2 }));
    await settled();
    world.network.cut(a.address); // it may have run there
    await settled();
    assertFailure(outcome.error, { code: "unavailable", execution: "unknown" });
    assertEquals(attemptsOf(outcome.error), [
      "a call round_robin unavailable unknown",
      "b dial failover unavailable not_sent",
    ]);
  }));
