/**
 * The live figures of one endpoint: what is in flight, how long replies take,
 * how many calls succeeded and failed.
 *
 * @module
 */

/** Over how long old reply times give way to new ones, in milliseconds. */
const DECAY_MS = 10_000;
/** A failed call counts as a reply that took so long, or longer: no failure may look fast. */
const FAILURE_MS = 1000;

/**
 * How a call ended, as far as its endpoint is to blame. `refused`: it was turned away because there
 * is too much to do. `given_up` says nothing of the endpoint but the time that it took, and
 * `unexpected` not even that: more calls were there than was expected.
 */
export type Outcome = "success" | "failure" | "refused" | "given_up" | "unexpected";

/**
 * A call in flight, as a link of the list in which {@linkcode Load} knows the
 * oldest. Calls extend it: a handle of its own would cost each call an object.
 * The fields are plain because every pick reads them; only the methods here
 * change them.
 */
export class InFlight {
  /** When it was sent. Before it is sent: when it began to wait for a connection. */
  declare startedAtMs: number;
  /** The call that began before it and is in flight too. */
  declare older: InFlight | undefined;
  /** The call that began after it. */
  declare newer: InFlight | undefined;

  /** Sets its fields here: initializers of a base class cost each call some 10 ns. */
  constructor() {
    this.startedAtMs = 0;
    this.older = this.newer = undefined;
  }

  /** Its endpoint gives no sign of life while the call is in flight. Does nothing by default. */
  endpointStalled(): void {}

  /**
   * Joins the list at its end.
   *
   * @param newest The last link so far.
   * @param nowMs The present time.
   */
  join(newest: InFlight | undefined, nowMs: number): void {
    this.startedAtMs = nowMs;
    this.older = newest;
    this.newer = undefined;
    if (newest !== undefined) newest.newer = this;
  }

  /** Leaves the list. */
  leave(): void {
    const older = this.older;
    const newer = this.newer;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    this.older = this.newer = undefined;
  }

  /**
   * It is sent only now: its reply time counts from here.
   *
   * @param nowMs The present time.
   */
  protected markSent(nowMs: number): void {
    this.startedAtMs = nowMs;
  }
}

/**
 * The live figures of one endpoint. Times are in milliseconds, on the clock's
 * scale. The figures are plain fields because policies read them in every pick;
 * only the methods here change them.
 */
export class Load {
  /** How many calls are in flight. */
  inFlight = 0;
  /** Smoothed reply time; 0 while none is known. */
  latencyMs = 0;
  /** The same, but a slower reply replaces it at once. */
  peakMs = 0;
  /** When the two were last updated. */
  updatedAtMs = 0;
  /** How many calls succeeded. */
  successes = 0;
  /** How many calls and dials failed. */
  failures = 0;
  /** How many calls of all clients ran or waited there when it last told; `undefined` if it has not. */
  reportedLoad: number | undefined = undefined;
  /** How many of these were none of ours. */
  othersInFlight = 0;
  /** When that was told, or confirmed by a reply. */
  reportedAtMs = 0;
  /** How many calls were turned away because there was too much to do. */
  refused = 0;
  /** How many reply times are known, and all of them together. */
  replies = 0;
  repliesMs = 0;
  #oldest: InFlight | undefined;
  #newest: InFlight | undefined;
  /** What is in flight and no call: how long it lasts says nothing of the endpoint. */
  #streams: Set<InFlight> | undefined;

  /** When the oldest call in flight began, streams left out; `Infinity` if there is none. */
  get oldestAtMs(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.startedAtMs;
  }

  /** The calls in flight, the oldest first, then the streams. They may end while they are iterated. */
  *calls(): Generator<InFlight> {
    for (let call = this.#oldest; call !== undefined;) {
      const { newer } = call;
      yield call;
      call = newer;
    }
    if (this.#streams !== undefined) yield* [...this.#streams];
  }

  /**
   * Counts a call as in flight.
   *
   * @param call The call, which ends by `end` or `endUnsent`.
   * @param nowMs The present time.
   */
  begin(call: InFlight, nowMs: number): void {
    this.inFlight++;
    call.join(this.#newest, nowMs);
    this.#oldest ??= call;
    this.#newest = call;
  }

  /**
   * Counts a call as ended.
   *
   * @param call A call that has begun.
   * @param nowMs The present time.
   * @param outcome How it ended.
   * @param roomInMs If it was refused: when there may be room, if the endpoint has said so.
   */
  end(call: InFlight, nowMs: number, outcome: Outcome, roomInMs?: number): void {
    this.#remove(call);
    const tookMs = nowMs - call.startedAtMs;
    if (outcome === "success") {
      this.successes++;
      this.#observe(tookMs, nowMs);
    } else if (outcome === "failure") {
      this.failures++;
      this.#observe(Math.max(tookMs, FAILURE_MS), nowMs);
    } else if (outcome === "refused") {
      // As a call that would have waited there until there is room.
      this.refused++;
      const waitedMs = roomInMs === undefined ? FAILURE_MS : this.latencyMs + roomInMs;
      this.#observe(Math.max(tookMs, waitedMs), nowMs);
    } else if (outcome === "given_up" && tookMs > this.latencyMs) {
      this.#observe(tookMs, nowMs); // it would have taken longer still
    }
  }

  /**
   * Counts a stream as in flight.
   *
   * @param stream The stream, which ends by `endStream`.
   * @param nowMs The present time.
   */
  beginStream(stream: InFlight, nowMs: number): void {
    this.inFlight++;
    stream.join(undefined, nowMs);
    (this.#streams ??= new Set()).add(stream);
  }

  /**
   * Counts a stream as ended. It has no reply time: when its items come depends on what they tell of.
   *
   * @param stream A stream that has begun.
   * @param nowMs The present time.
   * @param outcome How it ended.
   */
  endStream(stream: InFlight, nowMs: number, outcome: Outcome): void {
    this.#remove(stream);
    if (outcome === "success") this.successes++;
    else if (outcome === "failure") {
      this.failures++;
      this.#observe(FAILURE_MS, nowMs);
    }
  }

  /**
   * Counts a call as ended that was waiting for a connection: how long a dial
   * takes and how it ends says nothing of reply times.
   *
   * @param call A call that has begun.
   * @param hasFailed Whether the dial failed or took too long.
   */
  endUnsent(call: InFlight, hasFailed: boolean): void {
    this.#remove(call);
    if (hasFailed) this.failures++;
  }

  /**
   * The server tells its load.
   *
   * @param load How many calls of all clients run or wait there.
   * @param own How many of them are ours.
   * @param nowMs The present time.
   * @returns How many are none of ours.
   */
  report(load: number, own: number, nowMs: number): number {
    this.reportedLoad = load;
    this.reportedAtMs = nowMs;
    return this.othersInFlight = Math.max(0, load - own);
  }

  /** What it has told counts no more: it is the load of a process that is gone, perhaps. */
  forgetReport(): void {
    this.reportedLoad = undefined;
    this.othersInFlight = 0;
  }

  #remove(call: InFlight): void {
    this.inFlight--;
    if (this.#streams?.delete(call)) return;
    if (call === this.#oldest) this.#oldest = call.newer;
    if (call === this.#newest) this.#newest = call.older;
    call.leave();
  }

  /**
   * Adds a reply time: `old · w + new · (1 − w)` with `w = e^(−Δt/τ)`. An
   * endpoint that was very slow, was avoided for longer than τ and is fast when
   * it is tried again recovers faster than that: its old figure fades twice.
   */
  #observe(tookMs: number, nowMs: number): void {
    this.replies++;
    this.repliesMs += tookMs;
    const passedMs = nowMs - this.updatedAtMs;
    // Many replies come in the same turn, and no time has passed between them.
    const kept = this.latencyMs === 0 ? 0 : passedMs === 0 ? 1 : Math.exp(-passedMs / DECAY_MS);
    if (passedMs > DECAY_MS && tookMs < this.latencyMs) {
      this.latencyMs = Math.max(this.latencyMs * kept, tookMs);
    }
    this.latencyMs = this.latencyMs * kept + tookMs * (1 - kept);
    this.peakMs = tookMs > this.peakMs ? tookMs : this.peakMs * kept + tookMs * (1 - kept);
    this.updatedAtMs = nowMs;
  }
}
