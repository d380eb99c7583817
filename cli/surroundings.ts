/**
 * What the command may touch of the world around it: terminal, files, time, network. Tests hand in
 * their own.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Fetch } from "../discovery/http.ts";
import type { Registry } from "../registry.ts";
import type { Random } from "../selector.ts";
import type { Network } from "../transport.ts";

/** The terminal, or what stands in its place in a pipe. */
export interface Terminal {
  /** Whether a person sees the output. */
  readonly isTerminal: boolean;
  /** Whether the output may have colours. */
  readonly hasColours: boolean;
  /** Its size, which may change; 80 by 24 where it is none. */
  size(): { readonly columns: number; readonly rows: number };
  /** Writes what was asked for. */
  write(text: string): void;
  /** Writes what is said beside it: errors and progress. */
  writeError(text: string): void;
  /**
   * Calls back with each key that is pressed, as `q`, without waiting for the end of a line.
   *
   * @returns Ends it.
   */
  onKey(callback: (key: string) => void): () => void;
}

/** Files, and the standard input. */
export interface Files {
  /** Reads a text. */
  read(path: string): Promise<string>;
  /** Writes a text. */
  write(path: string, text: string): Promise<void>;
  /** Loads a module. */
  load(path: string): Promise<Record<string, unknown>>;
  /** Reads the standard input to its end. */
  input(): Promise<string>;
}

/** An HTTP server that runs. */
export interface WebServer {
  /** As `http://127.0.0.1:9999`. */
  readonly url: string;
  /** Stops it. */
  close(): Promise<void>;
}

/** All of it. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly files: Files;
  /** Where durations come from. */
  readonly clock: Clock;
  /** Where chance comes from. */
  readonly random: Random;
  /** The machine's network by default. */
  readonly network?: Network;
  /** Makes HTTP requests. */
  readonly fetch: Fetch;
  /** Aborts when the person has had enough: Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** The value of an environment variable. */
  env(name: string): string | undefined;
  /** Lets a registry be asked by HTTP. */
  serveRegistry(registry: Registry, host: string, port: number): Promise<WebServer>;
}
