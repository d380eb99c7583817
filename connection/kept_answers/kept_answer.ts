/**
 * An answer that is kept, as the bytes that go to whoever asks for it.
 *
 * @module
 */

/**
 * One answer. It is thrown to those that wait for it: so a call that knows nothing of all this
 * need not look at what its handler returns.
 */
export class KeptAnswer {
  readonly #bytes: Uint8Array;

  /**
   * @param serviceMethod What was called; empty for what the server says itself of a call.
   * @param bytes All behind `Seq`: the rest of the header, the body, and what belongs to it.
   */
  constructor(readonly serviceMethod: string, bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** What stands behind `Seq`; empty for {@linkcode NO_ANSWER}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Whether something that was thrown is one; nothing of it is run, be it a proxy. */
  static isOne(thrown: unknown): thrown is KeptAnswer {
    return typeof thrown === "object" && thrown !== null && #bytes in thrown;
  }
}

/** There is none, as the caller's time is over: it is told nothing. */
export const NO_ANSWER: KeptAnswer = new KeptAnswer("", new Uint8Array());

/** Whether something that was thrown is an answer that is kept. */
export const isKeptAnswer: (thrown: unknown) => thrown is KeptAnswer = KeptAnswer.isOne;
