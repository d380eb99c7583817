/** A policy of the caller's own. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { EndpointView, Selector } from "../../selector.ts";
import { assertFailure, failure, settled } from "../support/helpers.ts";
import { answeredBy, came, watch, withNodes } from "../support/fleet.ts";

Deno.test("a caller's own policy: it sees the servers, and picks", () =>
  withNodes(3, async ({ client, nodes }) => {
    const seen: EndpointView[][] = [];
    const mode: Selector = {
      pick: (candidates) => (seen.push([...candidates]), candidates.at(-1)),
    };
    const xclient = client({ mode });
    assertEquals(await answeredBy(xclient, 3), "ccc");
    assertEquals(seen[0].map(({ address }) => address), nodes.map(({ address }) => address));
    assertEquals(seen[2].map(({ inFlight }) => inFlight), [0, 0, 0]);
    const error = await failure(client({ mode, maxAttempts: 1 }).call("Work.None"));
    assertFailure(error, { code: "unimplemented" });
    assertEquals(error.attempts[0].why, "selector");
  }));

Deno.test("a caller's own policy sees figures, the same object for the same server, and nothing else", () =>
  withNodes(2, async ({ client, list, nodes: [a, b] }) => {
    const seen: (readonly EndpointView[])[] = [];
    const mode: Selector = {
      pick: (candidates) => (seen.push(candidates), candidates[0]),
    };
    const xclient = client({ mode });
    a.behaviour = "hold";
    const call = xclient.call("Work.Do", 1);
    await settled();
    const [view] = seen[0];
    assertEquals({ ...view }, {
      address: a.address,
      weight: 1,
      zone: "",
      inFlight: 1,
      oldestAtMs: 0,
      latencyMs: 0,
      peakMs: 0,
      updatedAtMs: 0,
      reportedLoad: 0,
      othersInFlight: 0,
      reportedAtMs: 0,
      lateAtMs: Infinity,
      roundTripMs: 0,
    });
    for (const candidates of seen) {
      assert(Object.isFrozen(candidates) && candidates.every(Object.isFrozen));
      assertEquals(candidates.map(Object.getPrototypeOf), [Object.prototype, Object.prototype]);
    }
    a.held[0].resolve("a");
    await call;
    a.behaviour = "echo";
    await xclient.call("Work.Do", 1);
    assertStrictEquals(seen[1], seen[0]); // the same array until they change
    await list([b, a]);
    await xclient.call("Work.Do", 1);
    assertStrictEquals(seen[2][1], view);
    assertEquals(view.inFlight, 0);
  }));

Deno.test("a caller's own policy that picks none, picks something else, or throws fails the call", () =>
  withNodes(2, async ({ client, nodes }) => {
    const thrown = new Error("the policy's own");
    const strange = { ...client({}).endpoints()[0] } as unknown as EndpointView;
    const policies: [Selector, (error: unknown) => void][] = [
      [{ pick: () => undefined }, (error) => {
        assertFailure(error, {
          code: "unavailable",
          serviceMethod: "Work.Do",
          message: "picked none",
        });
      }],
      [
        { pick: () => strange } as unknown as Selector,
        (error) => assert(error instanceof TypeError),
      ],
      [{
        pick: () => {
          throw thrown;
        },
      }, (error) => assertStrictEquals(error, thrown)],
    ];
    for (const [mode, check] of policies) {
      const xclient = client({ mode });
      check(await failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 })));
      check(await failure(xclient.call("Work.Do", 1, { timeoutMs: 1000 })));
    }
    assertEquals(came(nodes), [0, 0]);
  }));

Deno.test("a policy that throws at a second pick fails its call, and spares the connection", () =>
  withNodes(2, async ({ client, nodes: [a, b], world }) => {
    let picks = 0;
    const mode: Selector = {
      pick: (candidates) => {
        if (++picks === 3) throw new Error("no more");
        return candidates[0];
      },
    };
    const xclient = client({ mode });
    a.behaviour = "hold";
    const other = watch(xclient.call("Work.Do", 1));
    await settled();
    a.behaviour = "reject";
    const error = await failure(xclient.call("Work.Do", 2));
    assertEquals((error as Error).message, "no more");
    a.held[0].resolve("unharmed");
    await settled();
    assertEquals([other.value, world.network.connections(a.address), b.came], ["unharmed", 1, 0]);
  }));
