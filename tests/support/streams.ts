/** Fleets in memory whose servers stream what the test pushes. */

import { assertEquals } from "@std/assert";
import type { XClientOptions } from "../../fleet/options.ts";
import type { CallContext } from "../../server.ts";
import { type FleetCase, type FleetEnds, withStarted } from "./fleet.ts";
import { settled, type Site, type World } from "./helpers.ts";

/** One stream that a server gives. */
export class TapRead {
  /** Whether the handler has ended, in whichever way. */
  isOver = false;
  readonly #items: unknown[] = [];
  #isEnded = false;
  #error: unknown;
  #wake = () => {};

  constructor(readonly args: unknown, readonly ctx: CallContext) {
    ctx.signal.addEventListener("abort", () => this.#wake());
  }

  /** Gives items. */
  push(...items: unknown[]): void {
    this.#items.push(...items);
    this.#wake();
  }

  /** Ends it behind these. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** Fails it behind these. */
  fail(error: unknown): void {
    this.#error = error;
    this.#wake();
  }

  /** What the handler yields. */
  async *items(): AsyncGenerator<unknown> {
    try {
      while (!this.ctx.signal.aborted) {
        if (this.#items.length > 0) yield this.#items.shift();
        else if (this.#error !== undefined) throw this.#error;
        else if (this.#isEnded) return;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      this.isOver = true;
    }
  }
}

/** One server, whose streams the test feeds. */
export interface Tap {
  readonly name: string;
  readonly address: string;
  readonly site: Site;
  /** What was opened here, in order. */
  readonly reads: TapRead[];
  /** The items that came as arguments. */
  readonly got: unknown[];
  /** Turns streams away, if set. */
  isRejecting: boolean;
}

/** What a test works with. */
export interface TapCase extends FleetCase {
  readonly taps: Tap[];
  /** One more server, not listed yet. */
  serve(name: string): Promise<Tap>;
  /** Puts a list in place. */
  list(taps: readonly Tap[]): Promise<void>;
}

async function start(world: World, name: string): Promise<Tap> {
  const tap: Omit<Tap, "site" | "address"> = { name, reads: [], got: [], isRejecting: false };
  const site = await world.serve(name, {}, {
    Tap: {
      Read(args: unknown, ctx: CallContext): AsyncIterable<unknown> {
        if (tap.isRejecting) throw ctx.reject(`${name} takes no streams`);
        const read = new TapRead(args, ctx);
        tap.reads.push(read);
        return read.items();
      },
      Name: () => name,
      async Sum(numbers: AsyncIterable<number>, ctx: CallContext): Promise<number> {
        if (tap.isRejecting) throw ctx.reject(`${name} takes no sums`);
        let sum = 0;
        for await (const number of numbers) {
          tap.got.push(number);
          sum += number;
        }
        return sum;
      },
    },
  });
  return Object.assign(tap, { site, address: site.address });
}

/** Runs a test with a fleet of taps; at the end no stream may be left. */
export function withTaps(
  count: number,
  body: (test: TapCase) => Promise<void>,
  options: XClientOptions = {},
): Promise<void> {
  const run = async (test: FleetCase, taps: Tap[]): Promise<FleetEnds> => {
    await body({
      ...test,
      taps,
      serve: (name) => start(test.world, name),
      list: (list) => test.discovery.update(list.map(({ address }) => address)),
    });
    return {
      before(clients) {
        for (const { address, inFlight } of clients.flatMap((client) => client.endpoints())) {
          assertEquals(inFlight, 0, `in flight at ${address}`);
        }
      },
      async after() {
        await settled();
        for (const { name, reads } of taps) {
          assertEquals(reads.map(({ isOver }) => isOver), reads.map(() => true), `left at ${name}`);
        }
      },
    };
  };
  return withStarted(count, start, run, options);
}

/** What a reader has got so far, while the test goes on. */
export class Collected<T> {
  readonly items: T[] = [];
  /** What it has failed with. */
  error: unknown;
  /** Whether it has ended, in whichever way. */
  isOver = false;
  readonly ended: Promise<void>;

  constructor(readonly stream: AsyncIterable<T>) {
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const item of this.stream) this.items.push(item);
    } catch (error) {
      this.error = error;
    }
    this.isOver = true;
  }
}

/** Reads a stream while the test goes on. */
export function collect<T>(stream: AsyncIterable<T>): Collected<T> {
  return new Collected(stream);
}
