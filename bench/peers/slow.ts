/** Calls that take until somebody ends them. */

import type { CallContext } from "@geerpc/xclient";

/** The service `Slow`. */
export class Slow {
  #waiting = 0;
  #onChange = new Set<() => void>();

  /** Ends when the client gives it up. */
  Wait(_args: unknown, { signal }: CallContext): Promise<never> {
    this.#count(1);
    return new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => {
        this.#count(-1);
        reject(signal.reason);
      })
    );
  }

  /** Ends when so many calls of `Wait` run, whoever made them; replies how many. */
  Until(waiting: number): Promise<number> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#waiting !== waiting) return;
        this.#onChange.delete(look);
        resolve(waiting);
      };
      this.#onChange.add(look);
      look();
    });
  }

  /** Fails after a while. */
  async Fail(ms: number): Promise<never> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    throw new Error("this one fails");
  }

  #count(change: number): void {
    this.#waiting += change;
    for (const look of this.#onChange) look();
  }
}
