/** The registry's page, as text. */

import { assert, assertEquals } from "@std/assert";
import { duration, escapeHtml } from "../../registry/page.ts";
import { inWeb, type MemoryWeb, ORIGIN } from "../support/memory_web.ts";

async function page(web: MemoryWeb): Promise<{ html: string; headers: Headers }> {
  const response = await web.fetch(`${ORIGIN}/`);
  return { html: await response.text(), headers: response.headers };
}

/** The text of the page, without the markup. */
function read(html: string): string {
  const body = html.slice(html.indexOf("<main"), html.indexOf("</main>"));
  return body.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim();
}

Deno.test("the page shows address, metadata, age and expiry", () =>
  inWeb(async (web) => {
    web.registry();
    assert(read((await page(web)).html).includes("No servers yet"));
    await web.post("tcp@10.0.0.1:9001?weight=3&zone=a");
    await web.clock.advance(200_000);
    await web.post("tcp@10.0.0.1:9001?weight=3&zone=a");
    await web.post("unix@/run/b.sock", { "X-Geerpc-Timeout-Ms": "20000" });
    await web.clock.advance(18_000);
    const { html } = await page(web);
    assertEquals(
      read(html),
      "Fleet 2 servers · registry up 3 min 38 s · 0 clients on the stream " +
        "Server Metadata Registered Last heartbeat Expires in " +
        "tcp@ 10.0.0.1:9001 weight 3 zone a 3 min 38 s ago 18 s ago 4 min 42 s " +
        "unix@ /run/b.sock – 18 s ago 18 s ago 2.0 s",
    );
    assertEquals(html.match(/class="late"/g)?.length, 1);
    assert(html.includes("<title>2 servers · registry</title>"));
  }));

Deno.test("a server that never expires says so", () =>
  inWeb(async (web) => {
    web.registry({ timeoutMs: Infinity });
    await web.post("tcp@a:1");
    assert(read((await page(web)).html).endsWith("never"));
  }));

Deno.test("what servers send is escaped in the page", () =>
  inWeb(async (web) => {
    web.registry();
    const evil = `<script>alert(1)</script>"'\`&<img/src=x/onerror=alert(1)>`;
    assertEquals(await web.post(`unix@/run/${evil}`), 200);
    assertEquals(await web.post(`tcp@a:1?${evil.replaceAll("&", "")}=${evil}`), 200);
    const { html, headers } = await page(web);
    assertEquals(html.match(/<script/g)?.length, 1, "its own");
    assert(!html.includes("<img") && !html.includes("alert(1)</"));
    const policy = headers.get("content-security-policy")!;
    const nonce = /script-src 'nonce-([\w-]+)'/.exec(policy)![1];
    assert(policy.startsWith("default-src 'none'"));
    assert(html.includes(`<script nonce="${nonce}">`));
    assert(!(await page(web)).html.includes(nonce), "each page has a nonce of its own");
    assert(!/(?:src|href)="(?!data:)/.test(html), "nothing is loaded from elsewhere");
    assert(html.length < 16_384, `${html.length} characters`);
  }));

Deno.test("durations are for people", () => {
  const shown = [0, 4249, 9949, 9950, 59_600, 60_000, 200_400, 3_600_000, 5_000_000, 190_000_000];
  assertEquals(shown.map(duration), [
    "0.0 s",
    "4.2 s",
    "9.9 s",
    "10 s",
    "1 min",
    "1 min",
    "3 min 20 s",
    "1 h",
    "1 h 23 min",
    "2 d 4 h",
  ]);
  assertEquals(
    escapeHtml(`<a b="c" d='e'>&\``),
    "&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;&#96;",
  );
});
