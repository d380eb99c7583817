/**
 * One run of a plan: the world that it needs is set up, what it says happens,
 * everything heals, everything is closed. What is found is taken down.
 *
 * @module
 */

import type { CallContext } from "../../server.ts";
import { MemoryNetwork } from "../memory_network.ts";
import { seededRandom } from "../seeded_random.ts";
import { CountedClock, ExplorerClock, settle } from "./clock.ts";
import { ExplorerDiscovery, ExplorerList } from "./discovery.ts";
import { History, type HistoryEvent } from "./history.ts";
import { ExplorerNetwork } from "./network.ts";
import type { CallStep, ClientPlan, FaultStep, Feature, Plan, ServerStep, Step } from "./plan.ts";
import { ExplorerServer, type RunRecord } from "./server.ts";
import { argumentOf, CALL_KEY, type ExploredClient, type Subject } from "./subject.ts";
import { errorLine, kindOf } from "./outcome.ts";
import { watchErrors } from "./unhandled.ts";

/** What a property found wrong. */
export interface Violation {
  /** The property, as in the list of the documentation. */
  readonly property: string;
  /** What was seen. */
  readonly message: string;
}

/** How a call, or the listening to its receipts, ended. */
export type Outcome =
  | { readonly ok: true; readonly reply: unknown }
  | { readonly ok: false; readonly error: unknown };

/** What became of a call at one server, as `inform` tells it. */
export interface ReceiptRecord {
  /** The server. */
  readonly address: string;
  /** Whether it succeeded. */
  readonly ok: boolean;
  /** What it replied, if it did. */
  readonly reply?: unknown;
  /** Why it failed, if it did. */
  readonly error?: unknown;
}

/** One call, and what became of it. */
export interface CallRecord {
  /** What the plan says of it. */
  readonly step: CallStep;
  /** When it was made, in milliseconds. */
  readonly atMs: number;
  /** Its argument, before a getter is put into it. */
  readonly args: unknown;
  /** What handlers did for it. */
  readonly runs: RunRecord[];
  /** How often its promise has settled. */
  settlements: number;
  /** When it settled. */
  settledAtMs?: number;
  /** How it ended; absent if it has not. */
  outcome?: Outcome;
  /** For `inform`: the receipts, as they came. */
  readonly receipts: ReceiptRecord[];
  /** When it was aborted. */
  abortedAtMs?: number;
  /** What it is aborted with. */
  readonly reason: Error;
  /** How many servers there were to ask, for calls to many. */
  readonly servers: number;
  /** For `inform`: whether the caller stopped listening. */
  brokenOff?: boolean;
}

/** A close that was asked for. */
export interface CloseRecord {
  readonly client: string;
  readonly atMs: number;
  readonly graceMs: number;
  /** How many calls of the client had not ended. */
  readonly open: number;
  endedAtMs?: number;
}

/** Something that a client told of a server. */
export interface EventRecord {
  /** The client. */
  readonly client: string;
  /** When, in milliseconds. */
  readonly atMs: number;
  /** What, as in `XClientEvent`. */
  readonly type: string;
  /** The server. */
  readonly address: string;
}

/** One client, and what is known of it. */
export interface ClientRecord {
  readonly plan: ClientPlan;
  readonly client: ExploredClient;
  readonly clock: CountedClock;
  readonly discovery: ExplorerDiscovery;
  readonly network: ExplorerNetwork;
  readonly events: EventRecord[];
  readonly closes: CloseRecord[];
  /** Calls whose argument made them, by a getter of its own: how often they have settled. */
  readonly nested: { settlements: number }[];
}

/** What a run has brought. */
export interface RunResult {
  /** The plan that was run. */
  readonly plan: Plan;
  /** What did not hold; empty if everything did. */
  readonly violations: readonly Violation[];
  /** Every call, in the order in which they were made. */
  readonly calls: readonly CallRecord[];
  /** What the clients told of their servers, in order of time for each client. */
  readonly events: readonly EventRecord[];
  /** What has happened, in order. */
  readonly history: readonly HistoryEvent[];
  /** The same as text, and a hash of all bytes on the wire: equal for equal runs. */
  readonly text: string;
}

/** For how long everything is given to end once all faults are healed, in milliseconds. */
const HEALED_MS = 60_000;
/** How long a call may take at last, when nothing is wrong. */
const PROBE_MS = 10_000;
/** The grace of the last close: it is not needed. */
const LAST_GRACE_MS = 5000;

/** A signal that knows how many listen to it. */
class CountedController extends AbortController {
  listeners = 0;

  constructor() {
    super();
    const { signal } = this;
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    const known = new Set<unknown>();
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      known.add(args[1]);
      this.listeners = known.size;
      add.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      known.delete(args[1]);
      this.listeners = known.size;
      remove.apply(signal, args);
    };
  }
}

/** One run of a plan. */
export class Run {
  readonly plan: Plan;
  readonly subject: Subject;
  /** What is not checked. */
  readonly without: ReadonlySet<Feature>;
  readonly clock = new ExplorerClock();
  readonly history = new History(() => this.clock.now());
  readonly violations: Violation[] = [];
  readonly calls = new Map<number, CallRecord>();
  readonly servers: ExplorerServer[];
  readonly clients: ClientRecord[];
  readonly list: ExplorerList;
  /** What every call listens to that is not aborted by itself. */
  readonly #shared = new CountedController();
  readonly #controllers: CountedController[] = [this.#shared];
  readonly #network: MemoryNetwork;

  /** Sets the world up; nothing listens yet. */
  constructor(plan: Plan, subject: Subject, without: ReadonlySet<Feature> = new Set()) {
    this.plan = plan;
    this.subject = subject;
    this.without = without;
    const { clock, history } = this;
    const { delayMs, chunkBytes, maxMessageBytes } = plan;
    const network = this.#network = new MemoryNetwork({ clock, delayMs, chunkBytes });
    this.servers = plan.servers.map((server) =>
      new ExplorerServer(server, {
        clock,
        network,
        history,
        maxMessageBytes,
        services: subject.services,
        reset: (address) => {
          for (const client of this.clients) client.network.reset(address);
        },
        begin: (name, args, context) => this.#begin(name, args, context),
      })
    );
    const { badEntry } = plan;
    this.list = new ExplorerList(
      this.servers.filter((_, place) => plan.servers[place].listed !== false)
        .map(({ listing }) => listing),
      badEntry === undefined ? [] : [badEntry],
    );
    this.clients = plan.clients.map((client, place) => this.#client(client, place));
  }

  /** Runs the plan. */
  async run(): Promise<void> {
    const unhandled = (what: string) => (error: unknown) =>
      this.violate("nothing is left behind", `${what}: ${errorLine(error)}`);
    const stop = watchErrors(unhandled("an unhandled rejection"), unhandled("an uncaught error"));
    try {
      for (const server of this.servers) await server.start();
      for (const step of this.plan.steps) {
        await this.clock.advanceTo(step.atMs);
        this.#do(step);
        this.#look();
      }
      await settle();
      this.#look();
      await this.#heal();
      await this.#close();
    } catch (error) {
      this.violate("the run ends", errorLine(error));
    } finally {
      stop();
    }
  }

  /** What it has brought. */
  get result(): RunResult {
    const { plan, violations, clients, history } = this;
    return {
      plan,
      violations,
      calls: [...this.calls.values()],
      events: clients.flatMap(({ events }) => events),
      history: history.events,
      text: history.text,
    };
  }

  /** A property does not hold. */
  violate(property: string, message: string): void {
    if (this.violations.length >= 20) return;
    this.violations.push({ property, message });
    this.history.note("", `VIOLATION: ${property}: ${message}`);
  }

  #do(step: Step): void {
    switch (step.do) {
      case "call":
        return this.#call(step);
      case "close": {
        const client = this.clients.find(({ plan }) => plan.name === step.client);
        if (client !== undefined) this.#closeClient(client, step.graceMs);
        return;
      }
      case "list": {
        const listed = this.servers.filter(({ name }) => step.servers.includes(name));
        this.history.note("", `the list is ${listed.map(({ name }) => name).join(", ")}`);
        return this.list.take(listed.map(({ listing }) => listing));
      }
      case "discovery":
        this.history.note("", `discovery: ${step.state}`);
        return this.list.set(step.state);
      case "jump":
        this.history.note("", `the clock jumps by ${step.forMs} ms`);
        return this.clock.jump(step.forMs);
      default:
        return this.#trouble(step);
    }
  }

  /** Something happens to a server. */
  #trouble(step: FaultStep | ServerStep): void {
    const server = this.servers.find(({ name }) => name === step.server);
    if (server === undefined) return;
    const { do: what, atMs: _at, server: _server, ...rest } = step;
    const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ");
    this.history.note(server.name, `${what} ${details || (what === "fault" ? "none" : "")}`);
    switch (step.do) {
      case "fault":
        return server.setFaults(step);
      case "cut":
        return server.cut();
      case "forget":
        return this.clients.forEach(({ network }) => network.forget(server.address, step.forGood));
      case "stall":
        return server.stall(step.forMs);
      case "crash":
        return server.crash(step.forMs);
      case "drain":
        return server.drain(step.graceMs, step.forMs);
    }
  }

  #begin(server: string, args: unknown, context: CallContext) {
    let id = NaN;
    try {
      id = this.subject.idOf(args, context);
    } catch { /* an argument that is not even an object */ }
    const call = this.calls.get(id);
    if (call === undefined) {
      this.violate("a call is its caller's", `${server} runs a call that nobody has made`);
    }
    return call;
  }

  #client(plan: ClientPlan, place: number): ClientRecord {
    const clock = new CountedClock(this.clock);
    const network = new ExplorerNetwork(plan.name, this.#network, this.history, this.clock);
    const discovery = new ExplorerDiscovery(this.list, plan.discovery, this.clock);
    const { maxAttempts, retryBudget, hedgeBudget, boundedLoad, maxInFlight } = plan;
    const client = this.subject.client(
      discovery,
      definedOf({
        mode: plan.mode,
        failMode: plan.failMode,
        maxAttempts,
        retryBudget,
        hedgeBudget,
        boundedLoad,
        maxInFlight,
        health: plan.health,
        liveness: plan.liveness,
        handleTimeoutMs: plan.handleTimeoutMs,
        connectTimeoutMs: plan.connectTimeoutMs,
        maxMessageBytes: this.plan.maxMessageBytes,
        network: this.subject.network(network),
        clock,
        random: seededRandom(Math.imul(this.plan.seed, 7) + place),
        onEvent: (event: { type: string; address: string }) => this.#onEvent(record, event),
      }),
    );
    const record = { plan, client, clock, discovery, network, events: [], closes: [], nested: [] };
    return record;
  }

  #onEvent(record: ClientRecord, { type, address }: { type: string; address: string }): void {
    const { plan, client } = record;
    record.events.push({ client: plan.name, atMs: this.clock.now(), type, address });
    this.history.note(plan.name, `${address} ${type}`);
    if (type === "ejected") {
      const endpoints = client.endpoints();
      const out = endpoints.filter(({ health }) => health !== "healthy").length;
      const most = Math.max(1, Math.floor(endpoints.length * 0.1));
      if (out > most) {
        const message = `${out} of ${endpoints.length} are left out, at most ${most} may be`;
        this.violate("ejection has limits", message);
      }
    }
    if (type === plan.closeOnEvent && record.closes.length === 0) this.#closeClient(record, 0);
  }

  #call(step: CallStep): void {
    const record = this.clients.find(({ plan }) => plan.name === step.client);
    if (record === undefined || this.calls.has(step.id)) return;
    const { clock, history } = this;
    const method = this.subject.methods[step.method % this.subject.methods.length];
    const controller = step.abortAfterMs !== undefined || step.argument === "aborts"
      ? new CountedController()
      : step.id % 2 === 0
      ? this.#shared
      : undefined;
    if (controller !== undefined && controller !== this.#shared) this.#controllers.push(controller);
    const args = argumentOf(method, this.plan.seed, step.id);
    if (step.argument === "at_limit" && isObject(args) && typeof args.Text === "string") {
      args.Text = "x".repeat(step.length ?? 0);
    }
    const call: CallRecord = {
      step,
      atMs: clock.now(),
      args,
      runs: [],
      settlements: 0,
      receipts: [],
      reason: new Error(`call ${step.id} is aborted`),
      servers: record.client.endpoints().length,
    };
    this.calls.set(step.id, call);
    const abort = () => {
      if (controller === undefined || controller.signal.aborted) return;
      call.abortedAtMs = clock.now();
      if (call.settlements === 0) history.note(step.client, `call ${step.id} is aborted`);
      controller.abort(call.reason);
    };
    history.note(step.client, `call ${step.id} begins: ${method.serviceMethod} ${describe(step)}`);
    const settled = (outcome: Outcome) => {
      if (++call.settlements > 1) {
        return this.violate("a call settles once", `call ${step.id} settled again`);
      }
      call.settledAtMs = clock.now();
      call.outcome = outcome;
      const how = outcome.ok ? "succeeds" : `fails: ${errorLine(outcome.error)}`;
      history.note(step.client, `call ${step.id} ${how}`);
    };
    const { kind, breakAfter } = step;
    const options = definedOf({
      signal: controller?.signal,
      timeoutMs: step.timeoutMs,
      meta: { [CALL_KEY]: `${step.id}` },
      idempotent: step.idempotent,
      key: step.key,
      failMode: step.failMode,
      maxAttempts: step.maxAttempts,
      hedgeAfterMs: step.hedgeAfterMs,
      quorum: step.quorum,
      concurrency: step.concurrency,
      serverTimeoutMs: step.serverTimeoutMs,
    });
    const sent = this.#strange(call, record, method.serviceMethod, abort);
    const inform = async () => {
      for await (const receipt of record.client.inform(method.serviceMethod, sent, options)) {
        call.receipts.push(receipt);
        const how = receipt.ok ? "succeeded" : `failed: ${errorLine(receipt.error)}`;
        history.note(step.client, `call ${step.id} at ${receipt.address} ${how}`);
        if (call.receipts.length === breakAfter) {
          call.brokenOff = true;
          break;
        }
      }
    };
    const promise = kind === "inform"
      ? inform()
      : record.client[kind](method.serviceMethod, sent, options);
    promise.then(
      (reply) => settled({ ok: true, reply }),
      (error) => settled({ ok: false, error }),
    );
    if (step.abortAfterMs === 0) abort();
    else if (step.abortAfterMs !== undefined) clock.setTimer(step.abortAfterMs, abort);
  }

  /** The argument, with a getter that does what the plan says. */
  #strange(
    { step, args }: CallRecord,
    record: ClientRecord,
    serviceMethod: string,
    abort: () => void,
  ): unknown {
    const { argument = "plain" } = step;
    if (argument === "plain" || argument === "at_limit" || !isObject(args)) return args;
    const name = Object.keys(args).at(-1);
    if (name === undefined) return args;
    const value = args[name];
    return Object.defineProperty({ ...args }, name, {
      enumerable: true,
      get: () => {
        if (argument === "aborts") abort();
        else if (argument === "closes") this.#closeClient(record, 0);
        else if (argument === "throws") throw new Error("the argument throws");
        else if (record.nested.length < 3) {
          const nested = { settlements: 0 };
          record.nested.push(nested);
          const settled = () => void nested.settlements++;
          record.client.call(`${serviceMethod}Not`, null, { key: "" }).then(settled, settled);
        }
        return value;
      },
    });
  }

  #closeClient(record: ClientRecord, graceMs: number): CloseRecord {
    const { plan: { name }, client } = record;
    const close: CloseRecord = {
      client: name,
      atMs: this.clock.now(),
      graceMs,
      open: this.#open(name).length,
    };
    record.closes.push(close);
    this.history.note(name, `closes with ${graceMs} ms of grace`);
    client.close({ graceMs }).then(() => {
      close.endedAtMs = this.clock.now();
      this.history.note(name, "has closed");
    }, (error) => this.violate("a close ends", errorLine(error)));
    return close;
  }

  /** The calls of a client that have not ended. */
  #open(client: string): CallRecord[] {
    return [...this.calls.values()].filter(({ step, settlements }) =>
      step.client === client && settlements === 0
    );
  }

  /** Looks at the figures that clients show, whatever the moment. */
  #look(): void {
    for (const { plan: { name, maxAttempts = 3 }, client, closes, nested } of this.clients) {
      const endpoints = client.endpoints();
      const wrong = (message: string) => this.violate("figures are consistent", message);
      let inFlight = 0;
      for (const endpoint of endpoints) {
        const { address, health, oldestAgeMs, latencyMs, successes, failures } = endpoint;
        const isKnown = this.servers.some((server) => server.address === address) ||
          this.plan.badEntry?.startsWith(address);
        if (!isKnown) {
          wrong(`${name} has ${address}, which was never listed`);
        }
        if (!["healthy", "ejected", "trial"].includes(health)) wrong(`${address} is ${health}`);
        for (const figure of [endpoint.inFlight, oldestAgeMs, latencyMs, successes, failures]) {
          if (!(figure >= 0 && figure < Infinity)) wrong(`a figure of ${address} is ${figure}`);
        }
        inFlight += endpoint.inFlight;
      }
      if (closes.length > 0) continue;
      let most = nested.filter(({ settlements }) => settlements === 0).length * maxAttempts;
      for (const { step } of this.#open(name)) {
        most += step.kind === "call" ? step.maxAttempts ?? maxAttempts : this.servers.length + 1;
      }
      if (inFlight > most) wrong(`${name} has ${inFlight} calls in flight, at most ${most} can be`);
    }
  }

  async #heal(): Promise<void> {
    this.history.note("", "everything heals");
    for (const server of this.servers) await server.heal();
    for (const { network } of this.clients) network.heal();
    this.list.set("fine");
    await this.clock.advanceTo(this.clock.now() + HEALED_MS);
    for (const { step, settlements } of this.calls.values()) {
      if (settlements === 0 && step.workMs < HEALED_MS) {
        this.violate("a call ends once all is well", `call ${step.id} has not ended`);
      }
    }
    this.#look();
    for (const record of this.clients) {
      const { plan: { name }, client, closes, nested } = record;
      if (nested.some(({ settlements }) => settlements !== 1)) {
        this.violate("a call settles once", `a call that an argument of ${name} made did not`);
      }
      if (closes.length > 0 || this.#open(name).length > 0) continue;
      for (const { address, inFlight } of client.endpoints()) {
        if (inFlight > 0) {
          this.violate("figures are consistent", `${inFlight} calls in flight at ${address}`);
        }
      }
      if (this.plan.badEntry === undefined) await this.#probe(record);
    }
    this.#checkHandlers();
  }

  /** Where callers can say that they wait no more, nobody works for nobody. */
  #checkHandlers(): void {
    for (const { step, runs, settlements } of this.calls.values()) {
      if (settlements === 0 || step.stubborn) continue;
      for (const { outcome, server } of runs) {
        const { protocol } = this.plan.servers.find(({ name }) => name === server)!;
        if (outcome !== "running" || protocol !== "geerpc/json") continue;
        const message = `call ${step.id} was given up and still runs at ${server}`;
        this.violate("nobody works for nobody", message);
      }
    }
  }

  /** Nothing is wrong: a call has to succeed. */
  async #probe({ plan: { name }, closes }: ClientRecord): Promise<void> {
    const id = 1_000_000 + this.calls.size;
    const atMs = this.clock.now();
    const what = {
      atMs,
      do: "call",
      id,
      client: name,
      kind: "call",
      method: 0,
      workMs: 0,
    } as const;
    this.#call({ ...what, key: "probe", timeoutMs: PROBE_MS });
    await this.clock.advanceTo(atMs + PROBE_MS);
    const { outcome } = this.calls.get(id)!;
    if (outcome?.ok !== false || closes.length > 0) return;
    const message = `${kindOf(outcome.error)}: ${errorLine(outcome.error)}`;
    this.violate("a call succeeds once all is well", message);
  }

  async #close(): Promise<void> {
    const quiet: CloseRecord[] = [];
    for (const record of this.clients) {
      if (record.closes.length > 0) continue;
      const close = this.#closeClient(record, LAST_GRACE_MS);
      if (close.open === 0) quiet.push(close);
    }
    await this.clock.advanceTo(this.clock.now());
    for (const { client, endedAtMs } of quiet) {
      if (endedAtMs !== undefined) continue;
      this.violate("nothing is left behind", `${client} waits for calls although none is open`);
    }
    for (const { plan: { name }, network: { open }, clock: { timers }, closes } of this.clients) {
      if (closes.some(({ endedAtMs }) => endedAtMs === undefined)) continue;
      const left = (what: string) =>
        this.violate("nothing is left behind", `${name} has closed, and has ${what}`);
      if (open > 0) left(`${open} connections`);
      if (timers > 0) left(`${timers} timers`);
    }
    for (const server of this.servers) server.end();
    await this.clock.advanceTo(this.clock.now() + HEALED_MS);
    this.#leftovers();
  }

  #leftovers(): void {
    const left = (message: string) => this.violate("nothing is left behind", message);
    const { timers } = this.clock;
    if (timers > 0) left(`${timers} timers`);
    if (this.list.watchers > 0) left(`${this.list.watchers} watchers of the list`);
    for (const { signal, listeners } of this.#controllers) {
      if (!signal.aborted && listeners > 0) left(`${listeners} listeners on a caller's signal`);
    }
    for (const { name, address, running, connections } of this.servers) {
      if (running > 0) left(`${running} handlers of ${name}`);
      if (connections > 0) left(`${connections} connections at ${name}`);
      const open = this.#network.connections(address);
      if (open > 0) left(`${open} open connections to ${name}`);
    }
    for (const { plan: { name }, client, closes } of this.clients) {
      if (closes.some(({ endedAtMs }) => endedAtMs === undefined)) left(`${name} has not closed`);
      if (client.endpoints().length > 0) left(`${name} still has servers`);
    }
  }
}

function describe(step: CallStep): string {
  const { atMs: _at, do: _do, id: _id, client: _client, method: _method, ...rest } = step;
  return Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object without what is undefined; its type is the caller's to know. */
// deno-lint-ignore no-explicit-any
function definedOf(object: Record<string, unknown>): any {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
