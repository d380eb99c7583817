/** Our server, with `Arith.Sum`. */

import { Server } from "@geerpc/xclient";

const server = new Server();
server.register("Arith", { Sum: (args: { A: number; B: number }) => args.A + args.B });
const listener = await server.listen("tcp@127.0.0.1:0");
console.log(listener.address);

await Deno.stdin.readable.pipeTo(new WritableStream());
Deno.exit();
