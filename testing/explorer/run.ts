/**
 * This file is one class: one run of a plan. The world that it needs is set up,
 * what it says happens, everything heals, everything is closed.
 *
 * @module
 */

import { setFaultHook } from "../../internal/fault_points.ts";
import type { CallContext } from "../../server.ts";
import { MemoryNetwork } from "../memory_network.ts";
import { seededRandom } from "../seeded_random.ts";
import { Caller, type CallerHost } from "./caller.ts";
import { CountedClock, ExplorerClock } from "./clock.ts";
import { definedOf } from "./defined.ts";
import { DirectClient } from "./direct.ts";
import { ExplorerDiscovery, ExplorerList } from "./discovery.ts";
import { FaultPoints } from "./fault_points.ts";
import { isUnnoticed } from "./forgotten.ts";
import { History } from "./history.ts";
import { ExplorerNetwork } from "./network.ts";
import { errorLine, kindOf } from "./outcome.ts";
import type { ClientPlan, FaultStep, Feature, Plan, ServerStep, Step } from "./plan.ts";
import type { CallRecord, ClientRecord, CloseRecord, RunResult, Violation } from "./records.ts";
import { ExplorerServer } from "./server.ts";
import { StreamCaller } from "./stream_caller.ts";
import { streamService } from "./stream_service.ts";
import type { Subject } from "./subject.ts";
import { watchErrors } from "./unhandled.ts";

/** For how long everything is given to end once all faults are healed, in milliseconds. */
const HEALED_MS = 60_000;
/** After so long a silence a connection is given up whose server can't be asked for a sign of life. */
const MUTE_MS = HEALED_MS / 2;
/** How long a call may take at last, when nothing is wrong. */
const PROBE_MS = 10_000;
/** The grace of the last close: it is not needed. */
const LAST_GRACE_MS = 5000;

/** One run of a plan. */
export class Run {
  readonly plan: Plan;
  readonly subject: Subject;
  /** What is not checked. */
  readonly without: ReadonlySet<Feature>;
  readonly clock = new ExplorerClock();
  readonly history: History;
  readonly violations: Violation[] = [];
  readonly caller: Caller;
  readonly streams: StreamCaller;
  readonly servers: ExplorerServer[];
  readonly clients: ClientRecord[];
  readonly list: ExplorerList;
  readonly points: FaultPoints;
  readonly #network: MemoryNetwork;

  /** Sets the world up; nothing listens yet. */
  constructor(plan: Plan, subject: Subject, without: ReadonlySet<Feature> = new Set()) {
    this.plan = plan;
    this.subject = subject;
    this.without = without;
    const hasIds = plan.steps.some((step) => step.do === "call" && step.certain);
    this.history = new History(() => this.clock.now(), hasIds);
    this.points = new FaultPoints(this.clock, this.history);
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
        streams: subject.hasStreams && !without.has("streams")
          ? (server) => this.#streamService(server)
          : undefined,
      })
    );
    const { badEntry } = plan;
    this.list = new ExplorerList(
      this.servers.filter((_, place) => plan.servers[place].listed !== false)
        .map(({ listing }) => listing),
      badEntry === undefined ? [] : [badEntry],
    );
    this.clients = plan.clients.map((client, place) => this.#client(client, place));
    const host: CallerHost = {
      plan,
      subject,
      clock,
      history,
      violate: (property, message) => this.violate(property, message),
      close: (record, graceMs) => void this.#closeClient(record, graceMs),
    };
    this.caller = new Caller(host);
    this.streams = new StreamCaller(host);
  }

  #streamService(server: ExplorerServer): object {
    const { clock, history } = this;
    return streamService({
      name: server.name,
      clock,
      history,
      get faults() {
        return server.faults;
      },
      find: (id) => this.streams.streams.get(id),
      running: (change) => server.streamRuns(change),
      violate: (property, message) => this.violate(property, message),
    });
  }

  /** Runs the plan. */
  async run(): Promise<void> {
    const unhandled = (what: string) => (error: unknown) =>
      this.violate("nothing is left behind", `${what}: ${errorLine(error)}`);
    const stop = watchErrors(unhandled("an unhandled rejection"), unhandled("an uncaught error"));
    setFaultHook(this.points.hook);
    try {
      for (const server of this.servers) await server.start();
      await this.#dial();
      for (const step of this.plan.steps) {
        await this.clock.advanceTo(step.atMs);
        this.#do(step);
        this.#look();
      }
      await this.clock.advance(0);
      this.#look();
      await this.#heal();
      await this.#close();
    } catch (error) {
      this.violate("the run ends", errorLine(error));
    } finally {
      setFaultHook(undefined);
      stop();
    }
  }

  /** Plain clients are connected before anything happens. */
  async #dial(): Promise<void> {
    const dials: Promise<void>[] = [];
    for (const { client } of this.clients) {
      if (client instanceof DirectClient) dials.push(client.connect());
    }
    if (dials.length === 0) return;
    await this.clock.advance(this.plan.delayMs);
    await Promise.all(dials);
  }

  /** Every call, by its number. */
  get calls(): ReadonlyMap<number, CallRecord> {
    return this.caller.calls;
  }

  /** What it has brought. */
  get result(): RunResult {
    const { plan, violations, clients, history } = this;
    return {
      plan,
      violations,
      calls: [...this.caller.calls.values()],
      streams: [...this.streams.streams.values()],
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
      case "stream":
      case "close": {
        const client = this.clients.find(({ plan }) => plan.name === step.client);
        if (client === undefined) return;
        if (step.do === "call") this.caller.call(step, client);
        else if (step.do === "stream") this.streams.begin(step, client);
        else this.#closeClient(client, step.graceMs);
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
      case "point":
        return this.points.set(step);
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
    const call = this.caller.calls.get(id);
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
    const server = this.servers.find(({ name }) => name === plan.direct);
    const options = definedOf({
      mode: plan.mode,
      failMode: plan.failMode,
      maxAttempts,
      retryBudget,
      hedgeBudget,
      boundedLoad,
      slowStartMs: plan.slowStartMs,
      zone: plan.zone,
      maxInFlight,
      health: plan.health,
      liveness: { muteMs: MUTE_MS, ...plan.liveness },
      handleTimeoutMs: plan.handleTimeoutMs,
      connectTimeoutMs: plan.connectTimeoutMs,
      maxMessageBytes: this.plan.maxMessageBytes,
      network: this.subject.network(network),
      clock,
      random: seededRandom(Math.imul(this.plan.seed, 7) + place),
      onEvent: (event: { type: string; address: string }) => this.#onEvent(record, event),
    });
    const client = server === undefined
      ? this.subject.client(discovery, options)
      : new DirectClient(server.listing, options);
    const record: ClientRecord = {
      plan,
      client,
      clock,
      discovery,
      network,
      events: [],
      closes: [],
      nested: [],
    };
    return record;
  }

  #onEvent(record: ClientRecord, { type, address }: { type: string; address: string }): void {
    const { plan, client } = record;
    record.events.push({ client: plan.name, atMs: this.clock.now(), type, address });
    this.history.note(plan.name, `${address} ${type}`);
    if (type === "ejected") {
      const endpoints = client.endpoints();
      const out = endpoints.filter(({ health }) =>
        health === "ejected" || health === "trial"
      ).length;
      const most = Math.max(1, Math.floor(endpoints.length * 0.1));
      if (out > most) {
        const message = `${out} of ${endpoints.length} are left out, at most ${most} may be`;
        this.violate("ejection has limits", message);
      }
    }
    if (type === plan.closeOnEvent && record.closes.length === 0) this.#closeClient(record, 0);
  }

  #closeClient(record: ClientRecord, graceMs: number): CloseRecord {
    const { plan: { name }, client } = record;
    const close: CloseRecord = {
      client: name,
      atMs: this.clock.now(),
      graceMs,
      open: this.caller.open(name).length + this.streams.open(name).length,
    };
    record.closes.push(close);
    this.history.note(name, `closes with ${graceMs} ms of grace`);
    client.close({ graceMs }).then(() => {
      close.endedAtMs = this.clock.now();
      this.history.note(name, "has closed");
    }, (error) => this.violate("a close ends", errorLine(error)));
    return close;
  }

  /** Looks at the figures that clients show, whatever the moment. */
  #look(): void {
    for (const { plan: { name }, clock: { timers }, closes } of this.clients) {
      const ended = closes.filter(({ endedAtMs, isChecked }) =>
        !isChecked && endedAtMs !== undefined
      );
      for (const close of ended) close.isChecked = true;
      if (ended.length > 0 && timers > 0) {
        this.violate("nothing is left behind", `${name} has closed, and has ${timers} timers`);
      }
    }
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
        if (!["healthy", "condemned", "ejected", "trial"].includes(health)) {
          wrong(`${address} is ${health}`);
        }
        for (const figure of [endpoint.inFlight, oldestAgeMs, latencyMs, successes, failures]) {
          if (!(figure >= 0 && figure < Infinity)) wrong(`a figure of ${address} is ${figure}`);
        }
        inFlight += endpoint.inFlight;
      }
      if (closes.length > 0) continue;
      let most = nested.filter(({ settlements }) => settlements === 0).length * maxAttempts;
      for (const { step } of this.caller.open(name)) {
        most += step.kind === "call" ? step.maxAttempts ?? maxAttempts : this.servers.length + 1;
      }
      for (const { step } of this.streams.open(name)) {
        most += step.kind === "all" ? this.servers.length + 1 : step.maxAttempts ?? maxAttempts;
      }
      if (inFlight > most) wrong(`${name} has ${inFlight} calls in flight, at most ${most} can be`);
    }
  }

  async #heal(): Promise<void> {
    this.history.note("", "everything heals");
    this.points.clear();
    for (const server of this.servers) await server.heal();
    for (const { network } of this.clients) network.heal();
    this.list.set("fine");
    await this.clock.advanceTo(this.clock.now() + HEALED_MS);
    for (const { step, settlements } of this.caller.calls.values()) {
      if (settlements === 0 && step.workMs < HEALED_MS) {
        this.violate("a call ends once all is well", `call ${step.id} has not ended`);
      }
    }
    for (const { step, settlements } of this.streams.streams.values()) {
      if (settlements > 0) continue;
      this.violate("a stream ends once all is well", `stream ${step.id} has not ended`);
    }
    this.#look();
    for (const record of this.clients) {
      const { plan: { name }, client, closes, nested } = record;
      if (nested.some(({ settlements }) => settlements !== 1)) {
        this.violate("a call settles once", `a call that an argument of ${name} made did not`);
      }
      const open = this.caller.open(name).length + this.streams.open(name).length;
      if (closes.length > 0 || open > 0) continue;
      for (const { address, inFlight } of client.endpoints()) {
        if (inFlight > 0) {
          this.violate("figures are consistent", `${inFlight} calls in flight at ${address}`);
        }
      }
      const isOver = client instanceof DirectClient && !client.available;
      if (this.plan.badEntry === undefined && !isOver) await this.#probe(record);
    }
    this.#checkHandlers();
  }

  /** Where callers can say that they wait no more, nobody works for nobody. */
  #checkHandlers(): void {
    for (const { step, runs, settlements } of this.caller.calls.values()) {
      if (settlements === 0 || step.stubborn) continue;
      for (const { outcome, server } of runs) {
        const { protocol } = this.plan.servers.find(({ name }) => name === server)!;
        if (outcome !== "running" || protocol !== "geerpc/json") continue;
        const message = `call ${step.id} was given up and still runs at ${server}`;
        this.violate("nobody works for nobody", message);
      }
    }
    for (const { step, runs, settlements } of this.streams.streams.values()) {
      if (settlements === 0) continue;
      for (const { outcome, server } of runs) {
        if (outcome !== "running" || this.#wasOutOfReach(server)) continue;
        const message = `stream ${step.id} has ended and still runs at ${server}`;
        this.violate("nobody works for nobody", message);
      }
    }
  }

  /**
   * Whether what a client said of its end may have been lost on the way to a server, and nothing
   * tells a handler that waits for credit, or for items: it has nothing to write.
   */
  #wasOutOfReach(server: string): boolean {
    return this.plan.steps.some((step) =>
      (step.do === "fault" && step.silent || step.do === "forget") && step.server === server
    );
  }

  /** Nothing is wrong: a call has to succeed. */
  async #probe(record: ClientRecord): Promise<void> {
    const { plan: { name }, closes } = record;
    const id = 1_000_000 + this.caller.calls.size;
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
    this.caller.call({ ...what, key: "probe", timeoutMs: PROBE_MS }, record);
    await this.clock.advanceTo(atMs + PROBE_MS);
    const { outcome } = this.caller.calls.get(id)!;
    if (outcome?.ok !== false || closes.length > 0) return;
    if (isUnnoticed(this.plan, this.calls.values(), record, outcome.error)) return;
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
    for (const { plan: { name }, network: { open }, closes } of this.clients) {
      if (closes.some(({ endedAtMs }) => endedAtMs === undefined)) continue;
      if (open === 0) continue;
      this.violate("nothing is left behind", `${name} has closed, and has ${open} connections`);
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
    const listeners = this.caller.listeners + this.streams.listeners;
    if (listeners > 0) left(`${listeners} listeners on callers' signals`);
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
