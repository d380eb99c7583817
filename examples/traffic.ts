/** Calls that go on and on, and what came of them. */

/** How calls ended, in one phase of the traffic. */
export interface Tally {
  /** How many each server answered. */
  readonly answered: Map<string, number>;
  /** What the others failed with. */
  readonly errors: unknown[];
}

/** Callers that call again as soon as they have their answer, in several phases. */
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
   * Counts calls that begin from now on by themselves.
   *
   * @returns What is counted.
   */
  nextPhase(): Tally {
    const tally = { answered: new Map<string, number>(), errors: [] };
    this.#tallies.push(tally);
    return tally;
  }

  /** Resolves when what has been counted meets a condition. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  /** Resolves when every caller has had its last answer. */
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

/** The sum of what all servers answered. */
export function total(answered: ReadonlyMap<string, number>): number {
  return [...answered.values()].reduce((sum, count) => sum + count, 0);
}
