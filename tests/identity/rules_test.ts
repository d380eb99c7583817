/** Which rule counts for a method. */

import { assertEquals, assertThrows } from "@std/assert";
import { authorize } from "../../mod.ts";
import { type Rules, RuleTable } from "../../identity/rules.ts";

const isAdmin = () => true;
const TABLE = new RuleTable<string>({
  "Users.*": "authenticated",
  "Users.Delete": isAdmin,
  "acme.Users.*": "nobody",
  "acme.Users.Find": "anyone",
  "constructor.*": "nobody",
});

for (
  const [serviceMethod, expected] of [
    ["Users.Find", "authenticated"],
    ["Users.Delete", isAdmin],
    ["Users.", "authenticated"],
    ["Users.*", "authenticated"],
    ["Users.delete", "authenticated"],
    ["acme.Users.Find", "anyone"],
    ["acme.Users.Delete", "nobody"],
    ["users.Find", "nobody"],
    ["USERS.Find", "nobody"],
    ["Users.Find.More", "nobody"],
    ["XUsers.Find", "nobody"],
    ["acme.Users", "nobody"],
    ["acme.Find", "nobody"],
    ["Users", "nobody"],
    [".Find", "nobody"],
    [".", "nobody"],
    ["", "nobody"],
    ["*", "nobody"],
    ["*.*", "nobody"],
    ["Users .Find", "nobody"],
    [" Users.Find", "nobody"],
    ["Users.Delete ", "authenticated"],
    ["toString", "nobody"],
    ["__proto__.x", "nobody"],
    ["constructor.x", "nobody"],
  ] as const
) {
  Deno.test(`the rule of ${JSON.stringify(serviceMethod)} is ${String(expected)}`, () => {
    assertEquals(TABLE.of(serviceMethod), expected);
  });
}

Deno.test("a rule for everything is the last one that counts", () => {
  const table = new RuleTable({ "*": "anyone", "Admin.*": "nobody", "Admin.Ping": "anyone" });
  for (const name of ["Users.Find", "Users", ".x", "", "*", "admin.Delete"]) {
    assertEquals(table.of(name), "anyone", name);
  }
  for (const name of ["Admin.Delete", "Admin.", "Admin.*", "Admin.ping"]) {
    assertEquals(table.of(name), "nobody", name);
  }
  assertEquals(table.of("Admin.Ping"), "anyone");
});

Deno.test("rules are taken when they are given", () => {
  const rules: Record<string, "anyone" | "nobody"> = { "Users.*": "nobody" };
  const table = new RuleTable(rules);
  rules["Users.*"] = "anyone";
  rules["Users.Find"] = "anyone";
  assertEquals(table.of("Users.Find"), "nobody");
});

Deno.test("what is no pattern or no rule is refused by name", () => {
  const refused = (rules: unknown, what: string) =>
    assertThrows(() => authorize(() => "ann", rules as Rules<string>), TypeError, what);
  for (
    const pattern of [
      "",
      "Users",
      "Users.",
      ".Find",
      ".*",
      "*.*",
      "*.Find",
      "**",
      "Users*",
      "Users.Fi*",
      "Users.**",
      "Users.*.Find",
      "Users.Find ",
      "Users .Find",
      "Users..Find",
      "Us*ers.Find",
    ]
  ) {
    refused({ [pattern]: "anyone" }, `rules: ${JSON.stringify(pattern)} is no pattern`);
  }
  for (const rule of [undefined, null, true, false, "any", "Anyone", "deny", {}, ["anyone"], 1]) {
    refused({ "Users.*": rule }, 'rules["Users.*"] must be "anyone", "authenticated", "nobody"');
  }
  for (const rules of [undefined, null, [], "Users.*", 1, () => true]) {
    refused(rules, "rules must be an object");
  }
});
