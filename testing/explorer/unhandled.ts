/**
 * Errors that nobody handles, in this whole process: Node tells `process` of
 * them, everyone else the global object.
 *
 * @module
 */

type Listener = (error: unknown) => void;

/** What is used of Node's `process`. */
interface NodeProcess {
  on(type: string, listener: Listener): void;
  rawListeners(type: string): Listener[];
  removeAllListeners(type: string): void;
}

/**
 * Takes such errors, and keeps them from whoever would be told otherwise.
 *
 * @param onRejection Told of a promise's.
 * @param onError Told of one that was thrown.
 * @returns What ends it.
 */
export function watchErrors(onRejection: Listener, onError: Listener): () => void {
  const world = globalThis as unknown as EventTarget & { readonly process?: NodeProcess };
  if (typeof world.addEventListener === "function") {
    const rejected = (event: Event) => {
      event.preventDefault();
      onRejection((event as Event & { reason: unknown }).reason);
    };
    const thrown = (event: Event) => {
      event.preventDefault();
      onError((event as Event & { error: unknown }).error);
    };
    world.addEventListener("unhandledrejection", rejected);
    world.addEventListener("error", thrown);
    return () => {
      world.removeEventListener("unhandledrejection", rejected);
      world.removeEventListener("error", thrown);
    };
  }
  const ends = [
    replaceListeners(world.process!, "unhandledRejection", onRejection),
    replaceListeners(world.process!, "uncaughtException", onError),
  ];
  return () => ends.forEach((end) => end());
}

/** A test runner's own listeners would take what belongs to the run for the test's. */
function replaceListeners(process: NodeProcess, type: string, listener: Listener): () => void {
  const before = process.rawListeners(type);
  process.removeAllListeners(type);
  process.on(type, listener);
  return () => {
    process.removeAllListeners(type);
    for (const other of before) process.on(type, other);
  };
}
