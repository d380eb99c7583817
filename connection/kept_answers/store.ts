/**
 * What a server remembers of the calls whose callers want to be certain. This file is one store,
 * of all connections.
 *
 * It keeps what was encoded, not what handlers returned: those may change their objects later, and
 * bytes are what a limit can count. All behind `Seq` is kept as it stood on the wire, so that bytes
 * which follow a body are kept with it.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { RpcCode } from "../../errors.ts";
import { Deadlines } from "../../internal/deadlines.ts";
import { AnswerEncoder } from "../../protocol/geerpc_json/answer_encoder.ts";
import type { Limits } from "../../protocol/codec.ts";
import type { CallId } from "./call_id.ts";
import { KeptAnswer, NO_ANSWER } from "./kept_answer.ts";
import { CALL_BYTES, type KeptCall } from "./kept_call.ts";

/** Of so many clients it is remembered up to which number their calls were forgotten. */
const MAX_CLIENTS = 10_000;

/** How much is kept, and for how long. */
export interface KeepLimits extends Limits {
  /** How long a call is remembered behind the loss of its connection, in milliseconds. */
  readonly keepAnswersMs: number;
  /** How many bytes all that is remembered may take. */
  readonly keepAnswersBytes: number;
}

/** What a server keeps of calls with `certain`, and what became of it since it was made. */
export interface KeptFigures {
  /** How many of them run. */
  readonly running: number;
  /** How many answers are kept that nobody has acknowledged. */
  readonly answers: number;
  /** How many bytes count towards `keepAnswersBytes`. */
  readonly bytes: number;
  /** How many were asked for behind a lost connection. */
  readonly recalled: number;
  /** How many of these had not run, and never will. */
  readonly refused: number;
  /** How many answers were dropped before anybody had acknowledged them. */
  readonly dropped: number;
}

/** A connection that has kept calls. */
export interface KeptSession {
  /** Gives all of its handlers up, and sets no timer any more. */
  close(): void;
}

/** What one server remembers. */
export class KeptAnswers {
  /** How long a call is remembered behind the loss of its connection, in milliseconds. */
  readonly keepMs: number;
  /** Where the time comes from. */
  readonly clock: Clock;
  /** When the connections that are lost are forgotten. */
  readonly deadlines: Deadlines;
  /** Encodes the answers. */
  readonly encoder: AnswerEncoder;
  /** What is said of a call of which nothing is known. */
  readonly nothingKnown: KeptAnswer;
  /** What is said where there is too much to wait for, or to send. */
  readonly notNow: KeptAnswer;
  readonly #mostBytes: number;
  readonly #calls = new Map<string, KeptCall>();
  /** Those that are answered, the oldest first. */
  readonly #answered = new Set<KeptCall>();
  /** Those that are gone or refused, the oldest first. */
  readonly #over = new Set<KeptCall>();
  /** The calls of a client up to this number are not known any more, unless they are kept. */
  readonly #forgotten = new Map<string, number>();
  /** Whether what is `#forgotten` of some client is forgotten itself. */
  #hasForgottenClients = false;
  /** The calls that run and whose connection is gone. */
  readonly #detached = new Set<KeptCall>();
  readonly #sessions = new Set<KeptSession>();
  #bytes = 0;
  #recalled = 0;
  #refused = 0;
  #dropped = 0;
  /** Resolves `idle`. */
  #onIdle: (() => void) | undefined;

  /**
   * @param limits `keepAnswersMs`, `keepAnswersBytes`, and the largest message.
   * @param clock Where the time comes from.
   */
  constructor(limits: KeepLimits, clock: Clock) {
    this.keepMs = limits.keepAnswersMs;
    this.#mostBytes = limits.keepAnswersBytes;
    this.clock = clock;
    this.deadlines = new Deadlines(clock);
    this.encoder = new AnswerEncoder(limits);
    const nothing = "it may have run, and its answer is not kept any more";
    this.nothingKnown = this.#ownWord("unavailable", nothing);
    this.notNow = this.#ownWord("resource_exhausted", "too many answers are asked for at once");
  }

  /** The figures of now. */
  get figures(): KeptFigures {
    return {
      running: this.#calls.size - this.#answered.size - this.#over.size,
      answers: this.#answered.size,
      bytes: this.#bytes,
      recalled: this.#recalled,
      refused: this.#refused,
      dropped: this.#dropped,
    };
  }

  /** What is known of a call; `forgotten` if it may have run, and nothing is. */
  find({ text, client, number }: CallId): KeptCall | "forgotten" | undefined {
    const known = this.#calls.get(text);
    if (known !== undefined) return known;
    return number <= (this.#forgotten.get(client) ?? -1) ? "forgotten" : undefined;
  }

  /**
   * A call has come that nobody knows: it runs now.
   *
   * @returns Whether there is room for it.
   */
  begin(call: KeptCall): boolean {
    if (!this.#hasRoomFor(CALL_BYTES)) return false;
    this.#add(call);
    return true;
  }

  /** A handler has ended with this answer. */
  settle(call: KeptCall, answer: KeptAnswer): void {
    const isRunning = call.state === "running";
    call.settle(answer);
    this.#detached.delete(call);
    if (isRunning && this.#calls.get(call.id.text) === call) {
      this.#bytes += answer.bytes.length;
      this.#answered.add(call);
      this.#hasRoomFor(0); // what is too much goes, this one too
    }
    this.#tellIfIdle();
  }

  /** A handler has ended without an answer: the time of its caller was over. */
  settleWithout(call: KeptCall): void {
    if (call.state !== "running") return;
    call.lose();
    call.settle(NO_ANSWER);
    if (this.#calls.get(call.id.text) === call) this.#over.add(call);
    this.#detached.delete(call);
    this.#tellIfIdle();
  }

  /** It is asked for behind a lost connection. */
  recalled(): void {
    this.#recalled++;
  }

  /**
   * A call is asked for that has not come: it must not run any more.
   *
   * @returns Whether that can be promised.
   */
  refuse(call: KeptCall): boolean {
    // Of a client that is not remembered it can't be told whether its call has run.
    if (this.#hasForgottenClients && !this.#forgotten.has(call.id.client)) return false;
    if (!this.#hasRoomFor(CALL_BYTES)) return false;
    this.#add(call);
    this.#over.add(call);
    this.#refused++;
    return true;
  }

  /** Its client knows what became of it: it is not asked for any more. One that is refused may still come. */
  acknowledge(text: string, identity: string): void {
    const call = this.#calls.get(text);
    if (call?.identity === identity && call.state !== "refused") this.#remove(call);
  }

  /** Nobody waits for it any more: its handler is given up, and it is not asked for. */
  giveUp(call: KeptCall): void {
    this.#remove(call);
    call.cancel();
  }

  /** It was kept for long enough: it is not known any more. */
  expire(call: KeptCall): void {
    if (call.answer !== undefined) this.#dropped++;
    this.#forget(call);
    call.cancel();
  }

  /** A connection begins to have such calls. */
  opened(session: KeptSession): void {
    this.#sessions.add(session);
  }

  /** A connection that is lost has no such calls any more. */
  closed(session: KeptSession): void {
    this.#sessions.delete(session);
  }

  /** The connection of a call is gone while it runs, or its caller waits at another one. */
  detach(call: KeptCall, isDetached: boolean): void {
    if (isDetached && call.state === "running") this.#detached.add(call);
    else this.#detached.delete(call);
    this.#tellIfIdle();
  }

  /** Resolves when no call runs whose connection is gone. */
  get idle(): Promise<void> {
    if (this.#detached.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#onIdle;
      this.#onIdle = () => {
        before?.();
        resolve();
      };
    });
  }

  /** The server is closed: handlers are given up, and all is forgotten. */
  close(): void {
    for (const session of [...this.#sessions]) session.close();
    this.#sessions.clear();
    this.deadlines.clear();
    this.#calls.clear();
    this.#answered.clear();
    this.#over.clear();
    this.#detached.clear();
    this.#bytes = 0;
    this.#tellIfIdle();
  }

  /** An error of no method: the client takes it as the server's word, and the call as `unknown`. */
  #ownWord(code: RpcCode, what: string): KeptAnswer {
    let answer!: KeptAnswer;
    const writer = this.encoder.into((_seq, serviceMethod, bytes) => {
      answer = new KeptAnswer(serviceMethod, bytes);
    });
    writer.fail(0, "", { code, message: `rpc server: ${what}`, rejected: false });
    return answer;
  }

  #tellIfIdle(): void {
    if (this.#detached.size > 0) return;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  #add(call: KeptCall): void {
    this.#calls.set(call.id.text, call);
    this.#bytes += call.bytes;
  }

  #remove(call: KeptCall): void {
    if (this.#calls.get(call.id.text) !== call) return;
    this.#calls.delete(call.id.text);
    this.#answered.delete(call);
    this.#over.delete(call);
    this.#bytes -= call.bytes;
    this.#detached.delete(call);
    call.moveTo(undefined);
    this.#tellIfIdle();
  }

  /**
   * Makes room: the oldest answers go first, and it is remembered that they were there. If that is
   * not enough, the oldest memories of that kind go, and it is remembered up to which number the
   * calls of their clients are not known any more.
   */
  #hasRoomFor(bytes: number): boolean {
    while (this.#bytes + bytes > this.#mostBytes) {
      const [answered] = this.#answered;
      const [over] = this.#over;
      if (answered !== undefined) {
        this.#dropped++;
        this.#lose(answered);
      } else if (over !== undefined) this.#forget(over);
      else return false;
    }
    return true;
  }

  /** Only that it ran is remembered. */
  #lose(call: KeptCall): void {
    if (this.#calls.get(call.id.text) !== call) return;
    this.#bytes -= call.bytes;
    call.lose();
    this.#bytes += call.bytes;
    this.#answered.delete(call);
    this.#over.add(call);
  }

  #forget(call: KeptCall): void {
    const { client, number } = call.id;
    const last = Math.max(number, this.#forgotten.get(client) ?? -1);
    this.#forgotten.delete(client); // the newest last
    this.#forgotten.set(client, last);
    if (this.#forgotten.size > MAX_CLIENTS) {
      const [oldest] = this.#forgotten.keys();
      this.#forgotten.delete(oldest);
      this.#hasForgottenClients = true;
    }
    this.#remove(call);
  }
}
