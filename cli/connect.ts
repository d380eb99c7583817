/**
 * The options by which subcommands find and reach servers, and what becomes of them.
 *
 * @module
 */

import { parseAddress } from "../address.ts";
import { DnsDiscovery } from "../dns.ts";
import { TimeoutError } from "../errors.ts";
import { EtcdDiscovery } from "../etcd.ts";
import type { XClientOptions } from "../fleet/options.ts";
import { credentials } from "../identity/credentials.ts";
import { TimeLimit } from "../internal/time.ts";
import type { Protocol } from "../protocol/codec.ts";
import { PROTOCOLS } from "../protocol/protocols.ts";
import { RegistryDiscovery } from "../registry.ts";
import { SelectMode } from "../selector.ts";
import type { TlsOptions } from "../transport.ts";
import { XClient } from "../xclient.ts";
import { type Input, type Options, quoted, UsageError } from "./command.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where a fleet's list comes from, beside addresses that are given. */
export const SOURCE_OPTIONS: Options = {
  registry: { value: "URL", text: "take the servers from GeeRPC's registry", isMany: true },
  "registry-token": { value: "TOKEN", text: "token for the registry, or @FILE" },
  dns: {
    value: "NAME",
    text: "take them from DNS: name:port asks for A and AAAA records, a bare name for SRV; " +
      "tls@ or http@ in front is for the servers",
  },
  "name-server": { value: "HOST:PORT", text: "the DNS server to ask; default the system's" },
  etcd: { value: "URL=PREFIX", text: "take them from etcd: http://10.0.0.1:2379=arith/" },
};

/** How servers are reached. */
export const REACH_OPTIONS: Options = {
  protocol: {
    value: "PROTOCOL",
    text: `what servers speak: ${PROTOCOLS.join(", ")}; default geerpc/json`,
    choices: PROTOCOLS,
  },
  "connect-path": { value: "PATH", text: "path of HTTP CONNECT at http@ addresses" },
  "tls-ca": { value: "FILE", text: "trust the authorities in this PEM file too", isMany: true },
  "tls-cert": { value: "FILE", text: "our certificate, for servers that ask for one" },
  "tls-key": { value: "FILE", text: "its private key" },
  "tls-name": { value: "NAME", text: "the name that the server's certificate must have" },
};

/** What goes along with calls. */
export const CALL_OPTIONS: Options = {
  timeout: { value: "DURATION", short: "t", text: "how long it may take; default 10s" },
  token: { value: "TOKEN", text: "send it as the metadata `token`, or @FILE; or XCLIENT_TOKEN" },
  insecure: {
    text: "send tokens without TLS to other machines too: everyone on the way can read them",
  },
  meta: { value: "K=V", text: "send metadata", isMany: true, short: "m" },
};

/** What every subcommand that asks servers has. */
export const FLEET_OPTIONS: Options = { ...SOURCE_OPTIONS, ...REACH_OPTIONS, ...CALL_OPTIONS };

/** How an `XClient` picks and repeats. */
export const POLICY_OPTIONS: Options = {
  mode: {
    value: "MODE",
    text: "the balancing policy; default shortest_expected_delay",
    choices: Object.values(SelectMode),
  },
  idempotent: { text: "calls may run twice: try elsewhere after every failure" },
  attempts: { value: "N", text: "the most attempts of a call; default 3" },
};

/** How long things may take unless `--timeout` says otherwise. */
export const TIMEOUT_MS = 10_000;

const ADDRESS = /^[a-z]+@\S/i;
const BARE = /^(?:[\w.-]*|\[[\da-f:]+\]):\d{1,5}(?:\?\S*)?$/i;

/** Which words are addresses, and which are not. */
export interface Words {
  /** Addresses, complete. */
  readonly addresses: readonly string[];
  readonly others: readonly string[];
}

/**
 * Tells addresses from other words. `host:port` is short for `tcp@host:port`, `:port` is this
 * machine's.
 */
export function addressesIn(words: readonly string[]): Words {
  const addresses: string[] = [];
  const others: string[] = [];
  for (const word of words) {
    if (BARE.test(word)) addresses.push(`tcp@${word.startsWith(":") ? "127.0.0.1" : ""}${word}`);
    else if (ADDRESS.test(word) && !word.startsWith("@")) addresses.push(word);
    else others.push(word);
  }
  return { addresses, others };
}

/**
 * Words that must all be addresses.
 *
 * @throws {UsageError} If one is none.
 */
export function onlyAddresses(words: readonly string[]): readonly string[] {
  const { addresses, others } = addressesIn(words);
  if (others.length === 0) return addresses;
  throw new UsageError(`${quoted(others[0])} is no address: it looks like tcp@127.0.0.1:9001`);
}

/** The servers that were named, or where their list comes from. */
export interface Source {
  getAll(): Promise<string[]>;
  readonly current?: readonly string[] | undefined;
  watch?: ((signal: AbortSignal) => AsyncIterable<readonly string[]>) | undefined;
  close(): Promise<void>;
}

/**
 * The servers.
 *
 * @param addresses Those that are given as words.
 * @throws {UsageError} If there are none, or from more than one place.
 */
export async function sourceOf(
  addresses: readonly string[],
  input: Input,
  { files, fetch, clock, random }: Surroundings,
): Promise<Source> {
  const given = ["registry", "dns", "etcd"].filter((name) => input.has(name));
  if (addresses.length > 0) {
    if (given.length > 0) {
      throw new UsageError(`addresses and --${given[0]} at once: give one of them`);
    }
    const list = [...addresses];
    for (const address of list) parseAddress(address); // it says what is wrong
    return { current: list, getAll: () => Promise.resolve(list), close: () => Promise.resolve() };
  }
  if (given.length > 1) {
    throw new UsageError(`--${given.join(" and --")} at once: give one of them`);
  }
  const options = { clock, random };
  switch (given[0]) {
    case "registry": {
      const token = await secretOf(input.text("registry-token"), files);
      const insecure = input.has("insecure");
      const own = { ...options, fetch, insecure, ...(token === undefined ? {} : { token }) };
      return new RegistryDiscovery(input.texts("registry"), own);
    }
    case "dns": {
      const [, scheme, name] = /^(?:(tcp|tls|http|dns)@)?(.*)$/.exec(input.text("dns")!)!;
      const nameServer = input.text("name-server");
      return new DnsDiscovery(`dns@${name}`, {
        ...options,
        ...(scheme === "tls" || scheme === "http" ? { scheme } : {}),
        ...(nameServer === undefined ? {} : { nameServer }),
      });
    }
    case "etcd": {
      const text = input.text("etcd")!;
      const [, urls, prefix] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (prefix === undefined) {
        const form = "URL=PREFIX, as http://10.0.0.1:2379=arith/";
        throw new UsageError(`--etcd must be ${form}, got ${quoted(text)}`);
      }
      return new EtcdDiscovery(prefix, { ...options, fetch, endpoints: urls.split(",") });
    }
  }
  throw new UsageError(
    "no servers: give addresses, as tcp@127.0.0.1:9001, or --registry, --dns or --etcd",
  );
}

/** A secret that is given itself or as `@FILE`, so that no other user sees it among the processes. */
export async function secretOf(
  text: string | undefined,
  files: Surroundings["files"],
): Promise<string | undefined> {
  if (!text?.startsWith("@")) return text;
  return (await files.read(text.slice(1))).trim();
}

/** The metadata of calls, but for the token. */
function metaOf(input: Input): Record<string, string> {
  return Object.fromEntries(
    input.texts("meta").map((text) => {
      const [, key, value] = /^([^=]+)=([^]*)$/.exec(text) ?? [];
      if (key === undefined) throw new UsageError(`--meta must be K=V, got ${quoted(text)}`);
      return [key, value];
    }),
  );
}

/** How a `Client` connects, also one of an `XClient`. */
export type ReachOptions = Pick<
  XClientOptions,
  "protocol" | "connectPath" | "tls" | "network" | "clock" | "interceptors" | "defaults"
>;

/** What `--timeout` says, in milliseconds. */
export function timeoutOf(input: Input): number {
  return input.durationMs("timeout") ?? TIMEOUT_MS;
}

/** The options of a client. */
export async function reachOptions(input: Input, around: Surroundings): Promise<ReachOptions> {
  const { files, clock, network } = around;
  const tls = await tlsOptions(input, files);
  const token = await secretOf(input.text("token") ?? around.env("XCLIENT_TOKEN"), files);
  const meta = metaOf(input);
  const protocol = input.text("protocol") as Protocol | undefined;
  const connectPath = input.text("connect-path");
  return {
    clock,
    ...(network === undefined ? {} : { network }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(connectPath === undefined ? {} : { connectPath }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    ...(token
      ? { interceptors: [credentials(() => ({ token }), { insecure: input.has("insecure") })] }
      : {}),
    ...(Object.keys(meta).length === 0 ? {} : { defaults: { meta } }),
  };
}

/** The files of TLS, read. */
export async function tlsOptions(input: Input, files: Surroundings["files"]): Promise<TlsOptions> {
  const read = async (name: string) => {
    const path = input.text(name);
    return path === undefined ? undefined : await files.read(path);
  };
  const caCerts = await Promise.all(input.texts("tls-ca").map((path) => files.read(path)));
  const [cert, key] = [await read("tls-cert"), await read("tls-key")];
  const serverName = input.text("tls-name");
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("--tls-cert and --tls-key belong together: give both");
  }
  return {
    ...(caCerts.length === 0 ? {} : { caCerts }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

/** The options of an `XClient`. */
export async function fleetOptions(input: Input, around: Surroundings): Promise<XClientOptions> {
  const mode = input.text("mode") as SelectMode | undefined;
  const maxAttempts = input.number("attempts", 1);
  return {
    ...await reachOptions(input, around),
    random: around.random,
    ...(mode === undefined ? {} : { mode }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(input.has("idempotent") ? { idempotent: () => true } : {}),
  };
}

/** An `XClient` of the fleet that the options name, and where its list comes from. */
export async function openFleet(
  addresses: readonly string[],
  input: Input,
  around: Surroundings,
): Promise<{ xclient: XClient; source: Source }> {
  const options = await fleetOptions(input, around);
  const source = await sourceOf(addresses, input, around);
  return { xclient: new XClient(source, options), source };
}

/** The addresses of all servers now, within the time. */
export async function listedServers(
  source: Source,
  timeoutMs: number,
  { clock, interrupted }: Surroundings,
): Promise<readonly string[]> {
  const limit = new TimeLimit({ clock, signal: interrupted });
  limit.set(
    timeoutMs,
    () => new TimeoutError(`the list of servers has not come within ${timeoutMs} ms`),
  );
  try {
    return await limit.race(source.getAll());
  } finally {
    limit.end();
  }
}
