/**
 * How the issues that a schema finds in a value are told: each with its place,
 * in a text of limited length.
 *
 * @module
 */

import { pathStep } from "../internal/path.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";

/** From so many characters on, no further issue is told. A value of 4 MiB may have millions. */
const LONGEST_TEXT = 4096;
/** The longest place and the longest message that are told in full: both may quote the value. */
const LONGEST_PART = 256;

/**
 * Tells the issues of a value.
 *
 * @param name What the value is: `args` or `reply`.
 * @param issues What the schema has found.
 * @returns As `args.id: expected a number; args.tags[3]: too long`.
 */
export function issuesText(name: string, issues: readonly StandardSchemaV1.Issue[]): string {
  if (issues.length === 0) return `${name}: is refused`;
  let text = "";
  let told = 0;
  for (; told < issues.length && text.length < LONGEST_TEXT; told++) {
    const { path = [], message } = issues[told];
    let place = name;
    for (const segment of path) place += stepOf(segment); // a path may be an array of its own class
    text += `${told > 0 ? "; " : ""}${cut(place)}: ${cut(String(message))}`;
  }
  const left = issues.length - told;
  return left > 0 ? `${text}; and ${left} more` : text;
}

function stepOf(segment: PropertyKey | StandardSchemaV1.PathSegment): string {
  return pathStep(typeof segment === "object" ? segment.key : segment);
}

function cut(text: string): string {
  return text.length > LONGEST_PART ? `${text.slice(0, LONGEST_PART)}…` : text;
}
