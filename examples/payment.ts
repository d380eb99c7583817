/**
 * What `certain: true` is for, with real processes: a connection is cut in the middle of a payment.
 * `deno task demo:payment` runs it; docs/certainty.md explains it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer, type Server as TcpServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { RpcError, XClient } from "@geerpc/xclient";
import { ownStdFlags } from "../scripts/std.ts";

const isDeno = "Deno" in globalThis;
const PROGRAM = `./payment_server.${isDeno ? "ts" : "js"}`;

/** The server's process, and what it has printed. */
class PaymentServer {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #isOver = false;
  #wake = () => {};

  constructor() {
    const flags = isDeno
      ? ["run", "--quiet", "-A", ...ownStdFlags()]
      : ["--import", new URL("../scripts/node/polyfills.js", import.meta.url).href];
    const program = fileURLToPath(new URL(PROGRAM, import.meta.url));
    const child = this.#child = spawn(process.execPath, [...flags, program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#ended = new Promise((resolve) =>
      child.on("exit", () => {
        this.#isOver = true;
        this.#wake();
        resolve();
      })
    );
  }

  /** Waits until it has printed a line that begins so, and gives the rest of it. */
  async printed(beginning: string): Promise<string> {
    for (;;) {
      const line = this.#lines.find((line) => line.startsWith(beginning));
      if (line !== undefined) return line.slice(beginning.length).trim();
      if (this.#isOver) throw new Error(`the server ended before it printed "${beginning}"`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    process.kill(this.#child.pid!, "SIGKILL");
    await this.#ended;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#child.stdin!.end();
    await this.#ended;
  }
}

/** A cable between client and server, which can be cut. New connections work. */
class Cable {
  readonly #server: TcpServer;
  readonly #sockets = new Set<Socket>();
  #port: number;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((near) => {
      const far = connect(this.#port, "127.0.0.1");
      for (const [socket, other] of [[near, far], [far, near]]) {
        this.#sockets.add(socket);
        socket.pipe(other);
        socket.on("error", () => {}); // it is cut
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
  }

  /** Lays one to an address; gives it with the address of its other end. */
  static async to(address: string): Promise<{ cable: Cable; address: string }> {
    const cable = new Cable(portOf(address));
    await new Promise<void>((resolve) => cable.#server.listen(0, "127.0.0.1", resolve));
    const { port } = cable.#server.address() as { port: number };
    return { cable, address: `tcp@127.0.0.1:${port}` };
  }

  /** Leads to another server from now on. */
  lead(address: string): void {
    this.#port = portOf(address);
  }

  /** Cuts every connection that there is. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts them, and takes no more. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}

/** What the story has come to: what each caller heard, and how many times its card was charged. */
export interface Outcome {
  /** The receipt, or what is certain about the call. */
  readonly heard: string;
  /** How many times the card was charged, as the server knows it; nothing if it is gone. */
  readonly charged?: number;
}

/** Tells the story, line by line, and gives what it has come to. */
export async function payments(say: (line: string) => void): Promise<Record<string, Outcome>> {
  const server = new PaymentServer();
  const direct = await server.printed("listening ");
  const { cable, address } = await Cable.to(direct);
  const shop = new XClient([address]);
  const office = new XClient([direct]); // sees the books, by a cable that nobody cuts
  const charge = (order: string, options: { certain?: boolean }) =>
    shop.call<string>("Payments.Charge", { order, cents: 1250 }, options).catch((error) => {
      if (!(error instanceof RpcError)) throw error;
      say(`      the shop hears: ${error.message.replace(/ at tcp@\S+:/, ":")}`);
      return error.execution;
    });
  const times = (order: string) => office.call<number>("Payments.Times", order);

  await shop.call("Payments.Times", "A-1"); // the shop is open

  say("1. Without certain");
  const first = charge("A-1", {});
  await server.printed("charging A-1");
  say("      the bank is charging the card; the cable is cut");
  cable.cut();
  const heardFirst = await first;
  await server.printed("charged A-1");
  const chargedFirst = await times("A-1");
  say(`      the shop knows: ${heardFirst}. Was the card charged? Should it try again?`);
  say(`      the books say: charged ${chargedFirst} time(s), and nobody has the receipt`);

  say("2. With certain: true");
  const second = charge("B-2", { certain: true });
  await server.printed("charging B-2");
  say("      the bank is charging the card; the cable is cut");
  cable.cut();
  const heardSecond = await second;
  const chargedSecond = await times("B-2");
  say("      the shop's client asks the server again, on another connection");
  say(`      the shop hears: ${heardSecond}`);
  say(`      the books say: charged ${chargedSecond} time(s)`);

  say("3. With certain: true, and the server's process is killed");
  const other = new PaymentServer();
  const otherAddress = await other.printed("listening ");
  const third = charge("C-3", { certain: true });
  await server.printed("charging C-3");
  say("      the bank is charging the card; the server is killed, another one takes its place");
  cable.lead(otherAddress);
  await server.kill();
  const heardThird = await third;
  say(`      the shop knows: ${heardThird}. This much nobody can promise`);

  await Promise.all([shop.close(), office.close()]);
  await Promise.all([cable.close(), other.stop()]);
  return {
    "A-1": { heard: heardFirst, charged: chargedFirst },
    "B-2": { heard: heardSecond, charged: chargedSecond },
    "C-3": { heard: heardThird },
  };
}

if (import.meta.main) await payments(console.log);
