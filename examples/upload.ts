/**
 * A file is uploaded block by block, and the server tells how far it is: an argument and an answer
 * that are streams, on one call. docs/streams.md explains it.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { type CallContext, type Client, RpcError, Server } from "@geerpc/xclient";

/** What the server says of an upload: how far it is, and behind the last block what has arrived. */
export interface Progress {
  readonly bytes: number;
  /** The SHA-256 of the file, once all of it is there. */
  readonly sha256?: string;
}

/** So many bytes are a step of which the client hears. */
const STEP_BYTES = 1024 * 1024;
const LARGEST_BYTES = 100 * STEP_BYTES;

/** Where files are uploaded to. This one keeps nothing but their hash. */
export const uploads = {
  async *Put(blocks: AsyncIterable<Uint8Array>, ctx: CallContext): AsyncGenerator<Progress> {
    const hash = createHash("sha256");
    let bytes = 0;
    let told = 0;
    // Each block that is read here makes room for the client's next one, and no more.
    for await (const block of blocks) {
      hash.update(block);
      bytes += block.length;
      if (bytes > LARGEST_BYTES) {
        throw new RpcError("resource_exhausted", `${ctx.meta.name} has more than 100 MiB`);
      }
      if (bytes - told >= STEP_BYTES) yield { bytes: told = bytes };
    }
    yield { bytes, sha256: hash.digest("hex") };
  },
};

/** Serves uploads. */
export async function serve(address: string): Promise<{ server: Server; address: string }> {
  const server = new Server();
  server.register("Uploads", uploads);
  return { server, ...await server.listen(address) };
}

/**
 * Uploads a file.
 *
 * @param client Where to.
 * @param path The file.
 * @param onProgress Is told how far the server is, from 0 to 1.
 * @returns The SHA-256 of what has arrived.
 * @throws What the file's reading throws, or the server. The other side is told in either case.
 */
export async function upload(
  client: Client,
  path: string,
  onProgress: (share: number) => void,
): Promise<string> {
  const { size } = await stat(path);
  const options = { meta: { name: path }, itemTimeoutMs: 30_000 };
  const answers = client.stream<Progress>("Uploads.Put", createReadStream(path), options);
  for await (const { bytes, sha256 } of answers) {
    onProgress(size === 0 ? 1 : bytes / size);
    if (sha256 !== undefined) return sha256;
  }
  throw new Error("the server has ended without a word about the file");
}
