/** Broadcasts of which one server fails while all others work. */

import { dial, MultiServerDiscovery, type ParsedAddress, Server, XClient } from "@geerpc/xclient";
import { type Observer, WatchedNetwork } from "./watched_network.ts";

/** What one failing broadcast took, in milliseconds since the failure came. */
export interface Cancelling {
  /** Until the broadcast had rejected. */
  readonly rejectedMs: number;
  /** Until the last cancellation was with the system. */
  readonly canceledMs: number;
}

const CANCEL = /^\{"ServiceMethod":"","Seq":\d+,"Cancel":true\}\nnull\n$/;

/** When the failure came, and what was sent since. */
class Watch implements Observer {
  failing = "";
  #failedAtMs = 0;
  #lastSentAtMs = 0;
  #sent: Uint8Array[] = [];
  #awaited = 0;
  #resolve = () => {};

  get failedAtMs(): number {
    return this.#failedAtMs;
  }

  get canceledMs(): number {
    return this.#lastSentAtMs - this.#failedAtMs;
  }

  /** Watches for the next failure; resolves when so many writes have followed it. */
  async cancels(count: number): Promise<void> {
    this.#failedAtMs = 0;
    this.#sent = [];
    this.#awaited = count;
    await new Promise<void>((resolve) => this.#resolve = resolve);
    const decoder = new TextDecoder();
    for (const bytes of this.#sent) {
      const text = decoder.decode(bytes);
      if (!CANCEL.test(text)) throw new Error(`sent behind the failure: ${text}`);
    }
  }

  arrived({ address }: ParsedAddress): void {
    if (address === this.failing) this.#failedAtMs = performance.now();
  }

  sent(_endpoint: ParsedAddress, bytes: Uint8Array): void {
    if (this.#failedAtMs === 0) return;
    this.#lastSentAtMs = performance.now();
    this.#sent.push(bytes.slice()); // looked at when it is over
    if (this.#sent.length === this.#awaited) this.#resolve();
  }
}

/**
 * Broadcasts to some servers that wait and one that fails.
 *
 * @param addresses Those that wait: all listeners of one server, nobody else's.
 * @param rounds How many times, behind two that do not count.
 */
export async function cancel(addresses: readonly string[], rounds: number): Promise<Cancelling[]> {
  let called = (_fail: () => void) => {};
  const watch = new Watch();
  // The failing server is here, so that it fails when all others are at work.
  await using server = new Server();
  server.register("Slow", {
    Wait: () => new Promise((_, reject) => called(() => reject(new Error("this one fails")))),
  });
  const { address } = await server.listen("tcp@127.0.0.1:0");
  watch.failing = address;
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
    await waiting(0); // they have all heard of it
    if (round >= 0) results.push({ rejectedMs: rejectedAtMs - failedAtMs, canceledMs });
  }
  return results;
}
