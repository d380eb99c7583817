/**
 * What is known of the silence of one connection, and what follows from it.
 *
 * @module
 */

import type { ClientConnection } from "./client_connection.ts";
import type { LivenessLimits } from "./client_options.ts";

/**
 * What silence says of a connection:
 *
 * - `alive`: bytes have come since the last look, or nothing is owed.
 * - `silent`: it owes replies, but not for long enough to say more.
 * - `slow`: it can't be asked for a sign of life, and has owed replies for long.
 * - `stalled`: it was asked for a sign of life and gave none; or, where there is
 *   no way to ask, several calls in a row were given up without a word from it.
 * - `dead`: the same, for so long that it is given up.
 */
export type Verdict = "alive" | "silent" | "slow" | "stalled" | "dead";

/** So many calls given up in one silence cast doubt on a connection that can't be asked. */
const DOUBTFUL_CALLS = 2;
const IGNORED = { resolve() {}, reject() {} };

/** Follows the silence of one connection. It is looked at from time to time. */
export class Silence {
  readonly #connection: ClientConnection;
  #heard: number;
  #owes = false;
  /** Since when the connection is silent and owes something; if it owes nothing: since when it is idle. */
  #sinceMs: number;
  #askedAtMs = Infinity;

  /**
   * @param connection The connection.
   * @param nowMs The present time.
   */
  constructor(connection: ClientConnection, nowMs: number) {
    this.#connection = connection;
    this.#heard = connection.heard;
    this.#sinceMs = nowMs;
  }

  /** Whether it owed something at the last look: a reply, or a sign of life. */
  get owes(): boolean {
    return this.#owes;
  }

  /** For how long it has been silent, in milliseconds. */
  silentMs(nowMs: number): number {
    return nowMs - this.#sinceMs;
  }

  /** This process stood still: what has come meanwhile has not been read yet. */
  postpone(lateMs: number): void {
    this.#sinceMs += lateMs;
    this.#askedAtMs += lateMs;
  }

  /**
   * Looks at the connection, and asks it for a sign of life if that is due.
   *
   * @param nowMs The present time.
   * @param limits How long it may be silent.
   * @returns What its silence says.
   */
  look(nowMs: number, limits: LivenessLimits): Verdict {
    const connection = this.#connection;
    const owes = connection.isOwed;
    const silentMs = this.silentMs(nowMs);
    const isIdle = !owes && !this.#owes;
    // What an idle one was heard to say since the last look, as a reply to a call that was given
    // up, may have come just behind that look: it is asked all the same when `idleMs` are over.
    const isNews = connection.heard !== this.#heard && !(isIdle && silentMs >= limits.idleMs);
    if (isNews || owes !== this.#owes) {
      this.#heard = connection.heard;
      this.#owes = owes;
      this.#sinceMs = nowMs;
      this.#askedAtMs = Infinity;
      return "alive";
    }
    if (!owes) {
      if (silentMs >= limits.idleMs) {
        this.#heard = connection.heard;
        this.#sinceMs = nowMs;
        this.#owes = this.#ask(nowMs);
      }
      return "alive";
    }
    return connection.canPing
      ? this.#lookAtAsked(nowMs, silentMs, limits)
      : this.#lookAtMute(silentMs, limits);
  }

  #lookAtAsked(nowMs: number, silentMs: number, limits: LivenessLimits): Verdict {
    if (this.#askedAtMs === Infinity) {
      if (silentMs >= limits.silenceMs) this.#ask(nowMs);
      return "silent";
    }
    if (nowMs - this.#askedAtMs < limits.pongMs) return "silent";
    return silentMs >= limits.deadMs ? "dead" : "stalled";
  }

  /** `geerpc/gob` has no question that is safe to ask: only what became of its calls says something. */
  #lookAtMute(silentMs: number, { silenceMs, pongMs, deadMs, muteMs }: LivenessLimits): Verdict {
    if (silentMs >= muteMs) return "dead";
    if (this.#connection.givenUp >= DOUBTFUL_CALLS) {
      if (silentMs >= deadMs) return "dead";
      if (silentMs >= silenceMs + pongMs) return "stalled";
    }
    return silentMs >= deadMs ? "slow" : "silent";
  }

  #ask(nowMs: number): boolean {
    if (!this.#connection.ping(IGNORED)) return false;
    this.#askedAtMs = nowMs;
    return true;
  }
}
