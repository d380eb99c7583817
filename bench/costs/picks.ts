/** The time of a pick, by policy and number of servers. */

import { SelectMode } from "@geerpc/xclient";
import { FLEET_SIZES } from "../picker.ts";
import { median } from "../rounds.ts";
import { type Figure, type Part, type PartContext, row } from "./part.ts";

const ROUND_MS = 60;
const WARM_UP_MS = 200;
const ROUNDS = 7;

/** Each policy in a process of its own: code that has run several policies is slower. */
export const picks: Part = {
  name: "picks",
  title: "nanoseconds a pick on Deno, by number of servers",
  measure,
};

async function measure({ stage, progress }: PartContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const mode of Object.values(SelectMode)) {
    for (const size of FLEET_SIZES) {
      progress(`${mode}, ${size} servers`);
      await using program = await stage.deno("costs/programs/picking.ts", mode, `${size}`);
      await program.ask<number>(`${WARM_UP_MS}`);
      const rounds: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        rounds.push(await program.ask<number>(`${ROUND_MS}`));
      }
      figures.push(...row(mode, { [size.toLocaleString("en-US")]: median(rounds) }));
    }
  }
  return figures;
}
