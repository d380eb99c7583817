/** Stand-in for `@std/async/delay`, used where JSR cannot be reached. */

/** Options for {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether the wait keeps the process alive. @default {true} */
  persistent?: boolean;
}

// The longest time one timer of the runtime can hold.
const LONGEST_TIMER_MS = 0x7fffffff;

/** Resolves after `ms` milliseconds; `Infinity` and very long times are kept. */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);

  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout>;
    let left = Math.trunc(ms) > 0 ? Math.trunc(ms) : 0;
    let since = Date.now();

    function wait() {
      timer = setTimeout(tick, Math.min(left, LONGEST_TIMER_MS));
      if (!persistent) release(timer);
    }
    function tick() {
      const now = Date.now();
      // A runtime may fire a millisecond early: only long waits are re-armed.
      left = left > LONGEST_TIMER_MS ? left - (now - since) : 0;
      since = now;
      if (left > 0) return wait();
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(signal?.reason);
    }

    signal?.addEventListener("abort", stop, { once: true });
    try {
      wait();
    } catch (error) {
      signal?.removeEventListener("abort", stop);
      clearTimeout(timer!);
      throw error;
    }
  });
}

/** Lets the process end before the timer; as in std, only Deno can. */
function release(timer: unknown) {
  try {
    Deno.unrefTimer(timer as number);
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    console.error("`persistent` option is only available in Deno");
  }
}
