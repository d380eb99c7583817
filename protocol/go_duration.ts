/**
 * Durations as Go prints them, for error texts that are to be Go's word for word.
 *
 * @module
 */

const LARGE_UNITS: readonly (readonly [string, number])[] = [["h", 3.6e6], ["m", 6e4]];

/**
 * A duration as Go's `time.Duration` prints it: `1s`, `1.5s`, `250ms`, `1m30s`.
 *
 * @param ms The duration in milliseconds.
 * @returns Go's text.
 */
export function goDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1e-3) return `${+(ms * 1e6).toFixed(0)}ns`;
  if (ms < 1) return `${+(ms * 1e3).toFixed(3)}µs`;
  if (ms < 1000) return `${+ms.toFixed(6)}ms`;
  let text = "";
  let rest = ms;
  for (const [unit, size] of LARGE_UNITS) {
    const whole = Math.floor(rest / size);
    if (whole > 0 || text !== "") text += `${whole}${unit}`;
    rest -= whole * size;
  }
  return `${text}${+(rest / 1000).toFixed(9)}s`;
}
