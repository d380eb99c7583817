/** Load: callers, each of which makes its next call when it has the last reply. */

/**
 * Keeps a number of calls in flight.
 *
 * @param call Makes one call.
 * @param expected What every reply has to be; another one is an error.
 * @param inFlight How many callers there are.
 * @param ms For how long, in milliseconds.
 * @returns Calls per second.
 */
export async function callsPerSecond(
  call: () => Promise<unknown>,
  expected: unknown,
  inFlight: number,
  ms: number,
): Promise<number> {
  let replies = 0;
  let running = true;
  const callOn = async () => {
    while (running) {
      const reply = await call();
      if (reply !== expected) throw new Error(`expected the reply ${expected}, got ${reply}`);
      replies++;
    }
  };
  const from = performance.now();
  const callers = Promise.all(Array.from({ length: inFlight }, callOn));
  const time = new Promise((resolve) => setTimeout(resolve, ms));
  await Promise.race([time, callers]); // a caller only ends early if it fails
  const rate = replies / (performance.now() - from) * 1000;
  running = false;
  await callers;
  return rate;
}
