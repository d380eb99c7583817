/**
 * Measuring in rounds, each of which measures everything once: other load on the
 * machine affects all subjects equally, so their ratios can be compared.
 */

/** Something that is measured. */
export interface Subject {
  /** Its name in tables. */
  readonly name: string;
  /** How many calls are in flight. */
  readonly inFlight: number;
  /**
   * Makes calls for a while.
   *
   * @param ms For how long, in milliseconds.
   * @returns Calls per second.
   */
  run(ms: number): Promise<number>;
}

/** The calls per second of a subject, one figure for each round. */
export interface Series {
  readonly name: string;
  readonly inFlight: number;
  readonly rates: readonly number[];
}

/** Options of {@linkcode measure}. */
export interface RoundsOptions {
  /** How many rounds. */
  rounds: number;
  /** How long each subject is measured in a round, in milliseconds. */
  ms: number;
  /** How long each subject warms up before the first round, in milliseconds. */
  warmUpMs: number;
  /** Called before each measurement; round 0 is the warm-up. */
  onProgress?: (round: number, subject: Subject) => void;
}

/**
 * Measures all subjects, forwards and backwards by turns, so that none always
 * follows the same other one. The results are in the order of the subjects.
 */
export async function measure(
  subjects: readonly Subject[],
  { rounds, ms, warmUpMs, onProgress }: RoundsOptions,
): Promise<Series[]> {
  const rates = subjects.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    const turns = [...subjects.entries()];
    for (const [place, subject] of round % 2 === 0 ? turns : turns.reverse()) {
      onProgress?.(round, subject);
      const rate = await subject.run(round === 0 ? warmUpMs : ms);
      if (round > 0) rates[place].push(rate);
    }
  }
  return subjects.map(({ name, inFlight }, place) => ({ name, inFlight, rates: rates[place] }));
}

/** The median of some values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** How many times as fast one is as another: the median of the rounds' ratios. */
export function ratio(one: Series, other: Series): number {
  return median(one.rates.map((rate, round) => rate / other.rates[round]));
}
