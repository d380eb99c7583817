/**
 * What names a call whose answer is kept: `<client>/<number>`.
 *
 * @module
 */

/** Enough for 128 random bits, and no more than a little memory. */
const FORM = /^([\w-]{22,64})\/(0|[1-9]\d{0,15})$/;

/** An id, taken apart. */
export interface CallId {
  /** All of it. */
  readonly text: string;
  /** The client: by chance, so that nobody else can guess it. */
  readonly client: string;
  /** Counts the client's calls. */
  readonly number: number;
}

/**
 * Takes an id apart.
 *
 * @param text What a client has sent.
 * @returns `undefined` if it is none.
 */
export function parseCallId(text: string): CallId | undefined {
  const [, client, digits] = FORM.exec(text) ?? [];
  if (client === undefined) return undefined;
  const number = Number(digits);
  return Number.isSafeInteger(number) ? { text, client, number } : undefined;
}

/** Gives the calls of one client their ids. */
export class CallIds {
  #client: string | undefined;
  #last = 0;

  /** The next one. Of 128 bits of the platform's best chance: who knows an id gets the answer. */
  next(): string {
    this.#client ??= Array.from(
      crypto.getRandomValues(new Uint8Array(16)),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join("");
    return `${this.#client}/${++this.#last}`;
  }
}
