/**
 * A stream of one connection, as its caller reads it.
 *
 * @module
 */

import { TimeoutError } from "../../errors.ts";
import type { ClientConnection } from "../client_connection.ts";
import { ItemReader } from "./item_reader.ts";
import { streamExtras } from "./options.ts";
import type { OutgoingStream, StreamOptions } from "./stream.ts";

/**
 * Makes the iterator of a stream. The call is sent when it is asked for the first item.
 *
 * @param connection Where it is sent.
 * @param serviceMethod `Service.Method`.
 * @param args Its argument.
 * @param options Its options, checked, with the defaults filled in.
 * @param onSent Called when it has been sent.
 */
export function readStream<T>(
  connection: ClientConnection,
  serviceMethod: string,
  args: unknown,
  options: StreamOptions,
  onSent: () => void,
): ItemReader<T> {
  const { address, clock } = connection;
  const { signal, timeoutMs, itemTimeoutMs = Infinity } = options;
  let stream: OutgoingStream | undefined;
  const reader = new ItemReader<T>({
    open() {
      if (signal?.aborted) return reader.fail(signal.reason, true);
      if (timeoutMs !== undefined && !(timeoutMs > 0)) {
        const message = `${serviceMethod} at ${address}: the deadline has passed already`;
        const details = { address, serviceMethod, execution: "not_sent" as const };
        return reader.fail(new TimeoutError(message, details), true);
      }
      const extras = { ...options, stream: streamExtras(options) };
      stream = connection.openStream(serviceMethod, args, extras, reader);
      if (stream === undefined) return;
      onSent();
      if (timeoutMs !== undefined && timeoutMs < Infinity) stream.limit(timeoutMs);
      if (signal !== undefined) stream.abortOn(signal);
    },
    cancel: () => stream?.cancel(),
    limit: itemTimeoutMs === Infinity ? undefined : {
      clock,
      timeoutMs: itemTimeoutMs,
      error() {
        const message = `${serviceMethod} at ${address}: no item within ${itemTimeoutMs} ms`;
        return new TimeoutError(message, { address, serviceMethod, execution: "unknown" });
      },
    },
  });
  return reader;
}
