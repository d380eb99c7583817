/** Whether something grows. */

/** A straight line through some points. */
export interface Trend {
  /** How much `y` grows for each of `x`. */
  readonly slope: number;
  /** The slope's standard error. */
  readonly error: number;
}

/** How many standard errors are noise: a slope within is 0 in 19 of 20 cases. */
const NOISE = 2;

/**
 * Fits a line by least squares.
 *
 * @param points At least three.
 */
export function trend(points: readonly (readonly [x: number, y: number])[]): Trend {
  const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  let xx = 0;
  let xy = 0;
  for (const [x, y] of points) {
    xx += (x - meanX) ** 2;
    xy += (x - meanX) * (y - meanY);
  }
  const slope = xy / xx;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (points.length - 2) / xx) };
}

/** By how much it grows or shrinks for certain: 0 within the noise. */
export function certain({ slope, error }: Trend): number {
  return Math.abs(slope) <= NOISE * error ? 0 : Math.abs(slope);
}
