/**
 * The real surroundings of the command, on Deno and on Node: both have these modules.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { systemClock } from "../clock.ts";
import { EXIT } from "./command.ts";
import type { Surroundings, Terminal } from "./surroundings.ts";

/** Ctrl-C may come twice at once: to all in the terminal, and from a program that passes it on. */
const SAME_KEY_MS = 500;
const WIDTH = 80;
const HEIGHT = 24;

/** The surroundings of this process. */
export function systemSurroundings(): Surroundings {
  const interruption = new AbortController();
  let interruptedAtMs = 0;
  const interrupt = () => {
    const nowMs = systemClock.now();
    if (!interruption.signal.aborted) {
      interruptedAtMs = nowMs;
      interruption.abort(new Error("interrupted"));
    } else if (nowMs - interruptedAtMs > SAME_KEY_MS) {
      process.exit(EXIT.interrupted); // at once, whatever still has to be tidied up
    }
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return {
    terminal: systemTerminal(interrupt),
    files: {
      read: (path) => readFile(path, "utf-8"),
      write: (path, text) => writeFile(path, text),
      load: (path) => import(pathToFileURL(resolve(path)).href),
      input: async () => {
        let text = "";
        process.stdin.setEncoding("utf-8");
        for await (const chunk of process.stdin) text += chunk;
        return text;
      },
    },
    clock: systemClock,
    random: Math.random,
    fetch: (url, init) => fetch(url, init),
    interrupted: interruption.signal,
    env: (name) => process.env[name],
    serveRegistry: (registry, host, port) => {
      const server = createServer(registry.nodeHandler);
      return new Promise((started, failed) => {
        server.once("error", failed);
        server.listen(port, host, () => {
          const { address, family, port } = server.address() as AddressInfo;
          started({
            url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
            close: () => new Promise((closed) => server.close(() => closed())),
          });
        });
      });
    },
  };
}

function systemTerminal(interrupt: () => void): Terminal {
  const { stdout, stderr, stdin, env } = process;
  const isTerminal = stdout.isTTY === true;
  return {
    isTerminal,
    hasColours: isTerminal && !env.NO_COLOR && env.TERM !== "dumb",
    size: () => ({ columns: stdout.columns ?? WIDTH, rows: stdout.rows ?? HEIGHT }),
    write: (text) => void stdout.write(text),
    writeError: (text) => void stderr.write(text),
    onKey(callback) {
      if (!stdin.isTTY) return () => {};
      const onData = (data: Uint8Array | string) => {
        const key = String(data);
        if (key === "\x03") interrupt(); // in raw mode Ctrl-C is a key like all others
        else callback(key);
      };
      stdin.setRawMode(true);
      stdin.on("data", onData);
      stdin.resume();
      return () => {
        stdin.off("data", onData);
        stdin.setRawMode(false);
        stdin.pause();
      };
    },
  };
}
