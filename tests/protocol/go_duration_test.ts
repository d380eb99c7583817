import { assertEquals } from "@std/assert";
import { goDuration } from "../../protocol/go_duration.ts";

Deno.test("goDuration writes as Go's time.Duration does", () => {
  // From Go 1.26: time.Duration(ns).String()
  const table: [number, string][] = [
    [0, "0s"],
    [1, "1ns"],
    [100, "100ns"],
    [999, "999ns"],
    [1000, "1µs"],
    [1500, "1.5µs"],
    [999999, "999.999µs"],
    [1000000, "1ms"],
    [1500000, "1.5ms"],
    [250000000, "250ms"],
    [999999999, "999.999999ms"],
    [1000000000, "1s"],
    [1500000000, "1.5s"],
    [59999999999, "59.999999999s"],
    [60000000000, "1m0s"],
    [90000000000, "1m30s"],
    [3600000000000, "1h0m0s"],
    [3661500000000, "1h1m1.5s"],
    [90061001002003, "25h1m1.001002003s"],
    [360000000000000, "100h0m0s"],
  ];
  for (const [ns, text] of table) assertEquals(goDuration(ns / 1e6), text, `${ns} ns`);
});
