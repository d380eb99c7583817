/**
 * How etcd's JSON gateway encodes values: int64 as strings, keys and values in
 * base64, empty fields left out.
 *
 * @module
 */

import { bytesToBase64, toBase64 } from "../base64.ts";

/** The longest answer that is read from etcd, and the longest line of a watch, in characters. */
export const LONGEST_ANSWER = 16 * 1024 * 1024;

/** A JSON object from etcd. */
export type JsonObject = Record<string, unknown>;

/**
 * An object within an object.
 *
 * @param object The outer object.
 * @param name The field.
 * @returns The inner object, or `undefined` if the field is missing or no object.
 */
export function objectIn(object: JsonObject, name: string): JsonObject | undefined {
  const field = object[name];
  return typeof field === "object" && field !== null ? field as JsonObject : undefined;
}

/**
 * A list within an object.
 *
 * @param object The outer object.
 * @param name The field.
 * @returns The list; empty if the field is missing or no list.
 */
export function listIn(object: JsonObject, name: string): JsonObject[] {
  const field = object[name];
  return Array.isArray(field) ? field : [];
}

/**
 * The revision in the header of an answer.
 *
 * @param answer The answer.
 * @returns The revision; 0 if there is none.
 */
export function revisionOf(answer: JsonObject): bigint {
  return int64(objectIn(answer, "header")?.revision);
}

/**
 * Decodes an int64.
 *
 * @param text The number as the gateway writes it; it leaves a 0 out.
 * @returns The number.
 */
export function int64(text: unknown): bigint {
  return BigInt(typeof text === "string" || typeof text === "number" ? text : 0);
}

/**
 * Decodes base64.
 *
 * @param base64 Base64 of UTF-8; the gateway leaves an empty text out.
 * @returns The text.
 */
export function fromBase64(base64: unknown): string {
  if (typeof base64 !== "string") return "";
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return new TextDecoder().decode(bytes);
}

/**
 * The range of all keys with a prefix.
 *
 * @param prefix The prefix; not empty.
 * @returns The first key, and the first key after the last, in base64.
 */
export function rangeOfPrefix(prefix: string): { key: string; range_end: string } {
  const end = new TextEncoder().encode(prefix);
  end[end.length - 1]++; // UTF-8 has no byte of 255
  return { key: toBase64(prefix), range_end: bytesToBase64(end) };
}
