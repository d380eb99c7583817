/** A fleet under load with a real etcd: the demo, with a shorter outage. */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { runEtcdFleet } from "../../../examples/etcd_fleet.ts";
import { isEtcdMissing } from "../../support/etcd.ts";

Deno.test({
  name: "etcd fleet: servers join, leave and are killed, etcd too; no call fails",
  ignore: isEtcdMissing,
  fn: async () => {
    const show = (line: string) => console.log(line);
    const { missing, errors } = await deadline(runEtcdFleet({ outageMs: 4000, show }), 40_000);
    assertEquals(errors.slice(0, 3), []);
    assertEquals(missing, []);
  },
});
