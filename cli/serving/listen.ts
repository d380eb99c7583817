/**
 * What `serve` and `proxy` share: a server that listens, registers, and ends without losing a call.
 *
 * @module
 */

import { errorText } from "../../errors.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { PROTOCOLS } from "../../protocol/protocols.ts";
import { Heartbeat } from "../../registry.ts";
import type { Listener, Server } from "../../server.ts";
import { EXIT, type Input, type Options } from "../command.ts";
import { addressesIn, secretOf } from "../connect.ts";
import { jsonText } from "../json.ts";
import { plain, styleOf } from "../style.ts";
import type { Surroundings } from "../surroundings.ts";
import { untilInterrupted } from "./until_interrupted.ts";

/** The options of listening. */
export const LISTEN_OPTIONS: Options = {
  listen: {
    value: "ADDRESS",
    text:
      "where to listen, as tcp@127.0.0.1:9001, with ?protocol= where they differ; port 0 for any",
    isMany: true,
    short: "l",
  },
  "listen-protocol": {
    value: "PROTOCOL",
    text: "what is spoken there; default GeeRPC, in JSON or gob as each client asks",
    choices: PROTOCOLS,
  },
  "listen-cert": { value: "FILE", text: "the certificate for tls@ addresses" },
  "listen-key": { value: "FILE", text: "its private key" },
  "client-ca": { value: "FILE", text: "ask clients for a certificate that these have issued" },
  register: { value: "URL", text: "register with this registry", isMany: true },
  "register-token": { value: "TOKEN", text: "token for that, or @FILE" },
  advertise: {
    value: "ADDRESS",
    text: "the address to register; default those that are listened at",
  },
  lease: { value: "DURATION", text: "for how long it is listed without a heartbeat" },
  grace: { value: "DURATION", text: "how long running calls may take at the end; default 5s" },
  introspection: {
    value: "WHOM",
    text: "whom it describes itself to; default loopback",
    choices: ["loopback", "everyone", "off"],
  },
  json: { text: "print one JSON object a line for each event" },
};

/**
 * Listens and registers, until the person has had enough, and ends: first the registration, then
 * the calls that run.
 *
 * @param server The server, with its services. It is closed at the end.
 * @param what What it is called.
 */
export async function serveUntilInterrupted(
  server: Server,
  what: string,
  input: Input,
  around: Surroundings,
): Promise<number> {
  const { terminal, interrupted } = around;
  const style = styleOf(terminal.hasColours);
  const tell = (
    event: { readonly type: string; readonly [key: string]: unknown },
    text: string,
  ) => {
    terminal.write(input.has("json") ? `${jsonText(event)}\n` : `${plain(text)}\n`);
  };
  const heartbeats: Heartbeat[] = [];
  try {
    const listeners = await listen(server, input, around);
    for (const { address } of listeners) {
      tell({ type: "listening", address }, `${what} listens at ${address}`);
    }
    heartbeats.push(
      ...await register(listeners, input, around, (error, url) => {
        terminal.writeError(
          style.yellow(
            `not registered with ${plain(url)}: ${plain(errorText(error))}; it tries again\n`,
          ),
        );
      }),
    );
    for (const heartbeat of heartbeats) {
      const { address } = heartbeat;
      heartbeat.registered.then(
        () => tell({ type: "registered", address }, `registered as ${address}`),
        () => {}, // told by its events
      );
    }
    await untilInterrupted(interrupted);
    tell({ type: "ending" }, "ending: no new calls");
  } finally {
    await Promise.all(heartbeats.map((heartbeat) => heartbeat.close()));
    await server.close({ graceMs: input.durationMs("grace") ?? 5000 });
  }
  return EXIT.ok;
}

async function listen(server: Server, input: Input, around: Surroundings): Promise<Listener[]> {
  const { files, network } = around;
  const given = input.has("listen") ? input.texts("listen") : ["tcp@127.0.0.1:9001"];
  const { addresses, others } = addressesIn(given);
  const protocol = input.text("listen-protocol") as Protocol | undefined;
  const read = async (name: string) => {
    const path = input.text(name);
    return path === undefined ? undefined : await files.read(path);
  };
  const [cert, key, ca] = [
    await read("listen-cert"),
    await read("listen-key"),
    await read("client-ca"),
  ];
  const tls = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { clientCaCerts: [ca] }),
  };
  const listeners: Listener[] = [];
  for (const address of [...addresses, ...others]) {
    listeners.push(
      await server.listen(address, {
        ...(protocol === undefined ? {} : { protocol }),
        ...(network === undefined ? {} : { network }),
        ...(address.startsWith("tls@") ? { tls } : {}),
      }),
    );
  }
  return listeners;
}

async function register(
  listeners: readonly Listener[],
  input: Input,
  { files, clock, random, fetch }: Surroundings,
  failed: (error: unknown, url: string) => void,
): Promise<Heartbeat[]> {
  if (!input.has("register")) return [];
  const advertised = input.text("advertise");
  const token = await secretOf(input.text("register-token"), files);
  const timeoutMs = input.durationMs("lease");
  const protocol = input.text("listen-protocol");
  const addresses = advertised === undefined
    ? listeners.map(({ address }) => withProtocol(address, protocol))
    : [advertised];
  return addresses.map((address) =>
    new Heartbeat(input.texts("register"), address, {
      clock,
      random,
      fetch,
      ...(token === undefined ? {} : { token }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onEvent: (event) => {
        if (event.type === "failed") failed(event.error, event.url);
      },
    })
  );
}

/** Clients learn from the address what is spoken there. */
function withProtocol(address: string, protocol: string | undefined): string {
  if (protocol === undefined || /[?&]protocol=/.test(address)) return address;
  return `${address}${address.includes("?") ? "&" : "?"}protocol=${protocol}`;
}
