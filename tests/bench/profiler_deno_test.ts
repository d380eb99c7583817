import { assertEquals } from "@std/assert";
import { shares } from "../../bench/profiler.ts";

const node = (id: number, functionName: string, url = "") => ({
  id,
  callFrame: { functionName, url },
});

Deno.test("shares() sums up the time of each function itself, wherever it was called", () => {
  const profile = {
    nodes: [
      node(1, "(idle)"),
      node(2, "send", "file:///a/client.ts"),
      node(3, "", "file:///a/main.ts"),
      node(4, "send", "file:///a/client.ts"),
    ],
    samples: [1, 2, 3, 4, 1],
    timeDeltas: [30, 20, 10, 10, 30],
  };
  assertEquals(shares(profile), {
    idle: 0.6,
    functions: [
      { name: "send, client.ts", share: 0.75 },
      { name: "(anonymous), main.ts", share: 0.25 },
    ],
  });
});
