/**
 * What streams say to each other in `geerpc/json`, the same in both directions: items and credit.
 * The headers of items are read fast, as there is one for each.
 *
 * @module
 */

import { DigitsReader, startsWithAt } from "../ascii.ts";
import type { Limits } from "../codec.ts";
import { FIRST_WINDOW, type ItemStream, MOST_CREDIT, type StreamExtras } from "../streams.ts";
import { errorText, RpcError } from "../../errors.ts";
import type { FastValueReader } from "./fast_values.ts";
import { type Header, headerPrefix } from "./header.ts";
import type { Lines } from "./lines.ts";
import { decodeBody, type ReceivedParts } from "./values/decode.ts";

const encoder = new TextEncoder();

/** The end of an item's header. */
export const ITEM_END: Uint8Array = encoder.encode(',"Item":true}\n');
const ITEM_START = headerPrefix("");

/** Reads the headers of items that have nothing else to say. */
export class ItemHeaderReader {
  readonly #digits = new DigitsReader();

  /** `Seq` of the header that was read last. */
  get seq(): number {
    return this.#digits.value;
  }

  /**
   * Reads the next line.
   *
   * @param lines The lines that arrived.
   * @returns `false` if it is no such header: it is still the next line then.
   */
  read(lines: Lines): boolean {
    const { bytes, at: from } = lines;
    if (!startsWithAt(bytes, from, ITEM_START)) return false;
    const at = this.#digits.read(bytes, from + ITEM_START.length);
    if (at === 0 || !startsWithAt(bytes, at, ITEM_END)) return false;
    lines.advanceTo(at + ITEM_END.length);
    return true;
  }
}

/**
 * Reads the body of an item, without anything beside it.
 *
 * @param lines The body is the next line.
 * @param stream What the item belongs to; `undefined` drops it.
 * @param fast Reads what it can.
 * @param limits The deepest nesting.
 */
export function readItem(
  lines: Lines,
  stream: ItemStream | undefined,
  fast: FastValueReader,
  limits: Limits,
): void {
  if (stream === undefined) return lines.skip();
  const from = lines.at;
  if (fast.read(lines)) return stream.item(fast.value, lines.at - from - 1);
  const text = lines.text();
  deliverItem(stream, { text, bytes: lines.at - from - 1 }, limits);
}

/** The body of an item. */
export interface ItemBody {
  /** Its line. */
  readonly text: string;
  /** What it counts, with what is beside it. */
  readonly bytes: number;
}

/**
 * Decodes an item, and hands it to its stream.
 *
 * @param stream What the item belongs to.
 * @param body The body.
 * @param limits The deepest nesting.
 * @param parts What has come beside the body, if anything has.
 */
export function deliverItem(
  stream: ItemStream,
  { text, bytes }: ItemBody,
  limits: Limits,
  parts?: ReceivedParts,
): void {
  let value: unknown;
  try {
    value = decodeBody(text, limits, parts);
  } catch (cause) {
    return stream.failItem("data_loss", `can't be decoded: ${errorText(cause)}`, cause);
  }
  stream.item(value, bytes);
}

/**
 * Reads what a word about a stream says that is no item.
 *
 * @param header The header.
 * @param stream What it belongs to, if that is there.
 * @returns `false` if it is no such word.
 * @throws {RpcError} `data_loss` if it has a wrong field.
 */
export function readWord(header: Header, stream: () => ItemStream | undefined): boolean {
  if (header.Stream === true || header.Args === true) return false; // a call
  if (header.Credit !== undefined) {
    const { Credit, Bytes = 0 } = header;
    if (!isCredit(Credit) || !isCredit(Bytes)) throw wrongCredit();
    stream()?.credit(Credit, Bytes);
  } else if (header.Args === false) stream()?.unwanted();
  else if (header.End === true && header.ServiceMethod === "") stream()?.end();
  else return false;
  return true;
}

/**
 * How a call says that it has streams.
 *
 * @param extras How they begin.
 * @returns The end of its header.
 */
export function callText({ isAnswered, hasArgs, windowItems, windowBytes }: StreamExtras): string {
  let text = isAnswered ? ',"Stream":true' : "";
  if (hasArgs) text += ',"Args":true';
  const { windowItems: items, windowBytes: bytes } = FIRST_WINDOW;
  if (isAnswered && (windowItems !== items || windowBytes !== bytes)) {
    text += `,"Credit":${windowItems},"Bytes":${windowBytes}`;
  }
  return text;
}

/**
 * Reads how the streams of a call begin.
 *
 * @param header The call's.
 * @returns `undefined` if it has none.
 * @throws {RpcError} `data_loss` if it has a wrong field.
 */
export function streamsIn(header: Header): StreamExtras | undefined {
  const isAnswered = header.Stream === true;
  const hasArgs = header.Args === true;
  if (!isAnswered && !hasArgs) return undefined;
  const { windowItems, windowBytes } = FIRST_WINDOW;
  const { Credit = windowItems, Bytes = windowBytes } = header;
  if (!isCredit(Credit) || !isCredit(Bytes)) throw wrongCredit();
  return { isAnswered, hasArgs, windowItems: Credit, windowBytes: Bytes };
}

/** A word about credit. */
export function creditText(seq: number, items: number, bytes: number): string {
  return `{"ServiceMethod":"","Seq":${seq},"Credit":${items},"Bytes":${bytes}}\nnull\n`;
}

/** Whether a number can be what an end is ready to hold. */
function isCredit(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MOST_CREDIT;
}

function wrongCredit(): RpcError {
  return new RpcError("data_loss", "a header of geerpc/json with a wrong Credit or Bytes");
}
