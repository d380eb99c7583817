/**
 * The files of unix sockets: one that a killed server has left is taken over, and
 * one that another server has made since is let be.
 *
 * @module
 */

import { MAX_PATH_BYTES } from "../address.ts";

/** What is done with the files of sockets, as a runtime does it. */
export interface SocketFiles {
  /**
   * Identifies the socket at a path: another one that is made there later is not the same.
   *
   * @param path The path.
   * @returns Its identity; `undefined` if there is no file, or one that is no socket.
   */
  idOf(path: string): string | undefined;
  /**
   * Whether a server may be there.
   *
   * @param path The path.
   * @returns `false` only if it is certain that nobody accepts connections.
   */
  answers(path: string): Promise<boolean>;
  /** Gives a file a second name, if the folder takes one. */
  link(path: string, name: string): void;
  /** Gives a file another name, in place of what has it. */
  rename(path: string, name: string): void;
  /**
   * Removes a file. Does nothing if there is none.
   *
   * @param path The path.
   */
  remove(path: string): void;
  /** Sets who may connect to a socket. */
  setMode(path: string, mode: number): void;
  /** Makes a folder that nobody else may enter. */
  makeFolder(path: string): void;
  /** Removes an empty folder. */
  removeFolder(path: string): void;
}

/** How a server listens at a path, and how that is undone. */
export interface Binding<T> {
  /** Listens at a path. Called again at the same one if a file there was removed. */
  bind(path: string): T | Promise<T>;
  /** Ends what `bind` has returned, if it can't get its path. */
  undo(bound: T): void;
}

/** What is asked of the file of a socket. */
export interface SocketFileOptions {
  /** Who may connect. Default: what the process's umask leaves. */
  readonly mode?: number;
  /** Whether to take the path from a server that listens there. */
  readonly takeOver?: boolean;
}

/** How many characters of chance the name of a hidden folder has. */
const CHANCE = 6;
/** What is added to a path's folder: a dot, chance, and the name of the socket. */
const HIDDEN_BYTES = 1 + CHANCE + "/s".length;

/**
 * Listens at a path, also if a server that was killed has left its file there.
 *
 * @param path The path.
 * @param files The files of sockets.
 * @param binding How to listen.
 * @param options Who may connect, and whether a server there is replaced.
 * @returns What `bind` returns.
 * @throws {Error} Why the path is in use; otherwise what `bind` has thrown.
 */
export async function listenAt<T>(
  path: string,
  files: SocketFiles,
  binding: Binding<T>,
  options: SocketFileOptions = {},
): Promise<T> {
  if (options.mode !== undefined || options.takeOver) {
    return await listenHidden(path, files, binding, options);
  }
  try {
    return await binding.bind(path);
  } catch (error) {
    await makeRoom(path, files, error);
    return await binding.bind(path);
  }
}

/**
 * Listens in a folder that nobody else may enter, until the socket is as it has
 * to be. Then it gets its path in one step: at no time can anybody connect who
 * must not, and at none is nobody there who replaces another.
 */
async function listenHidden<T>(
  path: string,
  files: SocketFiles,
  { bind, undo }: Binding<T>,
  { mode, takeOver = false }: SocketFileOptions,
): Promise<T> {
  const parent = path.slice(0, path.lastIndexOf("/") + 1);
  const room = MAX_PATH_BYTES - HIDDEN_BYTES;
  if (new TextEncoder().encode(parent).length > room) {
    const what = `the path of a folder has at most ${room} bytes with the options mode or takeOver`;
    throw new Error(`${what}: listen at a shorter path`);
  }
  const folder = `${parent}.${crypto.randomUUID().slice(0, CHANCE)}`;
  files.makeFolder(folder);
  const hidden = `${folder}/s`;
  try {
    const bound = await bind(hidden);
    try {
      if (mode !== undefined) files.setMode(hidden, mode);
      await place(hidden, path, files, takeOver);
    } catch (error) {
      undo(bound);
      throw error;
    }
    return bound;
  } finally {
    files.remove(hidden);
    tolerate(() => files.removeFolder(folder));
  }
}

/** Gives a socket its path. */
async function place(
  hidden: string,
  path: string,
  files: SocketFiles,
  takeOver: boolean,
): Promise<void> {
  try {
    return files.link(hidden, path); // which replaces nothing
  } catch (error) {
    if (!takeOver || files.idOf(path) === undefined) await makeRoom(path, files, error);
  }
  files.rename(hidden, path);
}

/**
 * Removes the file of a server that was killed.
 *
 * @param error Why nothing could be made at the path.
 * @throws {Error} Why the path is in use, or the error itself if it is another.
 */
async function makeRoom(path: string, files: SocketFiles, error: unknown): Promise<void> {
  if (!isInUse(error)) throw error;
  const id = files.idOf(path);
  if (id === undefined) {
    throw inUse("there is a file that is no socket: remove it, or listen at another path", error);
  }
  if (await files.answers(path)) {
    throw inUse(
      "a server listens there: end it first, listen at another path, or replace it with the option takeOver",
      error,
    );
  }
  // Another server that starts may have been faster, and the file may be its own by now.
  if (files.idOf(path) === id) files.remove(path);
}

/**
 * Closes a listener and removes its file. The runtimes remove whatever file is at
 * the path by then, so that of another server is kept under another name meanwhile.
 *
 * @param path The path.
 * @param files The files of sockets.
 * @param id The identity of the listener's own file.
 * @param close Closes the listener.
 * @returns `finish`, which is to be called when the listener is closed.
 */
export function closeAt(
  path: string,
  files: SocketFiles,
  id: string | undefined,
  close: () => void,
): { finish(): void } {
  const present = files.idOf(path);
  const isOther = present !== undefined && present !== id;
  const kept = `${path}.${crypto.randomUUID()}`;
  if (isOther) tolerate(() => files.link(path, kept));
  close();
  return {
    finish() {
      if (isOther) {
        tolerate(() => files.rename(kept, path));
        files.remove(kept); // if the runtime has not removed it, it has both names
      } else if (present !== undefined && files.idOf(path) === present) files.remove(path);
    },
  };
}

/** Does what a folder or a permission may forbid: then another server's file is lost. */
function tolerate(act: () => void): void {
  try {
    act();
  } catch {
    // There is no other way to keep it.
  }
}

function isInUse(error: unknown): boolean {
  const { code, name } = Object(error);
  return code === "EADDRINUSE" || code === "EEXIST" || name === "AddrInUse" ||
    name === "AlreadyExists";
}

function inUse(what: string, cause: unknown): Error {
  return new Error(`the address is in use, ${what}`, { cause });
}
