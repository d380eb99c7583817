/** The machine's network: its errors, and the options that it requires. */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { systemNetwork } from "../../net/network.ts";
import { assertFails, settled } from "../support/helpers.ts";
import { fixture, tls as serverTls } from "../support/transports.ts";

Deno.test("a failed connect is unavailable, not_sent, with the runtime's error as its cause", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const folder = mkdtempSync(join(tmpdir(), "xclient-"));
  for (const scheme of ["tcp", "tls", "http"]) {
    const address = `${scheme}@127.0.0.1:${port}`;
    const error = await assertFails(systemNetwork.connect(parseAddress(address)), {
      code: "unavailable",
      execution: "not_sent",
      address,
      message: "can't connect",
    });
    assert(error.cause instanceof Error);
  }
  const address = `unix@${folder}/nobody.sock`;
  await assertFails(systemNetwork.connect(parseAddress(address)), {
    code: "unavailable",
    execution: "not_sent",
    address,
  });
  rmSync(folder, { recursive: true });
});

Deno.test("a failed listen is unavailable, and names the address", async () => {
  const listener = await systemNetwork.listen(parseAddress("tcp@127.0.0.1:0"), (t) => t.close());
  await assertFails(systemNetwork.listen(parseAddress(listener.address), () => {}), {
    code: "unavailable",
    address: listener.address,
    message: "can't listen",
  });
  await listener.close();
  const address = "unix@/nonexistent-folder/a.sock";
  await assertFails(systemNetwork.listen(parseAddress(address), () => {}), {
    code: "unavailable",
    address,
  });
});

Deno.test("memory@ needs a MemoryNetwork, and listening on tls@ needs a certificate", async () => {
  const memory = parseAddress("memory@a");
  const wanted = { code: "invalid_argument", execution: "not_sent", address: "memory@a" } as const;
  await assertFails(systemNetwork.connect(memory), wanted);
  await assertFails(systemNetwork.listen(memory, () => {}), wanted);
  const { cert, key } = serverTls;
  for (const tls of [undefined, {}, { cert }, { key }]) {
    await assertRejects(
      () => systemNetwork.listen(parseAddress("tls@127.0.0.1:0"), () => {}, { tls }),
      TypeError,
      "tls.cert and tls.key",
    );
  }
});

Deno.test("listening with a certificate or key that is none is refused as invalid_argument", async () => {
  const address = "tls@127.0.0.1:0";
  const pem = (kind: string) => `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`;
  for (
    const [tls, message] of [
      [{ ...serverTls, cert: pem("CERTIFICATE") }, "can't be read"],
      [{ ...serverTls, key: fixture("other.example.key") }, "tls.key is not the key of tls.cert"],
    ] as const
  ) {
    await assertFails(systemNetwork.listen(parseAddress(address), () => {}, { tls }), {
      code: "invalid_argument",
      address,
      message,
    });
  }
});

Deno.test("an abort while it connects gives the signal's reason", async () => {
  const listener = await systemNetwork.listen(parseAddress("tcp@127.0.0.1:0"), (t) => t.close());
  const controller = new AbortController();
  const connecting = systemNetwork.connect(parseAddress(listener.address), controller);
  controller.abort("enough");
  const outcome = await connecting.then((transport) => {
    transport.close();
    return "connected first";
  }, (reason) => reason);
  assertEquals(outcome, "enough");
  await listener.close();
  await settled();
});
