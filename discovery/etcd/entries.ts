/**
 * Keys of etcd's and their values, as many as are taken from it.
 *
 * @module
 */

import { fromBase64, type JsonObject, LONGEST_ANSWER } from "./encoding.ts";

/** Keys and values. All together they have the length of one answer at most. */
export class EtcdEntries {
  readonly #values = new Map<string, string>();
  #length = 0;

  /**
   * Puts a value in place.
   *
   * @param kv The key and the value, as etcd sends them.
   * @throws {RangeError} If all together are too long then.
   */
  put(kv: JsonObject): void {
    const key = fromBase64(kv.key);
    const value = fromBase64(kv.value);
    this.#forget(key);
    this.#values.set(key, value);
    this.#length += key.length + value.length;
    if (this.#length > LONGEST_ANSWER) {
      throw new RangeError(`the keys and their values have more than ${LONGEST_ANSWER} characters`);
    }
  }

  /**
   * Removes a key. Does nothing if it is not there.
   *
   * @param kv The key, as etcd sends it.
   */
  delete(kv: JsonObject): void {
    this.#forget(fromBase64(kv.key));
  }

  /** Keys and values, sorted by key. */
  sorted(): [key: string, value: string][] {
    return [...this.#values].sort(([a], [b]) => a < b ? -1 : 1);
  }

  #forget(key: string): void {
    const value = this.#values.get(key);
    if (value === undefined) return;
    this.#values.delete(key);
    this.#length -= key.length + value.length;
  }
}
