/**
 * Places in the library where the schedule explorer makes it wait or fail, as a
 * turn of the event loop, an allocation or a foreign transport may. In a program
 * nothing happens there: each place costs a comparison with `undefined`, and
 * none is passed by every call.
 *
 * @module
 */

/** Where the library can be made to wait or to fail. */
export type FaultPoint =
  /** A source has answered which servers there are; nobody has heard it yet. */
  | "list_answered"
  /** A source has told of a change, which nobody has heard yet. */
  | "list_watched"
  /** A dial begins: its codec is loaded, as gob's is when it is first spoken. */
  | "dial_begun"
  /** A transport is connected, and nobody reads from it yet. */
  | "dial_connected"
  /** A connection is made, and its endpoint does not know it yet. */
  | "dial_opened"
  /** An endpoint has its connection, and the calls that waited for it do not know yet. */
  | "dial_shared"
  /** A server has read what is to be spoken, and loads the codec for it. */
  | "handshake_read"
  /** A batch is handed to the transport, by client or server. */
  | "batch_written"
  /** A client has read something: it is worked through, then the next is read. */
  | "reply_read"
  /** The same at a server. */
  | "request_read"
  /** A call waits at a server, and has no limit of time yet. */
  | "call_queued";

/**
 * Called at each point. What it returns is waited for; it throws where the
 * point is to fail.
 */
export type FaultHook = (point: FaultPoint, signal?: AbortSignal) => Promise<void> | undefined;

let hook: FaultHook | undefined;

/**
 * A point is passed.
 *
 * @param point Which.
 * @param signal Ends a wait there.
 * @returns What is to be waited for; `undefined`, nearly always, to go on at once.
 * @throws What the explorer has in mind.
 */
export function atFaultPoint(point: FaultPoint, signal?: AbortSignal): Promise<void> | undefined {
  return hook === undefined ? undefined : hook(point, signal);
}

/**
 * Sets what happens at all points. For the explorer alone.
 *
 * @param next What is called; `undefined` for nothing.
 */
export function setFaultHook(next: FaultHook | undefined): void {
  hook = next;
}
