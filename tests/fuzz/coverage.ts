/** How much of each module a run has reached, out of what Deno has recorded. */

/** What was reached of one module. */
export interface Covered {
  readonly module: string;
  readonly lines: readonly [reached: number, of: number];
  readonly branches: readonly [reached: number, of: number];
}

/** Reads a report in the format of lcov. */
export function coveredIn(lcov: string, root: string): Covered[] {
  return lcov.split("end_of_record").flatMap((record) => {
    const path = /^SF:(.*)$/m.exec(record)?.[1];
    if (path === undefined || !path.startsWith(root)) return [];
    const count = (key: string) =>
      Number(new RegExp(`^${key}:(\\d+)$`, "m").exec(record)?.[1] ?? 0);
    return [{
      module: path.slice(root.length),
      lines: [count("LH"), count("LF")] as const,
      branches: [count("BRH"), count("BRF")] as const,
    }];
  });
}

/** As `95 %`; nothing where there is nothing to reach. */
export function percent([reached, of]: readonly [number, number]): string {
  return of === 0 ? "" : `${Math.floor(reached / of * 100)} %`;
}
