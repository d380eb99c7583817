/** Values as text, so that two outcomes can be compared, and how much there is of them. */

/** A text, and how many values it tells of. */
export interface Shown {
  readonly text: string;
  readonly nodes: number;
}

/** Tells all of a value: what is text in JSON, and what gob has beside it. */
export function show(value: unknown): Shown {
  const parts: string[] = [];
  let nodes = 0;
  const walk = (each: unknown): void => {
    nodes++;
    if (typeof each === "string") parts.push(JSON.stringify(each));
    else if (typeof each === "bigint") parts.push(`${each}n`);
    else if (typeof each !== "object" || each === null) parts.push(String(each));
    else if (Array.isArray(each)) {
      parts.push("[");
      for (const one of each) list(one);
      parts.push("]");
    } else if (each instanceof Uint8Array) parts.push(`<${each}>`);
    else if (each instanceof Date) parts.push(`@${each.getTime()}`);
    else if (each instanceof Map) {
      parts.push("Map(");
      for (const pair of each) list(pair);
      parts.push(")");
    } else {
      parts.push("{");
      for (const [name, one] of Object.entries(each)) {
        parts.push(name, ":");
        list(one);
      }
      parts.push("}");
    }
  };
  const list = (each: unknown) => {
    walk(each);
    parts.push(",");
  };
  walk(value);
  return { text: parts.join(""), nodes };
}
