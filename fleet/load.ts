/**
 * The live figures of one server: what is in flight, how long replies take,
 * and how many calls went well.
 *
 * @module
 */

import { DECAY_MS } from "../balance/decay.ts";

/** What a failed call counts as, unless it took longer: no failure may look fast. */
const FAILURE_MS = 1000;

/** A call in flight, as a link of the list that knows the oldest. */
export interface InFlight {
  /** When it began. */
  startedAtMs: number;
  /** The call that began before it. */
  older: InFlight | undefined;
  /** The call that began after it. */
  newer: InFlight | undefined;
}

/** How a call ended, as far as its server is concerned. `given_up` says nothing of it. */
export type Outcome = "success" | "failure" | "given_up";

/** The live figures of one server. Times are in milliseconds, on the clock's scale. */
export class Load {
  /** How many calls have not ended. */
  inFlight = 0;
  /** Smoothed reply time; 0 while none is known. */
  latencyMs = 0;
  /** The same, but a slower reply replaces it at once. */
  peakMs = 0;
  /** When the two were last brought up to date. */
  updatedAtMs = 0;
  /** How many calls went well. */
  successes = 0;
  /** How many calls failed by the server's fault. */
  failures = 0;
  #oldest: InFlight | undefined;
  #newest: InFlight | undefined;

  /** When the oldest call in flight began; `Infinity` if there is none. */
  get oldestAtMs(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.startedAtMs;
  }

  /** The calls in flight, the oldest first. */
  *calls(): Generator<InFlight> {
    for (let call = this.#oldest; call !== undefined;) {
      const { newer } = call;
      yield call;
      call = newer;
    }
  }

  /**
   * A call begins.
   *
   * @param call Its link; `startedAtMs` is set.
   * @param nowMs The present time.
   */
  begin(call: InFlight, nowMs: number): void {
    this.inFlight++;
    call.startedAtMs = nowMs;
    call.older = this.#newest;
    call.newer = undefined;
    if (this.#newest === undefined) this.#oldest = call;
    else this.#newest.newer = call;
    this.#newest = call;
  }

  /**
   * A call ends.
   *
   * @param call What was begun.
   * @param nowMs The present time.
   * @param outcome How.
   */
  end(call: InFlight, nowMs: number, outcome: Outcome): void {
    this.inFlight--;
    const { older, newer } = call;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    call.older = call.newer = undefined;

    const tookMs = nowMs - call.startedAtMs;
    if (outcome === "success") {
      this.successes++;
      this.#observe(tookMs, nowMs);
    } else if (outcome === "failure") {
      this.failures++;
      this.#observe(Math.max(tookMs, FAILURE_MS), nowMs);
    } else if (tookMs > this.latencyMs) {
      this.#observe(tookMs, nowMs); // it would have taken longer still
    }
  }

  /**
   * Takes a reply time in: `old · w + new · (1 − w)`, `w = e^(−Δt/τ)`. A server
   * that was very slow, was avoided for longer than τ, and is fast when it is
   * tried again, comes back at once: what has faded meanwhile stays faded.
   */
  #observe(tookMs: number, nowMs: number): void {
    const passedMs = nowMs - this.updatedAtMs;
    // Replies that come together are many, and fade nothing.
    const kept = this.latencyMs === 0 ? 0 : passedMs === 0 ? 1 : Math.exp(-passedMs / DECAY_MS);
    if (passedMs > DECAY_MS && tookMs < this.latencyMs) {
      this.latencyMs = Math.max(this.latencyMs * kept, tookMs);
    }
    this.latencyMs = this.latencyMs * kept + tookMs * (1 - kept);
    this.peakMs = tookMs > this.peakMs ? tookMs : this.peakMs * kept + tookMs * (1 - kept);
    this.updatedAtMs = nowMs;
  }
}
