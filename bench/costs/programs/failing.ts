/** Broadcasts that one server fails while all others are still running theirs. */

import { dial, MultiServerDiscovery, type ParsedAddress, Server, XClient } from "@geerpc/xclient";
import { type Observer, WatchedNetwork } from "./watched_network.ts";

/** Times of one failing broadcast, in milliseconds from the arrival of the failure. */
export interface Cancelling {
  /** Until the broadcast rejected. */
  readonly rejectedMs: number;
  /** Until the system had taken the last cancellation. */
  readonly canceledMs: number;
}

const CANCEL = /^\{"ServiceMethod":"","Seq":\d+,"Cancel":true\}\nnull\n$/;

/** Notes when the failure arrives, and what is sent after it. */
class Watch implements Observer {
  readonly #failing: string;
  #failedAtMs = 0;
  #lastSentAtMs = 0;
  #sent: Uint8Array[] = [];
  #awaited = 0;
  #resolve = () => {};

  /** @param failing The address of the server that fails. */
  constructor(failing: string) {
    this.#failing = failing;
  }

  get failedAtMs(): number {
    return this.#failedAtMs;
  }

  get canceledMs(): number {
    return this.#lastSentAtMs - this.#failedAtMs;
  }

  /** Waits for the next failure and so many cancellations after it. */
  async cancels(count: number): Promise<void> {
    this.#failedAtMs = 0;
    this.#sent = [];
    this.#awaited = count;
    await new Promise<void>((resolve) => this.#resolve = resolve);
    const decoder = new TextDecoder();
    for (const bytes of this.#sent) {
      const text = decoder.decode(bytes);
      if (!CANCEL.test(text)) throw new Error(`sent after the failure: ${text}`);
    }
  }

  arrived({ address }: ParsedAddress): void {
    if (address === this.#failing) this.#failedAtMs = performance.now();
  }

  sent(_endpoint: ParsedAddress, bytes: Uint8Array): void {
    if (this.#failedAtMs === 0) return;
    this.#lastSentAtMs = performance.now();
    this.#sent.push(bytes.slice()); // checked later, so as not to disturb what is measured
    if (this.#sent.length === this.#awaited) this.#resolve();
  }
}

/**
 * Makes broadcasts to servers that wait and one that fails.
 *
 * @param addresses The servers that wait: all are listeners of one server, which only this uses.
 * @param rounds How many broadcasts; two more before them do not count.
 */
export async function cancel(addresses: readonly string[], rounds: number): Promise<Cancelling[]> {
  let called = (_fail: () => void) => {};
  // The failing server is in this process, so that it can fail once all others run the call.
  await using server = new Server();
  server.register("Slow", {
    Wait: () => new Promise((_, reject) => called(() => reject(new Error("this one fails")))),
  });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  const watch = new Watch(address);
  await using control = await dial(addresses[0]);
  const waiting = (count: number) => control.call("Slow.Until", count);
  await using xclient = new XClient(new MultiServerDiscovery([...addresses, address]), {
    network: new WatchedNetwork(watch),
    liveness: { silenceMs: Infinity },
  });

  const results: Cancelling[] = [];
  for (let round = -2; round < rounds; round++) {
    const canceled = watch.cancels(addresses.length);
    const failing = new Promise<() => void>((resolve) => called = resolve);
    const broadcast = xclient.broadcast("Slow.Wait").then(
      () => {
        throw new Error("a broadcast succeeded though one server failed");
      },
      (error) => {
        const atMs = performance.now();
        if (error.address !== address || error.message !== "this one fails") throw error;
        return atMs;
      },
    );
    await waiting(addresses.length);
    const fail = await failing;
    fail();
    const [rejectedAtMs] = await Promise.all([broadcast, canceled]);
    const { failedAtMs, canceledMs } = watch;
    await waiting(0); // all cancellations have arrived
    if (round >= 0) results.push({ rejectedMs: rejectedAtMs - failedAtMs, canceledMs });
  }
  return results;
}
