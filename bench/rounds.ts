/**
 * Measuring so that the results can be compared: everything once a round, in
 * rounds, so that what the machine does meanwhile falls on all alike.
 */

/** What is measured. */
export interface Subject {
  /** What it is, for a person. */
  readonly name: string;
  /** How many calls wait at a time. */
  readonly inFlight: number;
  /**
   * Works for a while.
   *
   * @param ms How long.
   * @returns Calls a second.
   */
  run(ms: number): Promise<number>;
}

/** What was measured: calls a second, one figure for each round. */
export interface Series {
  readonly name: string;
  readonly inFlight: number;
  readonly rates: readonly number[];
}

/** How to measure. */
export interface RoundsOptions {
  /** How many rounds. */
  rounds: number;
  /** How long each subject works in a round. */
  ms: number;
  /** How long each works before the first round, to get warm. */
  warmUpMs: number;
  /** Told of what comes next; round 0 is the warm-up. */
  onProgress?: (round: number, subject: Subject) => void;
}

/**
 * Measures all subjects, interleaved: there and back, so that none always
 * comes behind the same other. The results are in the subjects' order.
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

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** How fast one is for each of another: the median of the rounds' ratios. */
export function ratio(one: Series, other: Series): number {
  return median(one.rates.map((rate, round) => rate / other.rates[round]));
}
