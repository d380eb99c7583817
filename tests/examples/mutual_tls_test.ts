/** The example of mutual TLS: its certificate is renewed under load, and no call fails. */

import { writeFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { parseAddress } from "../../address.ts";
import { accountsAt, renewOnHangup, serve, type TlsFiles } from "../../examples/mutual_tls.ts";
import { Authority, type Identity } from "../support/certificates.ts";
import { assertFails, deferred } from "../support/helpers.ts";
import { scratchFolder } from "../support/processes.ts";

const ours = new Authority("ours");

function write(files: TlsFiles, { cert, key }: Identity): void {
  writeFileSync(files.ca, ours.cert);
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
}

function shownAt(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { port: parseAddress(address).port, host: "localhost", ca: [ours.cert] },
      () => {
        const { CN } = socket.getPeerCertificate().subject;
        socket.on("close", () => resolve(String(CN)));
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
}

Deno.test("a service on mutual TLS renews its certificate under load, and no call fails", async () => {
  const folder = scratchFolder("mutual_tls");
  const filesOf = (name: string): TlsFiles => ({
    cert: `${folder.path}/${name}.pem`,
    key: `${folder.path}/${name}.key`,
    ca: `${folder.path}/${name}-ca.pem`,
  });
  const [serverFiles, clientFiles] = [filesOf("server"), filesOf("client")];
  write(serverFiles, ours.issue({ name: "first" }));
  write(clientFiles, ours.issue({ name: "reports", sans: ["URI:spiffe://example/reports"] }));
  const { server, listener } = await serve("tls@localhost:0", serverFiles);
  let renewed = deferred();
  const stop = renewOnHangup(listener, (error) => {
    assertEquals(error, undefined);
    renewed.resolve();
  });

  let isOver = false;
  let calls = 0;
  let manyMore = deferred();
  const caller = async () => {
    const xclient = accountsAt([listener.address], clientFiles);
    while (!isOver) {
      assertEquals(await xclient.call("Accounts.Whoami"), "CN=reports");
      if (++calls % 500 === 0) manyMore.resolve();
    }
    await xclient.close();
  };
  const callers = Array.from({ length: 4 }, caller);
  for (const name of ["second", "third"]) {
    await manyMore.promise;
    write(serverFiles, ours.issue({ name }));
    renewed = deferred();
    process.kill(process.pid, "SIGHUP");
    await renewed.promise;
    assertEquals(await shownAt(listener.address), name);
    manyMore = deferred();
  }
  await manyMore.promise;
  isOver = true;
  await Promise.all(callers);
  assert(calls > 1000);

  const reports = accountsAt([listener.address], clientFiles);
  await assertFails(reports.call("Accounts.Close", "7"), {
    code: "permission_denied",
    message: "CN=reports may not close accounts",
  });
  await reports.close();
  write(clientFiles, ours.issue({ name: "billing", sans: ["URI:spiffe://example/billing"] }));
  const billing = accountsAt([listener.address], clientFiles);
  assertEquals(await billing.call("Accounts.Close", "7"), "closed 7");
  await billing.close();
  stop();
  await server.close();
  folder.remove();
});
