/** Stand-in for `@std/async/deadline`, used where JSR cannot be reached. */

/** Options for {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Settles as `promise` does, or rejects with a `TimeoutError` after `ms`
 * milliseconds, or with the signal's reason once that is aborted. As in std,
 * the timer does not keep the process alive.
 *
 * @throws {Error} `ms` is no time that `AbortSignal.timeout` takes. For `Infinity`
 * releases of std from 1.0.16 on wait without end; those before throw, and so
 * does this.
 */
export async function deadline<T>(
  promise: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const { signal } = options;
  const timeout = AbortSignal.timeout(ms);
  const end = signal ? AbortSignal.any([signal, timeout]) : timeout;

  let stop = () => {};
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(end.reason);
  });
  if (end.aborted) stop();
  end.addEventListener("abort", stop);
  try {
    return await Promise.race([ended, promise]);
  } finally {
    end.removeEventListener("abort", stop);
  }
}
