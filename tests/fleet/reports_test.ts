/** What all servers tell of their load, and which is asked for it. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type Askable, Reports } from "../../fleet/reports.ts";

Deno.test("the mean of others' calls moves by a fiftieth of what is new", () => {
  const reports = new Reports();
  assertEquals(reports.meanOthers, 0);
  reports.observe(10);
  assertAlmostEquals(reports.meanOthers, 0.2, 1e-12);
  reports.observe(0);
  assertAlmostEquals(reports.meanOthers, 0.196, 1e-12);
  for (let n = 0; n < 2000; n++) reports.observe(n % 2 === 0 ? 3 : 5);
  assertAlmostEquals(reports.meanOthers, 4, 0.02);
});

/** Endpoints that have told their load at these times. */
function scene(...toldAtMs: number[]) {
  const asked: number[] = [];
  const endpoints = toldAtMs.map((reportedAtMs, place) => ({
    reportedAtMs,
    isAskable: true,
    ask: () => void asked.push(place),
  }));
  const reports = new Reports();
  const begin = (calls: number, nowMs = 1000, fadeMs = 640) => {
    for (let n = 0; n < calls; n++) reports.callBegins(endpoints as Askable[], nowMs, fadeMs);
    return asked.splice(0).join(" ");
  };
  return { reports, endpoints, begin };
}

Deno.test("every second call asks the one that has told nothing for longest", () => {
  const { reports, endpoints, begin } = scene(30, 10, 20);
  reports.observe(100);
  assertEquals(begin(1), "");
  assertEquals(begin(1), "1");
  assertEquals(begin(4), "1 1");
  endpoints[1].isAskable = false; // it is asked already, or can't be
  assertEquals(begin(2), "2");
  for (const endpoint of endpoints) endpoint.isAskable = false;
  assertEquals(begin(6), "");
});

Deno.test("none is asked that has told it of late, nor while there are no other clients", () => {
  const { reports, endpoints, begin } = scene(961, 961);
  assertEquals(begin(10), ""); // the mean is 0
  reports.observe(100);
  assertEquals(begin(2), ""); // it was 39 ms ago, a sixteenth of 640 is 40
  endpoints[1].reportedAtMs = 960;
  assertEquals(begin(2), "1");
  assertEquals(begin(2, 1000, 6400), "");
});
