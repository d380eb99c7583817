/**
 * Our clients, for Deno and Node: `client.ts KIND PROTOCOL ADDRESS…`, where KIND
 * is `client` or `xclient`.
 */

import process from "node:process";
import { dial, MultiServerDiscovery, type Protocol, XClient } from "@geerpc/xclient";
import { arithSchema } from "./arith.ts";
import { answerWith, worksOf } from "./measured.ts";

const [kind, protocol, ...addresses] = process.argv.slice(2);
const options = { protocol: protocol as Protocol };
const client = kind === "client"
  ? await dial(addresses[0], options)
  : new XClient(new MultiServerDiscovery(addresses), options);
if (protocol.endsWith("/gob")) {
  const arith = client instanceof XClient
    ? client.service("Arith", arithSchema)
    : client.service("Arith", arithSchema);
  await answerWith(worksOf((A, B) => arith.Sum({ A, B }), (text) => arith.Echo(text)));
} else {
  await answerWith(
    worksOf(
      (A, B) => client.call("Arith.Sum", { A, B }),
      (text) => client.call("Arith.Echo", text),
      {
        bytes: (bytes) => client.call("Bytes.Echo", bytes),
        items: () => client.stream("Streams.Items"),
        chunks: () => client.stream("Streams.Chunks"),
      },
    ),
  );
}
