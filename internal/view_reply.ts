/**
 * What a method of a typed view returns while the view does not know yet what
 * the method is: a call's reply if it is awaited, a stream if it is iterated.
 *
 * @module
 */

import { RpcError } from "../errors.ts";
import { queueMicrotask } from "./platform.ts";

/** A stream, as the view's caller has it. */
interface Stream extends AsyncDisposable {
  next(): Promise<IteratorResult<unknown, undefined>>;
  return(value?: unknown): Promise<IteratorResult<unknown, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<unknown, undefined>>;
  [Symbol.asyncIterator](): Stream;
}

/** Makes what the caller has asked for. */
export interface ViewUse {
  /** Makes the call. */
  call(): Promise<unknown>;
  /** Begins the stream. */
  stream(): Stream;
}

/**
 * Types are gone when a program runs, so what its caller does with it decides,
 * and asking for `then` is enough: `await` asks in the very turn in which the
 * method was called, and the call is made as if the view had made it at once.
 * What nobody has asked for anything by the next microtask is a call, whose
 * reply nobody may want. It may be a stream that is to be iterated later: that
 * such a call of it is refused is no unhandled rejection.
 */
export class ViewReply implements Promise<unknown>, Stream {
  readonly [Symbol.toStringTag] = "Promise";
  readonly #use: ViewUse;
  #reply: Promise<unknown> | undefined;
  #stream: Stream | undefined;
  /** Whether somebody waits for the reply. */
  #isAsked = false;

  /** @param use Makes the one or the other, once. */
  constructor(use: ViewUse) {
    this.#use = use;
    queueMicrotask(() => this.#useNow());
  }

  get then(): Promise<unknown>["then"] {
    const reply = this.#asked();
    return reply.then.bind(reply) as Promise<unknown>["then"];
  }

  get catch(): Promise<unknown>["catch"] {
    const reply = this.#asked();
    return reply.catch.bind(reply) as Promise<unknown>["catch"];
  }

  get finally(): Promise<unknown>["finally"] {
    const reply = this.#asked();
    return reply.finally.bind(reply);
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return this.#iterated().next();
  }

  return(value?: unknown): Promise<IteratorResult<unknown, undefined>> {
    return this.#iterated().return(value);
  }

  throw(error?: unknown): Promise<IteratorResult<unknown, undefined>> {
    return this.#iterated().throw(error);
  }

  [Symbol.asyncIterator](): Stream {
    return this.#iterated();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#iterated()[Symbol.asyncDispose]();
  }

  #asked(): Promise<unknown> {
    this.#isAsked = true;
    return this.#reply ??= this.#use.call();
  }

  #useNow(): void {
    if (this.#stream !== undefined || this.#reply !== undefined) return;
    this.#reply = this.#use.call();
    this.#reply.catch((error) => {
      if (!this.#isAsked && this.#stream === undefined && !isOfStream(error)) throw error;
    });
  }

  #iterated(): Stream {
    return this.#stream ??= this.#use.stream();
  }
}

/** Whether a call was refused since its method answers with a stream. */
function isOfStream(error: unknown): boolean {
  return error instanceof RpcError && error.code === "failed_precondition" &&
    error.message.includes("answers with a stream");
}
