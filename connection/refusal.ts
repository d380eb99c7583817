/**
 * What a client is sent whose connection never becomes one: it is refused
 * before a byte of it is read.
 *
 * @module
 */

import { JsonServerCodec } from "../protocol/geerpc_json/server.ts";
import type { Limits } from "../protocol/codec.ts";

/**
 * Says why a client's certificate is refused. Clients of all protocols know a
 * line of JSON when they see one.
 *
 * @param reason Why.
 * @param limits The limits of a message.
 * @returns The bytes.
 */
export function refusalOf(reason: string, limits: Limits): Uint8Array {
  const codec = new JsonServerCodec(limits);
  codec.giveUp(`rpc server: ${reason}`, "unauthenticated", false);
  return codec.take();
}
