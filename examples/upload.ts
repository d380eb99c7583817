/**
 * Sends a file to one of some servers, and shows how much of it is written there:
 * `deno run -A examples/upload.ts video.mp4 tcp@10.0.0.1:9001 tcp@10.0.0.2:9001`.
 */

import { XClient } from "@geerpc/xclient";

const BLOCK_BYTES = 64 * 1024;

/** The blocks of a file. They are read as the server takes them. */
async function* blocksOf(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  for (;;) {
    const block = new Uint8Array(BLOCK_BYTES);
    const length = await file.read(block);
    if (length === null) return;
    yield block.subarray(0, length);
  }
}

/**
 * Sends a file.
 *
 * @param xclient Sends it to one of its servers.
 * @param path The file.
 * @param show Called with the share of it that is written at the server, from 0 to 1.
 */
export async function upload(
  xclient: XClient,
  path: string,
  show: (share: number) => void,
): Promise<void> {
  const { size } = await Deno.stat(path);
  const name = path.split("/").at(-1)!;
  const written = xclient.stream<number>("Files.Upload", blocksOf(path), {
    meta: { name },
    itemTimeoutMs: 10_000,
  });
  for await (const bytes of written) show(bytes / size);
}

if (import.meta.main) {
  const [path, ...servers] = Deno.args;
  await using xclient = new XClient(servers);
  await upload(xclient, path, (share) => console.log(`${Math.floor(100 * share)} %`));
}
