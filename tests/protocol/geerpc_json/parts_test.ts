import { assertEquals } from "@std/assert";
import { refusalOfParts, useOfParts } from "../../../protocol/geerpc_json/parts.ts";

const LIMITS = { maxMessageBytes: 100, maxDepth: 20 };

Deno.test("whether what is beside a body is accepted does not depend on the body's newline", () => {
  const body = '{"$":["text",0]}';
  for (const text of [body, `${body}\n`]) {
    assertEquals(refusalOfParts(text, [84], LIMITS), undefined);
    assertEquals(refusalOfParts(text, [85], LIMITS)?.code, "resource_exhausted");
    assertEquals(refusalOfParts(text, [1, 1], LIMITS)?.code, "data_loss");
  }
  for (const text of ['{"$":["text",0]', '{"$":["text",0]\n']) { // one too short
    assertEquals(refusalOfParts(text, [1], LIMITS)?.code, "data_loss");
  }
});

Deno.test("bytes get memory of their own, texts do not need it", () => {
  assertEquals(useOfParts('[{"$":["text",0]},{"$":["text",1]}]'), "read");
  assertEquals(useOfParts('[{"$":["text",0]},{"$":["bytes",1]}]'), "kept");
});
