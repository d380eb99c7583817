/**
 * The platform's timers, clock and microtasks, as they are when the library is
 * loaded: fakes that a test installs later (Jest's, vitest's, sinon's,
 * `FakeTime` of `@std/testing`) are for the test's own code. With them here,
 * calls would hang until the test runs what they hold back. Tests give the
 * library a clock by its option `clock`.
 *
 * @module
 */

const platform = globalThis;

/** `setTimeout` of the platform. */
export const setTimeout: typeof globalThis.setTimeout = platform.setTimeout;

/** `clearTimeout` of the platform. */
export const clearTimeout: typeof globalThis.clearTimeout = platform.clearTimeout;

/** `queueMicrotask` of the platform. */
export const queueMicrotask: (callback: () => void) => void = platform.queueMicrotask;

/** `performance.now` of the platform. */
export const now: () => number = platform.performance.now.bind(platform.performance);

/**
 * Calls back in the next turn of the event loop, when all microtasks have run.
 * Where there is `setImmediate`, that is a hundred times faster than a timer.
 */
export const nextTurn: (callback: () => void) => unknown =
  (platform as { setImmediate?: (callback: () => void) => unknown }).setImmediate ??
    ((callback) => setTimeout(callback, 0));
