/**
 * Shows the logs of a whole fleet as they are written:
 * `deno run -A examples/log_tail.ts tcp@10.0.0.1:9001 tcp@10.0.0.2:9001`.
 *
 * Servers that fail are shown, and read again when they are back.
 */

import { type ServerSource, XClient } from "@geerpc/xclient";
import type { LogLine } from "./streams_server.ts";

/**
 * Shows the logs of all servers.
 *
 * @param servers Their addresses, or where these come from.
 * @param show Shows a line.
 * @param signal Ends it.
 */
export async function tailAll(
  servers: readonly string[] | ServerSource,
  show: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  await using xclient = new XClient(servers);
  const lines = xclient.streamAll<LogLine>("Logs.Tail", { last: 3 }, {
    follow: true,
    signal,
    onError: (error, address) => show(`${address} | NO LOG: ${(error as Error).message}`),
  });
  try {
    for await (const { address, value } of lines) show(`${address} | ${value.text}`);
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

if (import.meta.main) {
  const ended = new AbortController();
  Deno.addSignalListener("SIGINT", () => ended.abort());
  await tailAll(Deno.args, console.log, ended.signal);
}
