/** A user of the npm package: compiled and run as an ES module and as CommonJS. */

import { dial, MultiServerDiscovery, RpcError, SelectMode, Server, XClient } from "@geerpc/xclient";
import { gob } from "@geerpc/xclient/gob";

async function main() {
  const server = new Server();
  server.register("Arith", {
    Sum: (args: { A: number; B: number }) => args.A + args.B,
  });
  const { address } = await server.listen("tcp@127.0.0.1:0");

  const client = await dial(address);
  expect(3, await client.call<number>("Arith.Sum", { A: 1, B: 2 }));
  await client.close();

  const discovery = new MultiServerDiscovery([address]);
  const xclient = new XClient(discovery, { mode: SelectMode.RoundRobin });
  expect(7, await xclient.call<number>("Arith.Sum", { A: 3, B: 4 }));
  expect(9, await xclient.broadcast<number>("Arith.Sum", { A: 4, B: 5 }));
  const error: unknown = await xclient.call("Arith.None", {}).catch((e) => e);
  expect(true, error instanceof RpcError);
  await xclient.close();

  const schema = gob.service({
    Divide: {
      args: gob.struct({ A: gob.int32, B: gob.int32 }),
      reply: gob.float,
    },
  });
  server.register("Typed", { Divide: ({ A, B }) => A / B }, { schema });
  const netrpc = { protocol: "netrpc/gob" } as const;
  const other = await server.listen("tcp@127.0.0.1:0", netrpc);
  const typed = await dial(other.address, netrpc);
  expect(4, await typed.service("Typed", schema).Divide({ A: 8, B: 2 }));
  await typed.close();

  await server.close();
  console.log("The package works.");
}

function expect<T>(expected: T, actual: T) {
  if (actual !== expected) throw new Error(`Not ${expected}: ${actual}`);
}

main();
