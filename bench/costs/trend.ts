/** Linear regression: whether something grows. */

/** The straight line that fits some points best. */
export interface Trend {
  /** By how much `y` grows when `x` grows by 1. */
  readonly slope: number;
  /** The slope's standard error. */
  readonly error: number;
}

/** How many standard errors count as noise: 2 are a confidence of 95 %. */
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

/** The slope's absolute value if it is more than noise, else 0. */
export function certain({ slope, error }: Trend): number {
  return Math.abs(slope) <= NOISE * error ? 0 : Math.abs(slope);
}
