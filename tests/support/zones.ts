/** Fleets in zones. */

import type { XClientOptions } from "../../fleet/options.ts";
import type { XClient } from "../../xclient.ts";
import { settled } from "./helpers.ts";
import { answeredBy, type Case, type Node, withNodes } from "./fleet.ts";

/** A test whose servers `a`, `b`, … are in the zones of a text: `xxy` puts `c` in `y`. */
export function withZones(
  zones: string,
  body: (test: Case & { zoned: XClient }) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  return withNodes(zones.length, async (test) => {
    await test.discovery.update(listIn(zones, test.nodes));
    await body({ ...test, zoned: test.client({ zone: "x", ...options }) });
  });
}

/** The list: `-` is no zone. */
export function listIn(zones: string, nodes: readonly Node[]): string[] {
  return nodes.map(({ address }, place) =>
    zones[place] === "-" ? address : `${address}?zone=${zones[place]}`
  );
}

/** Who answered, in order of the alphabet, and how often: `2a 2b`. */
export async function counts(xclient: XClient, calls: number): Promise<string> {
  const names = (await answeredBy(xclient, calls)).split("");
  return [...new Set(names)].sort()
    .map((name) => `${names.filter((one) => one === name).length}${name}`).join(" ");
}

/** Makes an endpoint unreachable, and the client find that. */
export async function sever({ world }: Case, ...nodes: Node[]): Promise<void> {
  for (const { address } of nodes) {
    world.network.setFaults(address, { refuse: true });
    world.network.cut(address);
  }
  await settled();
}
