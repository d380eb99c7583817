/**
 * Ports of loopback for programs that have to be given a number and can't take
 * port 0 and report what they got, or that come back on the same port.
 */

import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import process from "node:process";

/** Below the ports that systems give to whoever asks for any: none is taken by chance. */
const FIRST = 10_000;
const COUNT = 22_000;
const TRIES = 5;

const HOST = "127.0.0.1";
/** Who listens on a port here holds the same port of `HOST`, without being in its way. */
const GUARD = "127.0.0.2";

// Test files run side by side, each in a process of its own.
let next = process.pid * 97;

/** Ports that no other test takes until they are released. */
export class HeldPorts {
  readonly numbers: readonly number[];
  readonly #guards: readonly Closable[];

  private constructor(numbers: readonly number[], guards: readonly Closable[]) {
    this.numbers = numbers;
    this.#guards = guards;
  }

  /** Takes so many that are free. */
  static async take(count: number): Promise<HeldPorts> {
    const numbers: number[] = [];
    const guards: Closable[] = [];
    while (numbers.length < count) {
      const port = FIRST + next++ % COUNT;
      const guard = await listen(port, GUARD).catch(unlessAbsent);
      if (guard === undefined) continue;
      if (await isFree(port)) {
        numbers.push(port);
        guards.push(guard);
      } else await guard.close();
    }
    return new HeldPorts(numbers, guards);
  }

  /** Others may take them. */
  async release(): Promise<void> {
    await Promise.all(this.#guards.map((guard) => guard.close()));
  }
}

/**
 * Starts something on ports of its own, and again on others if a program that
 * is no test has taken one of them.
 *
 * @param start Releases the ports when what it started has ended, unless it rejects.
 */
export async function startOnPorts<T>(
  count: number,
  start: (ports: HeldPorts) => Promise<T>,
): Promise<T> {
  for (let tries = 1;; tries++) {
    const ports = await HeldPorts.take(count);
    try {
      return await start(ports);
    } catch (error) {
      await ports.release();
      if (tries === TRIES || !/address (already )?in use/i.test(String(error))) throw error;
    }
  }
}

interface Closable {
  close(): Promise<void>;
}

function listen(port: number, host: string): Promise<Closable> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      port,
      host,
      () => resolve({ close: () => new Promise((closed) => server.close(() => closed())) }),
    );
  });
}

function listenUdp(port: number): Promise<Closable> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(
      port,
      HOST,
      () => resolve({ close: () => new Promise((closed) => socket.close(() => closed())) }),
    );
  });
}

/** Whether nobody listens there, on TCP or on UDP. */
async function isFree(port: number): Promise<boolean> {
  try {
    await (await listen(port, HOST)).close();
    await (await listenUdp(port)).close();
    return true;
  } catch {
    return false;
  }
}

/** Not every system has a second address of loopback: there is no guard then. */
function unlessAbsent(error: { code?: string }): Closable | undefined {
  return error.code === "EADDRNOTAVAIL" ? { close: () => Promise.resolve() } : undefined;
}
