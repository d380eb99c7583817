/** The time of a pick, by policy and number of servers; run it with `deno bench`. */

import { SelectMode } from "../selector.ts";
import { FLEET_SIZES, picker } from "./picker.ts";

for (const size of FLEET_SIZES) {
  for (const mode of Object.values(SelectMode)) {
    const pick = await picker(mode, size);
    Deno.bench({ name: mode, group: `${size} servers`, fn: () => void pick() });
  }
}
