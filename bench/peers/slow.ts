/** Calls that run until they are canceled. */

import type { CallContext } from "@geerpc/xclient";

/** The service `Slow`. */
export class Slow {
  #running = 0;
  #onChange = new Set<() => void>();

  /** Runs until it is canceled. */
  Wait(_args: unknown, { signal }: CallContext): Promise<never> {
    this.#count(1);
    return new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => {
        this.#count(-1);
        reject(signal.reason);
      })
    );
  }

  /** Replies as soon as exactly so many calls of `Wait` are running, on any connection. */
  Until(running: number): Promise<number> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#running !== running) return;
        this.#onChange.delete(check);
        resolve(running);
      };
      this.#onChange.add(check);
      check();
    });
  }

  /** Fails after some milliseconds. */
  async Fail(ms: number): Promise<never> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    throw new Error("this one fails");
  }

  #count(change: number): void {
    this.#running += change;
    for (const check of this.#onChange) check();
  }
}
