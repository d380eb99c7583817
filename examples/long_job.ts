/**
 * A long job that tells how far it is, until it has its result; who leaves ends it. docs/streams.md
 * explains it.
 */

import { type CallContext, type Client, Server } from "@geerpc/xclient";

/** What a job says: how far it is, and at the end its result. */
export type Step = { readonly done: number; readonly of: number } | { readonly primes: number };

/** Counts the primes below a number, in steps between which others have their turn. */
export const jobs = {
  async *CountPrimes(below: number, { signal }: CallContext): AsyncGenerator<Step> {
    const stepSize = 10_000;
    let primes = 0;
    for (let from = 2; from < below; from += stepSize) {
      const to = Math.min(from + stepSize, below);
      for (let number = from; number < to; number++) if (isPrime(number)) primes++;
      yield { done: to, of: below };
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted(); // the caller is gone, or its time is over
    }
    yield { primes };
  },
};

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) {
    if (number % factor === 0) return false;
  }
  return true;
}

/** Serves jobs. */
export async function serve(address: string): Promise<{ server: Server; address: string }> {
  const server = new Server();
  server.register("Jobs", jobs);
  return { server, ...await server.listen(address) };
}

/**
 * Has primes counted.
 *
 * @param client Where.
 * @param below Up to where.
 * @param onProgress Is told how far it is, from 0 to 1. If it throws, the job ends.
 * @param timeoutMs How long the job may take as a whole.
 */
export async function countPrimes(
  client: Client,
  below: number,
  onProgress: (share: number) => void,
  timeoutMs = 60_000,
): Promise<number> {
  for await (const step of client.stream<Step>("Jobs.CountPrimes", below, { timeoutMs })) {
    if ("primes" in step) return step.primes;
    onProgress(step.done / step.of);
  }
  throw new Error("the job has ended without a result");
}
