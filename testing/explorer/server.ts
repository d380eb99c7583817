/**
 * One server of a run: a process that has faults, is killed, and comes back.
 *
 * @module
 */

import type { Timer } from "../../clock.ts";
import { RpcError } from "../../errors.ts";
import { type CallContext, Server } from "../../server.ts";
import type { MemoryNetwork } from "../memory_network.ts";
import type { ExplorerClock } from "./clock.ts";
import type { History } from "./history.ts";
import type { CallStep, FaultStep, ServerPlan } from "./plan.ts";
import { STREAM_SERVICE } from "./stream_plan.ts";

/** Services by name, as `Server.register` takes them. */
export type ExploredServices = Readonly<Record<string, object>>;

/** What a handler has done for one call. */
export interface RunRecord {
  /** The server. */
  readonly server: string;
  /** The server's process, counted from 1. */
  readonly process: number;
  /** When it began, in milliseconds. */
  readonly atMs: number;
  /** When it ended. */
  endedAtMs?: number;
  /** How: turned away means that it says to have done nothing. */
  outcome: "running" | "replied" | "failed" | "aborted" | "turned_away";
}

/** What servers need of their run. */
export interface ServerHost {
  readonly clock: ExplorerClock;
  readonly network: MemoryNetwork;
  readonly history: History;
  readonly maxMessageBytes: number;
  /** What every server offers. */
  services(server: string): ExploredServices;
  /** Resets every connection to an address, also those of which one end is gone. */
  reset(address: string): void;
  /** The service for streams, if they are explored. */
  streams?(server: ExplorerServer): object;
  /** A handler begins: which call it is for, who made it, and where its runs are taken down. */
  begin(
    server: string,
    args: unknown,
    context: CallContext,
  ): { readonly step: CallStep; readonly runs: RunRecord[] } | undefined;
}

/** One server of a run. */
export class ExplorerServer {
  readonly name: string;
  readonly address: string;
  /** What a list has of it. */
  readonly listing: string;
  /** How many handlers have not ended. */
  running = 0;
  faults: Partial<FaultStep> = {};
  readonly #plan: ServerPlan;
  readonly #host: ServerHost;
  #server: Server | undefined;
  /** Processes that are closing. */
  readonly #closing = new Set<Server>();
  /** When its processes were told to end. */
  readonly ends: number[] = [];
  /** How many answers to calls with `certain` its processes were asked for, and how many had not run. */
  readonly kept = { recalled: 0, refused: 0 };
  /** How many processes there were. */
  #processes = 0;
  #held = false;
  #stall: Timer | undefined;
  #restart: Timer | undefined;

  constructor(plan: ServerPlan, host: ServerHost) {
    this.#plan = plan;
    this.#host = host;
    this.name = plan.name;
    this.address = `memory@${plan.name}`;
    const metadata = new URLSearchParams({ protocol: plan.protocol });
    if (plan.weight !== undefined) metadata.set("weight", `${plan.weight}`);
    if (plan.zone !== undefined) metadata.set("zone", plan.zone);
    this.listing = `${this.address}?${metadata}`;
  }

  /** Whether a process listens. */
  get isUp(): boolean {
    return this.#server !== undefined;
  }

  /** How many connections the processes hold that there are and were. */
  get connections(): number {
    let count = this.#server?.connections ?? 0;
    for (const server of this.#closing) count += server.connections;
    return count;
  }

  /** Starts a process, unless there is one. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const { clock, network, history, maxMessageBytes } = this.#host;
    const { protocol, maxInFlight, keepAnswersMs, keepAnswersBytes } = this.#plan;
    const limits = { maxMessageBytes, maxInFlight, keepAnswersMs, keepAnswersBytes };
    const server = this.#server = new Server({ clock, ...limits });
    for (const [name, service] of Object.entries(this.#host.services(this.name))) {
      server.register(name, this.#wrapped(service));
    }
    const streams = this.#host.streams?.(this);
    if (streams !== undefined) server.register(STREAM_SERVICE, streams);
    this.#processes++;
    history.note(this.name, "starts");
    // Either of GeeRPC's encodings is spoken where either is.
    const spoken = protocol.startsWith("geerpc/") ? "geerpc/json" : protocol;
    await server.listen(this.address, { network, protocol: spoken });
  }

  /** A handler of a stream has begun (1), or ended (−1). */
  streamRuns(change: 1 | -1): void {
    this.running += change;
  }

  /** Sets what is wrong with it. */
  setFaults(faults: Partial<FaultStep>): void {
    // What was sent into the void is lost for good: such a connection is reset later.
    const wasSilent = this.faults.silent && !faults.silent;
    this.faults = faults;
    this.#apply();
    if (wasSilent) this.#host.reset(this.address);
  }

  /** Stands still for a while. */
  stall(forMs: number): void {
    this.#held = true;
    this.#apply();
    this.#stall?.cancel();
    this.#stall = this.#host.clock.setTimer(forMs, () => this.resume());
  }

  /** Stands still no more. */
  resume(): void {
    this.#stall?.cancel();
    this.#stall = undefined;
    if (!this.#held) return;
    this.#held = false;
    this.#host.history.note(this.name, "goes on");
    this.#apply();
  }

  /** Cuts its connections. */
  cut(): void {
    this.#host.network.cut(this.address);
  }

  /** The process is killed; another one starts later. */
  crash(forMs: number): void {
    this.cut();
    this.#close(0);
    this.#restartAfter(forMs);
  }

  /** The process closes; another one starts later. */
  drain(graceMs: number, forMs: number): void {
    this.#close(graceMs);
    this.#restartAfter(forMs);
  }

  /** Nothing is wrong any more. */
  async heal(): Promise<void> {
    this.setFaults({});
    this.resume();
    this.#restart?.cancel();
    this.#restart = undefined;
    await this.start();
  }

  /** Ends the process for good. */
  end(): void {
    this.#restart?.cancel();
    this.#close(5000);
  }

  #close(graceMs: number): void {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.ends.push(this.#host.clock.now());
    this.#closing.add(server);
    server.close({ graceMs }).then(() => {
      const { recalled, refused } = server.figures().kept;
      this.kept.recalled += recalled;
      this.kept.refused += refused;
      if (server.connections === 0) this.#closing.delete(server);
      this.#host.history.note(this.name, "has closed");
    });
  }

  #restartAfter(forMs: number): void {
    this.#restart?.cancel();
    this.#restart = this.#host.clock.setTimer(forMs, () => void this.start());
  }

  #apply(): void {
    const { delayMs, refuse, unroutable, silent } = this.faults;
    this.#host.network.setFaults(this.address, {
      delayMs: delayMs ?? undefined,
      refuse,
      unroutable,
      silent,
      held: this.#held,
    });
  }

  #wrapped(service: object): object {
    const methods: Record<string, unknown> = {};
    for (
      let holder: object = service;
      holder !== Object.prototype && holder !== null;
      holder = Object.getPrototypeOf(holder)
    ) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(holder))) {
        if (name === "constructor" || name in methods || typeof value !== "function") continue;
        const process = this.#processes + 1;
        methods[name] = (args: unknown, context: CallContext) =>
          this.#handle(() => value.call(service, args, context), args, context, process);
      }
    }
    return methods;
  }

  #handle(run: () => unknown, args: unknown, context: CallContext, process: number): unknown {
    const { clock, history } = this.#host;
    const call = this.#host.begin(this.name, args, context);
    if (call === undefined) throw new Error("a call that nobody has made");
    const { step, runs } = call;
    const record: RunRecord = {
      server: this.name,
      process,
      atMs: clock.now(),
      outcome: "running",
    };
    runs.push(record);
    const { error, slow = 1 } = this.faults;
    history.message(step.client, this.name, `call ${step.id} runs`);
    const end = (outcome: RunRecord["outcome"]) => {
      record.outcome = outcome;
      record.endedAtMs = clock.now();
      this.running--;
      history.message(this.name, step.client, `call ${step.id} ${outcome.replace("_", " ")}`);
    };
    const fail = (thrown: unknown): never => {
      const isTurnedAway = thrown instanceof RpcError && thrown.execution === "rejected";
      end(isTurnedAway ? "turned_away" : context.signal.aborted ? "aborted" : "failed");
      throw thrown;
    };
    const reply = (value: unknown) => {
      end("replied");
      return value;
    };
    this.running++;
    if (error === "rejected") return fail(context.reject(`${this.name} takes no calls`));
    if (error !== undefined) return fail(new RpcError(error, `${this.name} fails`));
    const workMs = step.workMs * slow;
    if (workMs === 0) {
      let value: unknown;
      try {
        value = run();
      } catch (thrown) {
        return fail(thrown);
      }
      return value instanceof Promise ? value.then(reply, fail) : reply(value);
    }
    return this.#work(workMs, step.stubborn ? undefined : context.signal).then(run)
      .then(reply, fail);
  }

  #work(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = this.#host.clock.setTimer(ms, resolve);
      signal?.addEventListener("abort", () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }
}
