/** Faults that are planted for the explorer to find. */

import { assertRejects } from "@std/assert";
import type { Discovery } from "../../discovery.ts";
import {
  explore,
  type ExploredClient,
  type ExploredClientOptions,
  ExploreError,
  type ExploreOptions,
} from "../../testing.ts";
import { XClient } from "../../xclient.ts";

type Call = ExploredClient["call"];

/** A client with a fault: what is not replaced is the `XClient`'s own. */
export function wrong(
  replace: (xclient: XClient, options: ExploredClientOptions) => Partial<ExploredClient>,
): ExploreOptions["client"] {
  return (discovery: Discovery, options: ExploredClientOptions) => {
    const xclient = new XClient(discovery, options);
    return {
      call: (...args: Parameters<Call>) => xclient.call(...args),
      broadcast: (...args: Parameters<Call>) => xclient.broadcast(...args),
      fork: (...args: Parameters<Call>) => xclient.fork(...args),
      inform: (...args: Parameters<Call>) => xclient.inform(...args),
      stream: (...args) => xclient.stream(...args),
      streamAll: (...args) => xclient.streamAll(...args),
      endpoints: () => xclient.endpoints(),
      close: (options) => xclient.close(options),
      ...replace(xclient, options),
    };
  };
}

/** Explores until a property does not hold; 1,000 plans must be enough. */
export async function found(property: string, options: ExploreOptions): Promise<ExploreError> {
  for (let from = 1; from <= 1000;) {
    const error = await assertRejects(
      () => explore({ from, seeds: 1001 - from, shrinkRuns: 300, ...options }),
      ExploreError,
    );
    if (error.violations.some((violation) => violation.property === property)) return error;
    from = error.seed + 1; // what is planted has broken something else before
  }
  throw new Error(`${property}: it held in 1,000 plans`);
}
