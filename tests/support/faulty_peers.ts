/** The processes of the test of faulty networks: clients and servers on Deno, on Node and in Go. */

import { existsSync } from "node:fs";
import { emit, list, ROOT, sources } from "../../scripts/javascript.ts";
import { ownStdFlags } from "../../scripts/std.ts";
import type { Protocol } from "../../protocol/codec.ts";
import { GoPeer } from "../interop/peer.ts";
import type { Fault, Order, Reply } from "./faulty_client.ts";
import { LineProgram } from "./line_program.ts";

/** Where our own programs run. */
export type Runtime = "deno" | "node";

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** A client in a process of its own. */
export class RemoteClient {
  readonly #program: LineProgram;
  readonly #waiting = new Map<number, (reply: { value?: unknown; fault?: Fault }) => void>();
  /** The events that nobody has waited for yet, by the client's name. */
  readonly #events = new Map<string, string[]>();
  #lastId = 0;
  #wakes: (() => void)[] = [];

  constructor(program: LineProgram) {
    this.#program = program;
    program.follow((line) => {
      const reply: Reply = JSON.parse(line);
      if ("event" in reply) {
        this.#eventsOf(reply.name).push(reply.event);
        for (const wake of this.#wakes.splice(0)) wake();
      } else {
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      }
    });
  }

  /** Gives an order; resolves to what came of it. */
  order(order: WithoutId<Order>): Promise<{ value?: unknown; fault?: Fault }> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#program.tell(JSON.stringify({ id, ...order }));
    });
  }

  /** Waits until an `XClient` has told of an event since the last time that one was waited for. */
  async untilEvent(name: string, event: string): Promise<void> {
    const events = this.#eventsOf(name);
    while (!events.includes(event)) {
      await new Promise<void>((resolve) => this.#wakes.push(resolve));
    }
    events.splice(0, events.indexOf(event) + 1);
  }

  /** Ends its input. It then closes what is open, and has to end by itself. */
  end(): Promise<{ code: number | null; errors: string }> {
    return this.#program.end();
  }

  #eventsOf(name: string): string[] {
    const events = this.#events.get(name) ?? [];
    this.#events.set(name, events);
    return events;
  }
}

/** All processes, started once. */
export class FaultyPeers implements AsyncDisposable {
  readonly #out = Deno.makeTempDirSync({ prefix: "xclient_faulty_" });
  readonly #programs: LineProgram[] = [];
  #go: GoPeer | undefined;

  /** Starts a client. */
  client(runtime: Runtime): RemoteClient {
    return new RemoteClient(this.#start(runtime, "faulty_client"));
  }

  /** Starts servers, one for each protocol; resolves to their addresses. */
  async server(runtime: Runtime): Promise<Record<Protocol, string>> {
    return JSON.parse(await this.#start(runtime, "faulty_server").firstLine());
  }

  /** Starts Go's servers, and builds its client. */
  async go(): Promise<{ peer: GoPeer; addresses: Record<Protocol, string> }> {
    const peer = this.#go = await GoPeer.build();
    const { gob, json, gee } = await peer.serve();
    return {
      peer,
      addresses: { "netrpc/gob": gob, "netrpc/json": json, "geerpc/gob": gee, "geerpc/json": gee },
    };
  }

  /** Ends all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) program.kill();
    await Promise.all(this.#programs.map((program) => program.end()));
    await this.#go?.end();
    Deno.removeSync(this.#out, { recursive: true });
  }

  #start(runtime: Runtime, name: string): LineProgram {
    const program = runtime === "deno"
      ? new LineProgram(Deno.execPath(), [
        "run",
        "-A",
        "--no-check",
        ...ownStdFlags(),
        `${ROOT}/tests/support/${name}.ts`,
      ])
      : new LineProgram("node", [
        `--import=file://${this.#javascript()}/scripts/node/polyfills.js`,
        `${this.#javascript()}/tests/support/${name}.js`,
      ]);
    this.#programs.push(program);
    return program;
  }

  /** The library and these programs in JavaScript, for Node. */
  #javascript(): string {
    const out = this.#out;
    if (existsSync(`${out}/package.json`)) return out;
    Deno.writeTextFileSync(`${out}/package.json`, '{ "type": "module" }');
    const files = [
      ...sources(),
      ...list("scripts/node/"),
      ...list("scripts/offline/"),
      "tests/support/faulty_client.ts",
      "tests/support/faulty_server.ts",
      "tests/interop/services.ts",
    ];
    for (const file of files) emit(file, out);
    return out;
  }
}
