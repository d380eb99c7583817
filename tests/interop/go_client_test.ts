/** Clients in Go call our server. */

import { assert, assertEquals } from "@std/assert";
import { mkdtemp, rm } from "node:fs/promises";
import { setImmediate } from "node:timers";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dial } from "../../client.ts";
import { gob } from "../../gob.ts";
import { VERSION } from "../../internal/version.ts";
import { DRAINING } from "../../protocol/go_errors.ts";
import { type ServeOptions, Server } from "../../server.ts";
import { deferred, settled } from "../support/helpers.ts";
import { withGoClients } from "./peer.ts";
import { arith, arithSchema, typesSchema } from "./services.ts";

const KINDS: readonly (readonly [kind: string, protocol: ServeOptions["protocol"]])[] = [
  ["tcp/gob", "netrpc/gob"],
  ["unix/gob", "netrpc/gob"],
  ["http/gob", undefined],
  ["http/gob", "netrpc/gob"],
  ["tcp/json", "netrpc/json"],
  ["tcp/gee-gob", undefined],
  ["tcp/gee-json", undefined],
  ["http/gee-gob", undefined],
];

withGoClients("Go's clients call our server, over every protocol and transport", async (peer) => {
  const folder = await mkdtemp(join(tmpdir(), "xclient_unix_"));
  const server = new Server();
  server.register("Arith", arith, { schema: arithSchema });
  server.register("Types", { Echo: (value) => value }, { schema: typesSchema });
  try {
    for (const [kind, protocol] of KINDS) {
      const place = kind.startsWith("unix/") ? `unix@${folder}/s.sock` : "tcp@127.0.0.1:0";
      const { address } = await server.listen(place, { protocol });
      const results = await peer.call(kind, address.slice(address.indexOf("@") + 1));
      const { misfit, noMethod, noService, ...rest } = results;
      const gee = kind.includes("gee");
      const isJson = kind.endsWith("json");
      assertEquals(rest, {
        right: 200,
        quotient: 4,
        divideError: "",
        byZero: "divide by zero",
        void: "",
        last: 42,
        lastError: "",
        ...(isJson ? {} : { echoed: true, echoError: "" }),
      }, kind);
      // The text by which a client in Go knows that the call did not run.
      assertEquals(
        [noMethod, noService],
        gee
          ? ["rpc server: can't find method None", "rpc server: can't find service None"]
          : ["rpc: can't find method Arith.None", "rpc: can't find service None.Sum"],
      );
      if (!isJson) assert(/^rpc server: the arguments can't be decoded/.test(String(misfit)), kind);
    }
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
});

withGoClients("Go's clients are not harmed by the word that a server drains", async (peer) => {
  for (const [kind, protocol] of KINDS.filter(([kind]) => kind.startsWith("tcp/"))) {
    const server = new Server();
    let closing: Promise<void> | undefined;
    const schema = gob.service({ Close: { reply: gob.safeInt } });
    server.register("Arith", arith, { schema: arithSchema });
    server.register("Server", {
      Close: async () => {
        closing = server.close(); // the word leaves before the reply
        await new Promise((resolve) => setImmediate(resolve));
        return 7;
      },
    }, { schema });
    const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
    const { refused, ...rest } = await peer.drain(kind, address.slice("tcp@".length));
    assertEquals(rest, { before: 3, during: 7, error: "", after: 0 }, kind);
    assert([DRAINING, "connection is shut down"].includes(String(refused)), `${kind}: ${refused}`);
    await closing;
  }
});

withGoClients(
  "Go's clients are told by our server's text that it has too much to do, and for how long",
  async (peer) => {
    for (const [kind, protocol] of KINDS.filter(([kind]) => kind.startsWith("tcp/"))) {
      const server = new Server({ maxConcurrent: 1, maxWaiting: 0 });
      const end = deferred<number>();
      server.register("Arith", arith, { schema: arithSchema });
      server.register("Gate", { Wait: () => end.promise });
      const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
      const client = await dial(address, { protocol });
      const running = client.call("Gate.Wait");
      while (server.running < 1) await settled();
      const { right, divideError } = await peer.call(kind, address.slice("tcp@".length));
      assertEquals(right, 0, kind);
      const text = String(divideError);
      assert(
        text.startsWith("rpc server: the call did not run: 0 calls wait on this server"),
        text,
      );
      assert(/; retry after \d+ ms$/.test(text), text);
      end.resolve(1);
      await running;
      await client.close();
      await server.close();
    }
  },
);

withGoClients("Go's clients ask our server about itself, over every protocol", async (peer) => {
  for (const [kind, protocol] of KINDS.filter(([kind]) => kind.startsWith("tcp/"))) {
    const server = new Server({ latencies: true });
    server.register("Arith", arith, { schema: arithSchema });
    server.register("Types", { Echo: (value) => value }, { schema: typesSchema });
    server.setStatus("Types", "not_serving");
    const { address } = await server.listen("tcp@127.0.0.1:0", { protocol });
    const asked = await peer.introspect(kind, address.slice("tcp@".length));
    const { health, ofService, ofNone, description, figures } = asked as Record<string, never>;
    assertEquals([health, ofService], ["serving", "not_serving"], kind);
    assert(String(ofNone).includes("there is no service None here"), String(ofNone));
    const { Version, Instance, Status, Services } = description;
    assertEquals([Version, Status], [VERSION, "serving"]);
    assert(String(Instance).length === 36, Instance);
    const [{ Name, Methods }, other] = Services as { Name: string; Methods: unknown[] }[];
    assertEquals([Name, other.Name], ["Arith", "Types"]);
    assertEquals(Methods[0], { Name: "Divide", Args: "struct { A int; B int }", Reply: "float64" });
    const { Connections, Accepted, Refused, Latencies } = figures;
    assertEquals([Connections, Accepted], [1, 1]);
    assertEquals((Refused as Record<string, number>).Unimplemented, 1);
    const [{ Method, Count, Counts }] = Latencies as {
      Method: string;
      Count: number;
      Counts: number[];
    }[];
    assertEquals([Method, Count], ["Arith.Divide", 1]);
    assertEquals(Counts.reduce((sum, count) => sum + count), 1);
    await server.close();
  }
});
