/**
 * The files of unix sockets: one that a killed server has left is taken over, and
 * one that another server has made since is let be.
 *
 * @module
 */

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
}

/**
 * Listens at a path, also if a server that was killed has left its file there.
 *
 * @param path The path.
 * @param files The files of sockets.
 * @param bind Listens; called again if the file was removed.
 * @returns What `bind` returns.
 * @throws {Error} Why the path is in use; otherwise what `bind` has thrown.
 */
export async function listenAt<T>(
  path: string,
  files: SocketFiles,
  bind: () => T | Promise<T>,
): Promise<T> {
  try {
    return await bind();
  } catch (error) {
    if (!isInUse(error)) throw error;
    const id = files.idOf(path);
    if (id === undefined) {
      throw inUse("there is a file that is no socket: remove it, or listen at another path", error);
    }
    if (await files.answers(path)) {
      throw inUse("a server listens there: end it first, or listen at another path", error);
    }
    // Another server that starts may have been faster, and the file may be its own by now.
    if (files.idOf(path) === id) files.remove(path);
    return await bind();
  }
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
  return code === "EADDRINUSE" || name === "AddrInUse";
}

function inUse(what: string, cause: unknown): Error {
  return new Error(`the address is in use, ${what}`, { cause });
}
