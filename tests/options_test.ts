/**
 * Every option of every part: what can't be meant is refused by name, before
 * anything begins, and so is a name that does not exist. The tables are typed
 * by the options: a new option without a row is an error of the compiler.
 */

import { readFileSync } from "node:fs";
import { metrics, trace } from "@opentelemetry/api";
import { assert, assertEquals } from "@std/assert";
import {
  authorize,
  type AuthorizeOptions,
  type CallDefaults,
  type CallOptions,
  type CheckOptions,
  type ClientOptions,
  type CloseOptions,
  createSelector,
  credentials,
  type CredentialsOptions,
  dial,
  type DialOptions,
  type FanOutOptions,
  type FleetCallOptions,
  type FleetStreamOptions,
  type HealthOptions,
  type InheritOptions,
  type LivenessOptions,
  method,
  type MethodOptions,
  MultiServerDiscovery,
  type MultiServerDiscoveryOptions,
  type ReadyOptions,
  type RegisterOptions,
  type RejectOptions,
  type RetryBudgetOptions,
  RpcError,
  type SelectorOptions,
  type ServeOptions,
  Server,
  type ServerCloseOptions,
  type ServerOptions,
  type StreamAllOptions,
  type StreamOptions,
  type TlsOptions,
  XClient,
  type XClientOptions,
} from "../mod.ts";
import { inheritedOptions } from "../connection/inherited.ts";
import { rejection } from "../connection/rejection.ts";
import { DnsDiscovery, type DnsDiscoveryOptions } from "../dns.ts";
import {
  EtcdDiscovery,
  type EtcdDiscoveryOptions,
  EtcdRegistration,
  type EtcdRegistrationOptions,
} from "../etcd.ts";
import { gob } from "../gob.ts";
import {
  Heartbeat,
  type HeartbeatOptions,
  Registry,
  RegistryDiscovery,
  type RegistryDiscoveryOptions,
  type RegistryOptions,
  SourceDiscovery,
  type SourceOptions,
} from "../registry.ts";
import { telemetry, type TelemetryOptions } from "../telemetry.ts";
import {
  FakeClock,
  type FakeFaults,
  FakeFleet,
  type FakeFleetOptions,
  type MemoryFaults,
  MemoryNetwork,
  type MemoryNetworkOptions,
} from "../testing.ts";
import { failure, inWorld } from "./support/helpers.ts";
import { fixture } from "./support/transports.ts";

/** What values an option may have, and what it may not. */
interface Kind {
  readonly right: readonly unknown[];
  readonly wrong: readonly unknown[];
  /** Options within it. */
  readonly group?: Readonly<Record<string, Kind>>;
}

/** A row for each option. */
type Table<Options> = { readonly [Name in keyof Options]-?: Kind };

/** Never a number, a name, a function, … */
const OTHERS: readonly unknown[] = [null, true, "5", "", [], {}, 5n, Symbol("x"), () => 1];
const without = (...types: string[]) => OTHERS.filter((value) => !types.includes(typeof value));

/** `least`: the least right value; below it none is. */
const whole = (least: number): Kind => ({
  right: [least, least + 7, Infinity],
  wrong: [NaN, -Infinity, least - 1, least + 1.5, ...OTHERS],
});
const number = (least: number, most = Infinity): Kind => ({
  right: [least, least + 0.5, Math.min(most, 1e9)],
  wrong: [
    NaN,
    -Infinity,
    least - 1e-9,
    ...(most < Infinity ? [most * 2, Infinity] : []),
    ...OTHERS,
  ],
});
const upTo1e6: Kind = {
  right: [1, 500, 1e6],
  wrong: [...whole(1).wrong, 1e6 + 1, Infinity],
};
const duration: Kind = {
  right: [0.5, 1, 1e12, Infinity],
  wrong: [NaN, 0, -1, -Infinity, ...OTHERS],
};
/** What is 0 or negative has passed. */
const callTime: Kind = { right: [1000, Infinity], wrong: [NaN, ...OTHERS] };
const flag: Kind = { right: [], wrong: [...without("boolean"), 0, 1, "true"] };
const text: Kind = { right: [], wrong: [...without("string"), 1] };
const callback: Kind = { right: [() => 0.5], wrong: [...without("function"), 1] };
const signal: Kind = {
  right: [new AbortController().signal],
  wrong: [...OTHERS, 1, new AbortController()],
};
const clock: Kind = { right: [new FakeClock()], wrong: [...OTHERS, 1, Date, { now: () => 0 }] };
const network: Kind = { right: [], wrong: [...OTHERS, 1, { connect: () => {} }] };
const texts: Kind = {
  right: [{ "x-a": "b" }, {}],
  wrong: [...without("object"), null, [], 1, { a: 1 }],
};
const standard = { "~standard": { version: 1, vendor: "tests", validate: () => ({ value: 1 }) } };
const schema: Kind = {
  right: [standard, Object.assign(() => 1, standard)],
  wrong: [...OTHERS, 1, { "~standard": {} }],
};
const oneOf = (...names: unknown[]): Kind => ({
  right: names,
  wrong: [...without("string", "number"), "no such", String(names[0]).toUpperCase(), 7],
});
const group = <Options>(table: Table<Options>): Kind => ({
  right: [{}],
  wrong: [...without("object"), null, [], 1],
  group: table as Readonly<Record<string, Kind>>,
});

const registryToken: Kind = {
  right: ["s3cret", () => "s3cret"],
  wrong: [...without("string", "function"), "", "a b", "é"],
};
/** Nobody could have one with nothing in it. */
const registryAccess: Kind = {
  right: [{ tokens: "a" }, { tokens: ["a", "b"] }, { tokens: () => "a" }, {
    certificate: () => true,
  }],
  wrong: [
    ...OTHERS,
    { tokens: "" },
    { tokens: [] },
    { tokens: ["a b"] },
    { tokens: 1 },
    { certificate: true },
    { token: "a" },
    { tokens: undefined },
  ],
};

const PEM = fixture("ca.pem");
const KEY = fixture("localhost.key");
const noCertificates = [...without(), PEM, [1], ["ca.pem"]];
const tlsOptions = group<TlsOptions>({
  caCerts: { right: [[PEM], []], wrong: noCertificates.filter(isNoList) },
  serverName: { right: ["a.example", "10.0.0.1", "::1"], wrong: [...without("string"), "", "a b"] },
  cert: { right: [PEM], wrong: [...OTHERS, KEY, "cert.pem"] },
  key: { right: [KEY], wrong: [...OTHERS, PEM, "key.pem"] },
  clientCaCerts: { right: [], wrong: [...noCertificates, []] }, // TLS alone asks for them
  requireClientCert: flag,
});
const tls = { ...tlsOptions, wrong: [...without("object", "function"), null, [], 1] };

/** An empty list of certificates is one. */
function isNoList(value: unknown): boolean {
  return !(Array.isArray(value) && value.length === 0);
}

const interceptors = (...methods: readonly string[]): Kind => ({
  right: [[], [() => 1, ...methods.map((method) => ({ [method]: () => 1 }))]],
  wrong: [
    ...[null, true, "5", {}, 1, () => 1],
    ...[null, 1, {}, { other: () => 1 }, { [methods[0]]: 1 }].map((one) => [one]),
    [{ [methods[0]]: () => 1, isActive: true }],
  ],
});
const defaults = { timeoutMs: duration, meta: texts, certain: { ...flag, right: [true, false] } };
const limits = {
  maxMessageBytes: whole(1),
  maxDepth: { ...whole(1), right: [1, 1000] },
  bigints: { ...flag, right: "rawJSON" in JSON ? [true, false] : [false] },
};
const CLIENT: Table<ClientOptions> = {
  protocol: oneOf("geerpc/json", "geerpc/gob", "netrpc/gob", "netrpc/json"),
  connectPath: { right: ["/orders"], wrong: [...OTHERS, 1, "orders", "/a b"] },
  tls,
  connectTimeoutMs: duration,
  handleTimeoutMs: { ...number(0, 9e12), right: [0, 1.5, 9e12] },
  ...limits,
  maxInFlight: whole(1),
  liveness: group<LivenessOptions>({
    silenceMs: duration,
    pongMs: duration,
    deadMs: duration,
    idleMs: duration,
    muteMs: duration,
  }),
  interceptors: interceptors("call", "attempt"),
  defaults: group<CallDefaults>({
    ...defaults,
    methods: {
      right: [{}, { "S.M": {} }, { "S.M": { timeoutMs: 1, meta: { a: "b" } } }],
      wrong: [
        ...[...without("object"), null, 1, { "S.M": 1 }, { "S.M": { timeoutMs: "1" } }],
        ...[{ "S.M": { meta: { a: 1 } } }, { "S.M": { timeout: 1 } }],
      ],
    },
  }),
  inherit: { ...flag, right: [true, false] },
  network,
  clock,
  random: callback,
};
const budget = group<RetryBudgetOptions>({ ratio: number(0), perSecond: number(0) });
const XCLIENT: Table<XClientOptions> = {
  ...CLIENT,
  mode: {
    ...oneOf("random", "round_robin", "consistent_hash"),
    wrong: [...OTHERS, "no such", "RoundRobin", 7, {}],
  },
  boundedLoad: number(1),
  slowStartMs: number(0, 86_400_000),
  zone: { ...text, right: ["a", ""], wrong: text.wrong.filter((value) => value !== "") },
  random: callback,
  failMode: oneOf("failover", "failfast", "failtry", "failbackup"),
  maxAttempts: whole(1),
  waitForRoom: flag,
  idempotent: { right: [() => true, [], ["S.M"]], wrong: [null, true, "S.M", {}, 1, [1]] },
  retryBudget: budget,
  hedgeBudget: budget,
  health: group<HealthOptions>({
    failuresInARow: whole(1),
    minSuccessRate: { ...number(0, 1), right: [0, 0.5, 1] },
    windowMs: duration,
    minCalls: whole(0),
    ejectionMs: duration,
    maxEjectionMs: duration,
  }),
  isFailure: callback,
  onEvent: callback,
};
const CALL: Table<CallOptions> = {
  signal,
  timeoutMs: callTime,
  meta: texts,
  idempotent: { ...flag, right: [true, false] },
  certain: { ...flag, right: [true, false] },
  schema: { right: [{}], wrong: [...without("object"), null, 1] },
};
const SOURCE: Table<SourceOptions> = { signal, onEvent: callback, clock, random: callback };
const ETCD = {
  endpoints: {
    right: [["http://a:1", "http://b:1"]],
    wrong: [null, true, "", [], {}, 1, [1], "ftp://a"],
  },
  username: text,
  password: { right: ["secret", () => "secret"], wrong: [null, true, {}, [], 1] },
  requestTimeoutMs: duration,
  fetch: callback,
  clock,
  random: callback,
};

type Options = Record<string, unknown>;
/** Takes the options, and ends what it has begun. */
type Take = (options: Options) => unknown;

/** A part: the table of its options, and what takes them. */
interface Part {
  readonly table: Readonly<Record<string, Kind>>;
  readonly take: Take;
  /** What it is called in the message of an unknown option. Default: the part's name. */
  readonly owner?: string;
}

const part = <O>(table: Table<O>, take: Take, owner?: string): Part => ({
  table: table as Readonly<Record<string, Kind>>,
  take,
  owner,
});

const closed = async (made: { close(): Promise<unknown> }) => void await made.close();
const never = () => new Promise<never>(() => {});
const refused = () => Promise.reject(new Error("down"));
const source = { name: "own", firstRetryMs: 1, longestRetryMs: 1, read: never };
const services = { Echo: { Say: (text: string) => text } };
const endpoints = "http://etcd:1";

/** All parts, by the name of their options. */
const PARTS: Readonly<Record<string, Part>> = {
  XClientOptions: part<XClientOptions>(XCLIENT, (o) => closed(new XClient([], o)), "XClient"),
  SelectorOptions: part<SelectorOptions>(
    { random: callback, boundedLoad: number(1) },
    (o) => createSelector("random", o),
    "createSelector",
  ),
  MultiServerDiscoveryOptions: part<MultiServerDiscoveryOptions>(
    { random: callback },
    (o) => new MultiServerDiscovery([], o),
    "MultiServerDiscovery",
  ),
  ServerOptions: part<ServerOptions>(
    {
      ...limits,
      connectPaths: {
        right: [{}, { "/orders": "netrpc/gob" }],
        wrong: [null, true, "a", [], 1, { "/a": 1 }, { a: "netrpc/gob" }, { "/a": "none" }],
      },
      maxInFlight: whole(1),
      maxRunning: whole(1),
      maxConcurrent: {
        right: [1, 7, Infinity, "adaptive", {}, { min: 5, max: 5, initial: 5, tolerance: 2 }],
        wrong: [
          ...[NaN, 0, 1.5, -1, null, true, "5", "", "Adaptive", [], 5n, () => 1],
          { mim: 1 }, // contradictions are in tests/connection/adaptive_limit_test.ts
        ],
        group: { initial: upTo1e6, min: upTo1e6, max: upTo1e6, tolerance: number(1, 10) },
      },
      maxWaiting: whole(0),
      maxWaitMs: duration,
      maxConnections: whole(1),
      maxConnectionsPerPeer: whole(1),
      introspection: oneOf("loopback", "everyone", "off"),
      latencies: flag,
      load: callback,
      handshakeTimeoutMs: duration,
      idleTimeoutMs: duration,
      writeTimeoutMs: duration,
      keepAnswersMs: duration,
      keepAnswersBytes: whole(1),
      onError: callback,
      onEvent: callback,
      interceptors: interceptors("handle"),
      asyncContext: { ...flag, right: [true, false] },
      clock,
    },
    (o) => closed(new Server(o)),
    "Server",
  ),
  RegisterOptions: part<RegisterOptions>(
    {
      schema: { right: [gob.service({ Say: {} })], wrong: [...without("object"), null, 1] },
      methods: { right: [["Say"]], wrong: [null, true, "Say", {}, 1, [1]] },
      unlimited: { right: [["Say"], []], wrong: [null, true, "Say", {}, 1, [1]] },
      interceptors: interceptors("handle"),
    },
    (o) => new Server().register("Echo", services.Echo as never, o),
    "register",
  ),
  MethodOptions: part<MethodOptions>(
    { args: schema, reply: schema, item: schema, argsItem: schema },
    (o) => method(o as never, () => 1),
    "method",
  ),
  SourceOptions: part<SourceOptions>(
    SOURCE,
    (o) => closed(new SourceDiscovery(source, o)),
    "SourceDiscovery",
  ),
  DnsDiscoveryOptions: part<DnsDiscoveryOptions>(
    {
      ...SOURCE,
      scheme: oneOf("tcp", "tls", "http"),
      nameServer: { right: ["127.0.0.1:53"], wrong: [...OTHERS, "a.example", 1] },
      minTtlMs: number(0),
      maxTtlMs: duration,
      defaultTtlMs: duration,
      requestTimeoutMs: duration,
      family: { right: [4, 6, "both"], wrong: [...OTHERS, 5, "4"] },
      resolveTargets: flag,
      resolver: {
        right: [{ srv: never, addresses: never }],
        wrong: [...OTHERS, { srv: never }, 1],
      },
    },
    (o) => closed(new DnsDiscovery("dns@a.example:1", o)),
    "DnsDiscovery",
  ),
  EtcdDiscoveryOptions: part<EtcdDiscoveryOptions>(
    { ...SOURCE, ...ETCD, rereadMs: duration, toServer: callback },
    (o) => closed(new EtcdDiscovery("a/", { endpoints, ...o })),
    "EtcdDiscovery",
  ),
  EtcdRegistrationOptions: part<EtcdRegistrationOptions>(
    {
      ...ETCD,
      fetch: { ...callback, right: [refused] },
      ttlMs: {
        ...number(1000),
        right: [1000, 1500.5, 1e9],
        wrong: [999, NaN, Infinity, ...OTHERS],
      },
      signal,
      onEvent: callback,
    },
    (o) => closed(new EtcdRegistration("a/", "tcp@a:1", { endpoints, fetch: refused, ...o })),
    "EtcdRegistration",
  ),
  RegistryDiscoveryOptions: part<RegistryDiscoveryOptions>(
    {
      ...SOURCE,
      refreshMs: duration,
      requestTimeoutMs: duration,
      stream: flag,
      token: registryToken,
      insecure: flag,
      headers: texts,
      fetch: callback,
    },
    (o) => closed(new RegistryDiscovery("http://localhost", o)),
    "RegistryDiscovery",
  ),
  HeartbeatOptions: part<HeartbeatOptions>(
    {
      timeoutMs: duration,
      everyMs: duration,
      owner: { right: ["secret"], wrong: [...without("string"), "", "a b"] },
      requestTimeoutMs: duration,
      signal,
      token: registryToken,
      insecure: flag,
      headers: texts,
      fetch: { ...callback, right: [refused] },
      clock: { ...clock, right: [] }, // closing waits for its time
      random: callback,
      onEvent: callback,
    },
    (o) => closed(new Heartbeat("http://localhost", "tcp@a:1", { fetch: refused, ...o })),
    "Heartbeat",
  ),
  RegistryOptions: part<RegistryOptions>(
    {
      timeoutMs: duration,
      allowedHosts: { right: [[], ["a.example"]], wrong: [null, true, "a", {}, 1, [1], ["a:1"]] },
      read: registryAccess,
      write: registryAccess,
      path: { right: ["/", "/a"], wrong: [...OTHERS, 1, "a"] },
      maxServers: whole(0),
      maxAddressBytes: whole(1),
      maxListBytes: whole(1),
      maxStreams: whole(0),
      beatMs: duration,
      clock,
      onEvent: callback,
    },
    (o) => closed(new Registry(o)),
    "Registry",
  ),
  InheritOptions: part<InheritOptions>(
    { marginMs: number(0), meta: { right: [[], ["a"]], wrong: [null, true, "a", {}, 1, [1]] } },
    (o) => inheritedOptions({ signal: signal.right[0] as AbortSignal, leftMs: 1, meta: {} }, {}, o),
    "inherit",
  ),
  AuthorizeOptions: part<AuthorizeOptions>(
    { timeoutMs: duration, onError: callback, clock },
    (o) => authorize(() => "ann", {}, o),
    "authorize",
  ),
  CredentialsOptions: part<CredentialsOptions>(
    { insecure: flag },
    (o) => credentials(() => ({}), o),
    "credentials",
  ),
  RejectOptions: part<RejectOptions>(
    {
      code: { right: ["aborted"], wrong: [...OTHERS, 1, "ABORTED"] },
      retryAfterMs: number(0),
      details: { right: [null, 1, "x", new Map()], wrong: [] }, // any value
    },
    (o) => rejection("full", o),
    "reject",
  ),
  TelemetryOptions: part<TelemetryOptions>(
    {
      tracerProvider: { right: [trace.getTracerProvider()], wrong: [...OTHERS, 1] },
      meterProvider: { right: [metrics.getMeterProvider()], wrong: [...OTHERS, 1] },
      propagator: { right: [], wrong: [...OTHERS, 1, { inject: () => {} }] },
      filter: callback,
      baggage: flag,
      spanName: callback,
      attributes: callback,
      metricAttributes: callback,
      clock,
    },
    (o) => telemetry(o),
    "telemetry",
  ),
  MemoryNetworkOptions: part<MemoryNetworkOptions>(
    { clock, delayMs: number(0), chunkBytes: whole(1) },
    (o) => new MemoryNetwork(o),
    "MemoryNetwork",
  ),
  MemoryFaults: part<MemoryFaults>(
    { refuse: flag, unroutable: flag, silent: flag, held: flag, delayMs: number(0) },
    (o) => new MemoryNetwork().setFaults("memory@a", o),
    "setFaults",
  ),
  FakeFleetOptions: part<FakeFleetOptions>(
    {
      services: { right: [services, () => services], wrong: [null, true, "5", 1] },
      offered: { right: [{}], wrong: [...without("object"), null, 1] },
      clock,
      random: callback,
      delayMs: number(0),
      workMs: { right: [0, 1.5, () => 1], wrong: [NaN, -1, null, true, "5", {}] },
      cores: duration,
      firstComeFirstServed: flag,
      server: { right: [{}, { maxInFlight: 5 }], wrong: [...without("object"), null] },
      metadata: { right: [() => "", () => "weight=2"], wrong: [...without("function"), 1] },
    },
    async (o) => closed(await FakeFleet.start(1, { services, ...o })),
    "FakeFleet",
  ),
};

/** Parts that need a server: each takes options of an address where one listens. */
function partsAt(
  address: string,
  memory: MemoryNetwork,
  xclient: XClient,
  fleet: FakeFleet,
): Readonly<Record<string, Part>> {
  const reached = { network: memory };
  const fromClient = (test: (options: Options) => Promise<unknown>): Take => test;
  return {
    DialOptions: part<DialOptions>(
      { ...CLIENT, signal, protocol: { ...CLIENT.protocol, right: ["geerpc/json", "geerpc/gob"] } },
      async (o) => closed(await dial(address, { ...reached, ...o })),
      "dial",
    ),
    ServeOptions: part<ServeOptions>(
      {
        protocol: CLIENT.protocol,
        tls,
        mode: { right: [], wrong: [...OTHERS, -1, 1.5, 0o1000, Infinity] }, // unix sockets alone have one
        takeOver: flag,
        network,
      },
      async (o) => {
        const server = new Server();
        await server.listen("memory@other", { ...reached, ...o });
        await server.close({ graceMs: 0 });
      },
      "listen",
    ),
    CallOptions: part<CallOptions>(
      CALL,
      fromClient(async (o) => {
        const client = await dial(address, reached);
        await client.call("Gate.Echo", 1, o).finally(() => client.close());
      }),
      "a call",
    ),
    StreamOptions: part<StreamOptions>(
      { ...CALL, itemTimeoutMs: duration, windowBytes: whole(1), windowItems: whole(1) },
      fromClient(async (o) => {
        const client = await dial(address, reached);
        try {
          for await (const _item of client.stream("Gate.Echo", 1, o)) break;
        } finally {
          await client.close();
        }
      }),
      "a call",
    ),
    FleetCallOptions: part<FleetCallOptions>(
      {
        ...CALL,
        key: { right: ["", "a"], wrong: [...without("string"), 5] },
        failMode: XCLIENT.failMode,
        maxAttempts: whole(1),
        waitForRoom: flag,
        hedgeAfterMs: number(0),
      },
      (o) => xclient.call("Gate.Echo", 1, o),
      "a call",
    ),
    FleetStreamOptions: part<FleetStreamOptions>(
      {
        ...CALL,
        itemTimeoutMs: duration,
        windowBytes: whole(1),
        windowItems: whole(1),
        key: { right: ["", "a"], wrong: [...without("string"), 5] },
        failMode: XCLIENT.failMode,
        maxAttempts: whole(1),
        waitForRoom: flag,
        hedgeAfterMs: number(0),
        resume: callback,
      },
      fromClient(async (o) => {
        for await (const _item of xclient.stream("Gate.Echo", 1, o)) break;
      }),
      "a call",
    ),
    StreamAllOptions: part<StreamAllOptions>(
      {
        ...CALL,
        itemTimeoutMs: duration,
        windowBytes: whole(1),
        windowItems: whole(1),
        follow: flag,
        resume: callback,
        onError: callback,
      },
      fromClient(async (o) => {
        for await (const _item of xclient.streamAll("Gate.Echo", 1, o)) break;
      }),
      "a call",
    ),
    FanOutOptions: part<FanOutOptions>(
      {
        ...CALL,
        quorum: { ...whole(1), right: [1] },
        concurrency: whole(1),
        serverTimeoutMs: callTime,
      },
      (o) => xclient.broadcast("Gate.Echo", 1, o),
      "a call",
    ),
    CheckOptions: part<CheckOptions>(
      {
        contract: {
          right: [["A.B"], { A: ["B"] }, { A: gob.service({ B: {} }) }],
          wrong: [...without("symbol"), ["B"], { A: 1 }, Symbol("x")],
        },
        timeoutMs: duration,
        signal,
      },
      (o) => xclient.check({ contract: ["A.B"], ...o }),
      "check",
    ),
    ReadyOptions: part<ReadyOptions>(
      { signal, timeoutMs: callTime },
      (o) => xclient.ready(o),
      "ready",
    ),
    CloseOptions: part<CloseOptions>(
      { graceMs: number(0) },
      async (o) => await (await dial(address, reached)).close(o),
      "close",
    ),
    ServerCloseOptions: part<ServerCloseOptions>(
      { graceMs: number(0) },
      (o) => new Server().close(o),
      "close",
    ),
    FakeFaults: part<FakeFaults>(
      {
        delayMs: number(0),
        slow: number(1e-6),
        refuse: flag,
        silent: flag,
        error: { right: [new Error(), "rejected", 1], wrong: [] },
        errorAfterMs: number(0),
      },
      (o) => fleet.servers[0].setFaults(o),
      "setFaults",
    ),
  };
}

/** Checks a part: each right value is taken, and each wrong one refused by name. */
async function check(name: string, { table, take, owner = name }: Part): Promise<void> {
  for (const [option, kind] of Object.entries(table)) {
    await checkOption(option, kind, (value) => take({ [option]: value }));
  }
  const calls = Object.keys(table);
  const unknown = await failure(Promise.resolve().then(() => take({ nonsense: 1 })));
  assert(unknown instanceof TypeError, `${name}: ${unknown}`);
  assert(unknown.message.startsWith(`${owner} has no option "nonsense"; `), unknown.message);
  for (const option of calls) {
    assert(unknown.message.includes(option), `${name}: ${unknown.message}`);
  }
  for (const option of calls.filter(({ length }) => length >= 7)) {
    const typo = option.slice(0, 3) + option.slice(4);
    const error = await failure(Promise.resolve().then(() => take({ [typo]: 1 })));
    assert(error instanceof TypeError, `${name}.${typo}: ${error}`);
    assert(error.message.includes(`did you mean "${option}"?`), error.message);
  }
  await take({ nonsense: undefined }); // not given
}

async function checkOption(
  path: string,
  { right, wrong, group = {} }: Kind,
  take: (value: unknown) => unknown,
): Promise<void> {
  for (const value of right) await take(value);
  for (const value of wrong) {
    const what = `${path}: ${
      typeof value === "symbol" ? "a symbol" : JSON.stringify(value, asText)
    }`;
    const error = await failure(Promise.resolve().then(() => take(value))).catch(() => {
      throw new Error(`${what} is taken`);
    });
    assert(error instanceof Error, what);
    const isRange = typeof value === "number" && error instanceof RangeError;
    const isName = error instanceof RpcError && error.code === "invalid_argument";
    assert(isRange || isName || error instanceof TypeError, `${what}: ${error}`);
    const word = /protocol|[mM]ode|endpoint|name server|allowed host|path of HTTP CONNECT/; // whose errors say it in words
    const last = path.split(".").at(-1)!;
    assert(error.message.includes(last) || word.test(error.message), `${what}: ${error.message}`);
  }
  for (const [inner, kind] of Object.entries(group)) {
    await checkOption(`${path}.${inner}`, kind, (value) => take({ [inner]: value }));
  }
}

function asText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" || typeof value === "number" || typeof value === "function"
    ? String(value)
    : value;
}

for (const [name, one] of Object.entries(PARTS)) {
  Deno.test(`${name}: what can't be meant is refused by name`, () => check(name, one));
}

Deno.test("what calls, connections and fake servers are told: the same", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const xclient = new XClient([address], world.options);
    const fleet = await FakeFleet.start(1, { services });
    const parts = partsAt(address, world.network, xclient, fleet);
    for (const [name, one] of Object.entries(parts)) await check(name, one);
    await xclient.close();
    await fleet.close();
  }));

Deno.test("no group of options is left out", () => {
  const network = new MemoryNetwork();
  const xclient = new XClient([]);
  const named = new Set([
    ...Object.keys(PARTS),
    ...Object.keys(partsAt("", network, xclient, undefined as never)),
    // Within the above:
    ...["ClientOptions", "HealthOptions", "LivenessOptions", "RetryBudgetOptions", "TlsOptions"],
    ...["AdaptiveLimitOptions", "EtcdOptions"],
    // What we give to a Network, be it another's, not what users give to us:
    ...["ConnectOptions", "ListenOptions"],
  ]);
  const exported = ["mod", "dns", "etcd", "gob", "registry", "telemetry", "testing"].flatMap(
    (module) => {
      const url = new URL(`../${module}.ts`, import.meta.url);
      const path = import.meta.url.endsWith(".js") ? url.href.replace(/ts$/, "js") : url.href;
      return readFileSync(new URL(path), "utf-8").match(
        /\b(?!Gob|Explore)\w+(?:Options|Faults)\b/g,
      ) ?? [];
    },
  );
  assertEquals(exported.filter((name) => !named.has(name)), []);
});

Deno.test("a clock, a network and chance may be given everywhere, so one object will do", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const common = { ...world.options, random: () => 0.5 };
    const client = await dial(address, common);
    const xclient = new XClient(new MultiServerDiscovery([address], common), common);
    assertEquals(await xclient.call("Gate.Echo", 1), 1);
    const server = new Server(common);
    await server.listen("memory@b", common);
    const registry = new Registry(common);
    await Promise.all([client.close(), xclient.close(), server.close(), registry.close()]);
  }));

Deno.test("options of a type that extends another's may be given in its place", () =>
  inWorld(async (world) => {
    const { address } = await world.serve("a");
    const firstOf = (table: object) =>
      Object.fromEntries(Object.entries(table).map(([name, { right }]) => [name, right[0]]));
    const forXClient = {
      ...firstOf(XCLIENT),
      tls: undefined,
      connectTimeoutMs: 1000,
      maxMessageBytes: 1e6,
    };
    const client = await dial(address, { ...forXClient, ...world.options });
    const xclient = new XClient([address], world.options);
    const forCalls: FleetCallOptions & FanOutOptions = {
      timeoutMs: 1000,
      idempotent: true,
      maxAttempts: 2,
      quorum: 1,
      concurrency: 1,
    };
    assertEquals(await client.call("Gate.Echo", 1, forCalls), 1);
    assertEquals(await xclient.call("Gate.Echo", 1, forCalls), 1);
    assertEquals(await xclient.broadcast("Gate.Echo", 1, forCalls), 1);
    await Promise.all([client.close(), xclient.close()]);
  }));

Deno.test("an unknown option says which ones there are, or which one was meant", async () => {
  const errors = await Promise.all([
    { timeoutMs: 5 },
    { connectTimeoutMS: 5 },
    { connectTimeout: 5 },
    { max_attempts: 5 },
    { healthy: {} },
  ].map((options) => failure(Promise.resolve().then(() => new XClient([], options as object)))));
  const ends = errors.map((error) => (error as Error).message.split("; ")[1].slice(0, 40));
  assertEquals(ends, [
    "its options are protocol, connectPath, t",
    'did you mean "connectTimeoutMs"?',
    'did you mean "connectTimeoutMs"?',
    'did you mean "maxAttempts"?',
    'did you mean "health"?',
  ]);
});
