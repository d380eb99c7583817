/** The files of unix sockets: left by a killed server, in use, and in a handover. */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { dial } from "../../client.ts";
import { Server } from "../../server.ts";
import type { ListenOptions, Network, Transport, TransportListener } from "../../transport.ts";
import { XClient } from "../../xclient.ts";
import { assertFails, failure } from "../support/helpers.ts";
import { KINDS, unixPath } from "../support/transports.ts";

/** Leaves the file of a socket that nobody listens at, as a server does that is killed. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.tmp`, resolve));
  renameSync(`${path}.tmp`, path);
  await new Promise((resolve) => server.close(resolve));
  assert(existsSync(path));
}

/** A listener at a path, and how often it was connected to. */
async function listen(network: Network, path: string) {
  const seen = { connections: 0, listener: undefined as unknown as TransportListener };
  seen.listener = await network.listen(parseAddress(`unix@${path}`), (transport) => {
    seen.connections++;
    transport.close();
  });
  return seen;
}

async function connects(network: Network, path: string): Promise<void> {
  const transport = await network.connect(parseAddress(`unix@${path}`));
  await new Promise<void>((resolve) => transport.start({ data() {}, end: () => resolve() }));
  transport.close();
}

for (const kind of ["unix", "unix of Node"]) {
  const { network } = KINDS[kind];

  Deno.test(`${kind}: the file that a killed server has left is taken over`, async () => {
    const path = unixPath();
    await leaveSocket(path);
    const one = await listen(network, path);
    await connects(network, path);
    assertEquals(one.connections, 1);
    await one.listener.close();
    assert(!existsSync(path));
  });

  Deno.test(`${kind}: where a server listens, no other takes its place`, async () => {
    const path = unixPath();
    const one = await listen(network, path);
    const error = await failure(listen(network, path));
    assert(/address is in use, a server listens there/.test(String(error)), String(error));
    await connects(network, path);
    await one.listener.close();
  });

  Deno.test(`${kind}: a file that is no socket is let be`, async () => {
    const path = unixPath();
    writeFileSync(path, "precious");
    const error = await failure(listen(network, path));
    assert(/a file that is no socket/.test(String(error)), String(error));
    assertEquals(readFileSync(path, "utf-8"), "precious");
    rmSync(path);
  });

  Deno.test(`${kind}: in a handover the old server lets the file of the new one be`, async () => {
    const path = unixPath();
    const before = readdirSync(dirname(path)).length;
    const old = await listen(network, path);
    rmSync(path);
    const next = await listen(network, path);
    await old.listener.close();
    await old.listener.close();
    await connects(network, path);
    assertEquals([old.connections, next.connections], [0, 1]);
    await next.listener.close();
    assert(!existsSync(path));
    await next.listener.close();
    assertEquals(readdirSync(dirname(path)).length, before, "nothing else is left");
  });

  Deno.test(`${kind}: a file that has gone, or is another kind by now, does not disturb closing`, async () => {
    const path = unixPath();
    const one = await listen(network, path);
    rmSync(path);
    await one.listener.close();
    const other = await listen(network, path);
    rmSync(path);
    writeFileSync(path, "precious");
    await other.listener.close();
    await other.listener.close();
    rmSync(path, { force: true });
  });

  Deno.test(`${kind}: a path with ? and % is the path that is meant`, async () => {
    const path = unixPath();
    const [written, meant] = [`${path}%3Fb%253F%2fc%.sock`, `${path}?b%3F%2fc%.sock`];
    const one = await listen(network, written);
    assert(existsSync(meant));
    await connects(network, one.listener.address.slice("unix@".length));
    await one.listener.close();
    assert(!existsSync(meant));
  });
}

const modeOf = (path: string) => statSync(path).mode & 0o777;
const filesBeside = (path: string) => readdirSync(dirname(path)).length;

for (const kind of ["unix", "unix of Node"]) {
  const { network } = KINDS[kind];
  const open = (path: string, options: ListenOptions) => {
    const accept = (transport: Transport) => transport.close();
    return network.listen(parseAddress(`unix@${path}`), accept, options);
  };

  Deno.test(`${kind}: a mode says who may connect, and nothing else is left`, async () => {
    for (const mode of [0o600, 0o660, 0o777]) {
      const path = unixPath();
      const before = filesBeside(path);
      const listener = await open(path, { mode });
      assertEquals(modeOf(path), mode);
      await connects(network, path);
      assertEquals(filesBeside(path), before + 1);
      await listener.close();
      assertEquals(filesBeside(path), before);
    }
  });

  Deno.test(`${kind}: with a mode, too, a stale file is taken over, and no other`, async () => {
    const path = unixPath();
    const before = filesBeside(path);
    await leaveSocket(path);
    const listener = await open(path, { mode: 0o600 });
    await connects(network, path);
    const error = await failure(open(path, { mode: 0o600 }));
    assert(/a server listens there.*takeOver/.test(String(error)), String(error));
    await connects(network, path);
    await listener.close();
    for (const options of [{ mode: 0o600 }, { takeOver: true }]) {
      writeFileSync(path, "precious");
      const refused = await failure(open(path, options));
      assert(/a file that is no socket/.test(String(refused)), String(refused));
      assertEquals(readFileSync(path, "utf-8"), "precious");
      rmSync(path);
    }
    assertEquals(filesBeside(path), before);
  });

  Deno.test(`${kind}: a server takes a path over from the one that listens there`, async () => {
    const path = unixPath();
    const before = filesBeside(path);
    const counts = [0, 0, 0];
    const listeners: TransportListener[] = [];
    for (const place of counts.keys()) {
      listeners.push(
        await network.listen(parseAddress(`unix@${path}`), (transport) => {
          counts[place]++;
          transport.close();
        }, { takeOver: true, mode: 0o600 }),
      );
      await connects(network, path);
      await listeners[place - 1]?.close();
      await connects(network, path);
      assertEquals([counts[place], modeOf(path)], [2, 0o600]);
    }
    assertEquals(counts, [2, 2, 2]);
    await listeners[2].close();
    assertEquals(filesBeside(path), before);
  });

  Deno.test(`${kind}: in a handover under load no call fails`, async () => {
    const path = unixPath();
    const serve = async (name: string) => {
      const server = new Server();
      server.register("Who", { Are: () => name });
      await server.listen(`unix@${path}`, { network, takeOver: true });
      return server;
    };
    let server = await serve("0");
    const client = new XClient([`unix@${path}`], { network });
    let isOver = false;
    const seen = new Set<string>();
    const caller = async () => {
      while (!isOver) seen.add(await client.call<string>("Who.Are"));
    };
    const callers = Array.from({ length: 8 }, caller);
    const isSeen = async (name: string) => {
      while (!seen.has(name)) seen.add(await client.call<string>("Who.Are"));
    };
    await isSeen("0");
    for (const name of ["1", "2", "3"]) {
      const old = server;
      server = await serve(name);
      await old.close();
      await isSeen(name);
    }
    isOver = true;
    await Promise.all(callers);
    assertEquals([...seen], ["0", "1", "2", "3"]);
    await client.close();
    await server.close();
  });
}

Deno.test("what is wrong with a path is said, with what to do", async () => {
  const folder = dirname(unixPath());
  const server = new Server();
  const missing = `unix@${folder}/no/such/a.sock`;
  for (const options of [{}, { mode: 0o600 }]) {
    await assertFails(server.listen(missing, options), {
      code: "unavailable",
      message: "can't listen: the folder of the path does not exist",
    });
  }
  const long = `${folder}/${"x".repeat(107 - folder.length - 1)}`;
  await assertFails(server.listen(`unix@${long}x`), {
    code: "invalid_argument",
    message: "the path of a socket has at most 107 bytes",
  });
  await server.listen(`unix@${long}`, { mode: 0o600 }); // however long its own name is
  const deep = `${folder}/${"d".repeat(98 - folder.length)}`;
  mkdirSync(deep);
  await server.listen(`unix@${deep}/abcde`);
  await assertFails(server.listen(`unix@${deep}/a`, { mode: 0o600 }), {
    code: "unavailable",
    message: "the path of a folder has at most 98 bytes with the options mode or takeOver",
  });
  await assertFails(dial(missing), { message: "there is no socket at the path" });
  const stale = unixPath();
  await leaveSocket(stale);
  await assertFails(dial(`unix@${stale}`), {
    code: "unavailable",
    execution: "not_sent",
    message: "no server listens at the path",
  });
  for (const options of [{ mode: 0o600 }, { takeOver: true }]) {
    await assertRejects(
      () => server.listen("tcp@127.0.0.1:0", options),
      TypeError,
      "the options mode and takeOver are for unix@ addresses",
    );
  }
  await server.close();
});
