/**
 * A rival: probing, as Google's Prequal does it.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { EndpointView, PickContext, Selector } from "../selector.ts";
import type { FakeFleet, FakeServer } from "../testing.ts";
import { ServersByAddress } from "./servers_by_address.ts";
import { MEAN_WORK_MS } from "./workload.ts";

/** How long a probe travels in one direction, in milliseconds; most calls travel in no time. */
const PROBE_DELAY_MS = 0.5;
const PROBES_PER_CALL = 3;
const POOL_SIZE = 16;
const MAX_AGE_MS = 1000;
/** Which share of the queues that were seen is no longer than what counts as cold. */
const HOT_QUANTILE = 2 ** -0.25;
/** Of how many probes the quantile is taken. */
const REMEMBERED = 128;

/** What a probe has brought. */
interface Probe {
  readonly address: string;
  readonly atMs: number;
  /** How long a call should take there, in milliseconds. */
  readonly expectedMs: number;
  /** How many calls the server was working on. */
  readonly running: number;
}

/**
 * Three probes go out with each call, for the calls to come. A pool keeps the
 * youngest probe of each server, 16 at most, for 1 s. A probe is hot if its
 * queue is longer than 84 % of those seen of late. Of the cold ones the one that
 * expects the shortest reply time gets the call; if all are hot, the one with the
 * shortest queue. A probe is used once. Each call also removes one, the oldest or
 * the worst in turn, so that the pool doesn't fill up with those that nobody wants.
 *
 * It is shown at its best. The reply time that a server expects is computed from
 * its true queue and speed, where Prequal's servers estimate it from earlier
 * calls; answering probes costs a server no work; and with probes that are used
 * again, as Prequal does where probing is dear, it did worse here.
 *
 * Source: Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should
 * balance: Introducing Prequal", NSDI 2024.
 */
export class ProbingSelector implements Selector {
  readonly #clock: Clock;
  readonly #servers: ServersByAddress;
  readonly #random: () => number;
  /** By address, from the oldest to the youngest. */
  readonly #pool = new Map<string, Probe>();
  /** The queues that the last probes have seen. */
  readonly #seen: number[] = [];
  #removesWorst = false;

  /**
   * @param fleet The fleet whose servers are probed.
   * @param random Says which.
   */
  constructor(fleet: FakeFleet, random: () => number) {
    this.#clock = fleet.clock;
    this.#servers = new ServersByAddress(fleet);
    this.#random = random;
  }

  pick<T extends EndpointView>(endpoints: readonly T[], { nowMs }: PickContext): T | undefined {
    this.#probe(endpoints);
    for (const { address, atMs } of this.#pool.values()) {
      if (nowMs - atMs > MAX_AGE_MS) this.#pool.delete(address);
    }
    const known = endpoints.filter(({ address }) => this.#pool.has(address));
    if (known.length < 2) return endpoints[Math.floor(this.#random() * endpoints.length)];
    const hotFrom = this.#hotFrom();
    const costs = known.map(({ address }) => costOf(this.#pool.get(address)!, hotFrom));
    const least = Math.min(...costs);
    const equals = known.filter((_, place) => costs[place] === least);
    const best = equals[Math.floor(this.#random() * equals.length)];
    this.#pool.delete(best.address);
    this.#remove(hotFrom);
    return best;
  }

  /** Probes some servers, and keeps the answers when they come. */
  #probe(endpoints: readonly EndpointView[]): void {
    const addresses = endpoints.map(({ address }) => address);
    const probed: FakeServer[] = [];
    while (probed.length < PROBES_PER_CALL && addresses.length > 0) {
      const [address] = addresses.splice(Math.floor(this.#random() * addresses.length), 1);
      const server = this.#servers.find(address);
      if (server !== undefined) probed.push(server);
    }
    const clock = this.#clock;
    const answer = (server: FakeServer) => {
      if (server.stalledForMs > 0) {
        clock.setTimer(server.stalledForMs, () => answer(server));
        return;
      }
      const { address, running, faults: { slow = 1 } } = server;
      const expectedMs = (running + 1) * slow * MEAN_WORK_MS;
      const atMs = clock.now();
      clock.setTimer(PROBE_DELAY_MS, () => this.#keep({ address, atMs, expectedMs, running }));
    };
    clock.setTimer(PROBE_DELAY_MS, () => probed.forEach(answer));
  }

  #keep(probe: Probe): void {
    this.#seen.push(probe.running);
    if (this.#seen.length > REMEMBERED) this.#seen.shift();
    this.#pool.delete(probe.address);
    this.#pool.set(probe.address, probe);
    if (this.#pool.size > POOL_SIZE) this.#pool.delete(this.#pool.keys().next().value!);
  }

  /** Probes whose queue is longer than this are hot. */
  #hotFrom(): number {
    const sorted = this.#seen.toSorted((one, other) => one - other);
    return sorted[Math.floor((sorted.length - 1) * HOT_QUANTILE)];
  }

  #remove(hotFrom: number): void {
    this.#removesWorst = !this.#removesWorst;
    const probes = [...this.#pool.values()];
    const costs = probes.map((probe) => costOf(probe, hotFrom));
    const place = this.#removesWorst ? costs.indexOf(Math.max(...costs)) : 0;
    this.#pool.delete(probes[place].address);
  }
}

/** Any hot probe costs more than any cold one. */
function costOf({ running, expectedMs }: Probe, hotFrom: number): number {
  return running > hotFrom ? 1e9 + running : expectedMs;
}
