/**
 * `registry`: runs a registry with its page.
 *
 * @module
 */

import { Registry } from "../../registry.ts";
import { type Command, EXIT, quoted, UsageError } from "../command.ts";
import { secretOf } from "../connect.ts";
import { jsonText } from "../json.ts";
import { plain, styleOf } from "../style.ts";
import { untilInterrupted } from "./until_interrupted.ts";

/** Runs a registry. */
export const registry: Command = {
  name: "registry",
  summary: "run a registry, with a page that shows the fleet",
  usage: "",
  text: "It speaks GeeRPC's protocol and keeps everything in memory. It runs until Ctrl-C and " +
    "prints each server that joins or leaves. Without tokens everyone who reaches it may change it.",
  examples: ["registry", "registry --listen 0.0.0.0:9999 --write-token @token.txt --lease 30s"],
  options: {
    listen: { value: "HOST:PORT", text: "where; default 127.0.0.1:9999, port 0 for any free one" },
    lease: { value: "DURATION", text: "how long a server stays without a heartbeat; default 5m" },
    "read-token": { value: "TOKEN", text: "who asks for the list must send it, or @FILE" },
    "write-token": { value: "TOKEN", text: "servers that register must send it, or @FILE" },
    "allowed-host": { value: "HOST", text: "a host name by which it may be asked", isMany: true },
    json: { text: "print one JSON object a line for each event" },
  },
  async run(input, around) {
    const { terminal, files, clock, interrupted } = around;
    if (input.words.length > 0) throw new UsageError(`${quoted(input.words[0])} is too much`);
    const { host, port } = hostAndPort(input.text("listen") ?? "127.0.0.1:9999");
    const leaseMs = input.durationMs("lease");
    const read = await secretOf(input.text("read-token"), files);
    const write = await secretOf(input.text("write-token"), files);
    const style = styleOf(terminal.hasColours);
    const asJson = input.has("json");
    const running = new Registry({
      clock,
      ...(leaseMs === undefined ? {} : { timeoutMs: leaseMs }),
      ...(read === undefined ? {} : { read: { tokens: read } }),
      ...(write === undefined ? {} : { write: { tokens: write } }),
      ...(input.has("allowed-host") ? { allowedHosts: input.texts("allowed-host") } : {}),
      onEvent: ({ type, server }) => {
        if (asJson) return terminal.write(`${jsonText({ type, server })}\n`);
        const paint = type === "joined"
          ? style.green
          : type === "changed"
          ? style.cyan
          : style.yellow;
        terminal.write(`${paint(type.padEnd(12))} ${plain(server)}\n`);
      },
    });
    try {
      const web = await around.serveRegistry(running, host, port);
      if (asJson) terminal.write(`${jsonText({ type: "listening", url: web.url })}\n`);
      else {
        terminal.write(
          `${style.bold("registry")} at ${web.url}/ (open it in a browser; Ctrl-C ends it)\n` +
            `  servers: xclient serve FILE --register ${web.url}\n` +
            `  clients: xclient list --registry ${web.url}\n`,
        );
      }
      await untilInterrupted(interrupted);
      await running.close(); // before the server, which would wait for its streams
      await web.close();
    } finally {
      await running.close();
    }
    return EXIT.ok;
  },
};

function hostAndPort(text: string): { readonly host: string; readonly port: number } {
  const form = /^(?:\[([\da-f:.]+)\]|([\w.-]*)):(\d{1,5})$/i;
  const [, inBrackets, name, port] = form.exec(text) ?? [];
  const host = inBrackets ?? name;
  if (port === undefined || Number(port) > 65_535) {
    throw new UsageError(`--listen must be HOST:PORT, as 127.0.0.1:9999, got ${quoted(text)}`);
  }
  return { host: host || "127.0.0.1", port: Number(port) };
}
