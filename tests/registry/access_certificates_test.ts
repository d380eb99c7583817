/** Who may change a registry's list, by client certificates. */

import { X509Certificate } from "node:crypto";
import { createServer, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { assertEquals } from "@std/assert";
import {
  type Fetch,
  type NodeResponse,
  type PeerCertificate,
  register,
  Registry,
  RegistryDiscovery,
} from "../../registry.ts";
import { Authority, type Identity } from "../support/certificates.ts";
import { assertFails } from "../support/helpers.ts";
import { bearer, REGISTRY, settle } from "../support/memory_web.ts";

const A = "tcp@a:1";

const ours = new Authority("ours");
const server1 = ours.issue({
  name: "server-1",
  subject: [["2.5.4.10", "Acme"]],
  sans: ["DNS:server-1.example", "IP:10.0.0.1"],
});

Deno.test("a certificate is looked at only if TLS has verified it, and while it is valid", async () => {
  const seen: PeerCertificate[] = [];
  await using registry = new Registry({
    write: {
      tokens: "w-token",
      certificate: (certificate) => {
        seen.push(certificate);
        return certificate.sans.includes("DNS:server-1.example");
      },
    },
  });
  const post = async (socket: object | undefined, headers: Record<string, string> = {}) => {
    let status = 0;
    const response: NodeResponse = {
      on() {},
      off() {},
      end() {},
      write: () => true,
      writeHead: (given) => status = given,
    };
    const all = { "x-geerpc-server": A, host: "registry", ...headers };
    const url = "/_geerpc_/registry";
    registry.nodeHandler({ method: "POST", url, headers: all, resume() {}, socket }, response);
    await settle();
    return status;
  };
  const shown = ({ cert }: { cert: string }) => {
    const { raw, fingerprint256 } = new X509Certificate(cert);
    return { raw, fingerprint256 };
  };
  const socket = (authorized: unknown, certificate: object = shown(server1)) => ({
    authorized,
    getPeerCertificate: () => certificate,
  });
  assertEquals(await post(socket(true)), 200);
  const [{ subject, sans }] = seen;
  assertEquals(subject, "CN=server-1,O=Acme");
  assertEquals(sans, ["DNS:server-1.example", "IP:10.0.0.1"]);
  assertEquals(await post(socket(false)), 401, "it is not verified");
  assertEquals(await post(socket("true")), 401);
  assertEquals(await post(socket(true, {})), 401, "there is none");
  assertEquals(await post(socket(true, { raw: new Uint8Array(9), fingerprint256: "AB" })), 401);
  assertEquals(await post({}), 401);
  assertEquals(await post(undefined), 401);
  const sansOf1 = { name: "server-1", sans: ["DNS:server-1.example"] };
  const late = ours.issue({ ...sansOf1, validTo: new Date(Date.UTC(2021, 0, 1)) });
  const early = ours.issue({ ...sansOf1, validFrom: new Date(Date.UTC(2100, 0, 1)) });
  for (const one of [late, early]) assertEquals(await post(socket(true, shown(one))), 401);
  assertEquals(seen.length, 1, "nobody asks of those");
  const other = shown(ours.issue({ name: "server-1.example", sans: ["DNS:server-10.example"] }));
  assertEquals(await post(socket(true, other)), 403);
  assertEquals(await post(socket(true, other), bearer("w-token")), 200, "a token will do, too");
  assertEquals(await post(socket(true, other), bearer("guess")), 401);
});

Deno.test("what a request shows of itself is no certificate", async () => {
  let isAsked = false;
  const certificate = () => isAsked = true;
  await using registry = new Registry({ write: { certificate } });
  const headers = { "X-Geerpc-Server": A, certificate: "x", "x-client-cert": "x" };
  const request = new Request(REGISTRY, { method: "POST", headers });
  assertEquals(registry.fetch(request).status, 401);
  assertEquals(isAsked, false);
});

/** A `fetch` that trusts our authority, and shows a certificate if it has one. */
const fetchAs = (identity?: Identity): Fetch => (url, { method, headers, signal }) =>
  new Promise((resolve, reject) => {
    const options = {
      ...identity,
      ca: ours.cert,
      method,
      headers: headers as Record<string, string>,
      agent: false,
      signal: signal ?? undefined,
    } as const;
    const request = httpsRequest(url, options, (answer) => {
      const chunks: Uint8Array[] = [];
      answer.on("error", reject).on("data", (chunk) => chunks.push(chunk)).on("end", () => {
        const status = answer.statusCode;
        const found = Object.entries(answer.headers).map(([key, value]) => [key, String(value)]);
        const body = new TextDecoder().decode(chunks.length > 0 ? chunks[0] : undefined);
        resolve(new Response(body, { status, headers: found as [string, string][] }));
      });
    });
    request.on("error", reject).end();
  });

Deno.test("over TLS a server registers by its certificate, and those without one only read", async () => {
  const registry = new Registry({
    write: { certificate: ({ sans }) => sans.includes("DNS:server-1.example") },
  });
  const own = ours.issue({ name: "registry" });
  const https = createServer({
    ...own,
    ca: ours.cert,
    requestCert: true,
    rejectUnauthorized: false,
  }, registry.nodeHandler);
  await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
  const url = `https://localhost:${(https.address() as AddressInfo).port}`;
  try {
    const heartbeat = await register(url, A, { fetch: fetchAs(server1) });
    assertEquals(registry.servers, [A]);
    for (
      const [identity, code, message] of [
        [undefined, "unauthenticated", "401: to register servers"],
        [
          new Authority("theirs").issue({ name: "x", sans: ["DNS:server-1.example"] }),
          "unauthenticated",
          "401",
        ],
        [
          ours.issue({ name: "server-2", sans: ["DNS:server-2.example"] }),
          "permission_denied",
          "403: the certificate of CN=server-2 is not one to register servers",
        ],
      ] as const
    ) {
      const refused = register(url, "tcp@b:1", { fetch: fetchAs(identity) });
      await assertFails(refused, { code, message });
    }
    const discovery = new RegistryDiscovery(url, { fetch: fetchAs(), stream: false });
    assertEquals(await discovery.getAll(), [A]);
    await discovery.close();
    await heartbeat.close();
    assertEquals(registry.servers, []);
  } finally {
    await registry.close();
    const closed = new Promise((resolve) => https.close(resolve));
    https.closeAllConnections();
    await closed;
  }
});
