/** A call with telemetry, in a process of its own: the runtime brings OpenTelemetry along. */

import { Server } from "../../server.ts";
import { telemetry } from "../../telemetry.ts";
import { MemoryNetwork } from "../../testing.ts";
import { XClient } from "../../xclient.ts";

const network = new MemoryNetwork();
const interceptors = [telemetry()];
await using server = new Server({ interceptors });
server.register("Arith", { Sum: ({ A, B }: { A: number; B: number }) => A + B });
await server.listen("memory@a", { network });
await using xclient = new XClient(["memory@a"], { network, interceptors });
console.log(await xclient.call("Arith.Sum", { A: 1, B: 2 }));
