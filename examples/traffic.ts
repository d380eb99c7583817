/** Continuous traffic, counted in phases. */

/** How the calls of one phase ended. */
export interface Tally {
  /** How many calls each server answered. */
  readonly answered: Map<string, number>;
  /** What the other calls failed with. */
  readonly errors: unknown[];
}

/** Callers, each of which makes its next call when the last one has ended. */
export class Traffic {
  readonly #tallies: Tally[] = [];
  readonly #callers: Promise<void>[];
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];
  #stopped = false;

  /**
   * @param call Makes one call; resolves to the name of the server that answered.
   * @param callers How many callers there are.
   */
  constructor(call: () => Promise<string>, callers: number) {
    this.nextPhase();
    this.#callers = Array.from({ length: callers }, () => this.#callOn(call));
  }

  /**
   * Begins a new phase: calls that begin from now on are counted in it.
   *
   * @returns Its counts, which change as calls end.
   */
  nextPhase(): Tally {
    const tally = { answered: new Map<string, number>(), errors: [] };
    this.#tallies.push(tally);
    return tally;
  }

  /** Waits until the counts meet a condition. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  /** Stops the callers, and waits for their last calls. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  async #callOn(call: () => Promise<string>): Promise<void> {
    while (!this.#stopped) {
      const { answered, errors } = this.#tallies.at(-1)!;
      try {
        const name = await call();
        answered.set(name, (answered.get(name) ?? 0) + 1);
      } catch (error) {
        errors.push(error);
      }
      this.#waiting = this.#waiting.filter(({ condition, resolve }) => {
        if (!condition()) return true;
        resolve();
        return false;
      });
    }
  }
}

/** How many calls all servers together answered. */
export function total(answered: ReadonlyMap<string, number>): number {
  return [...answered.values()].reduce((sum, count) => sum + count, 0);
}
