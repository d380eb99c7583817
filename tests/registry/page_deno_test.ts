/** The registry's page in a real browser. */

import { assert, assertEquals } from "@std/assert";
import { Registry } from "../../registry.ts";
import { findProgram, isMissing } from "../support/processes.ts";

/** The commands of browsers that can be used. */
const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const isBrowserMissing = isMissing("chromium", ...BROWSERS);
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A test with a browser; without one it is skipped, but where `CI` is set it fails. */
function browserTest(name: string, body: (browser: string) => Promise<void>): void {
  Deno.test({ name, ignore: isBrowserMissing, fn: () => body(findProgram(...BROWSERS)!) });
}

/** Opens a page, lets its script run for a time, and returns the DOM of then. */
async function dump(browser: string, url: string, runMs: number): Promise<string> {
  const profile = await Deno.makeTempDir({ prefix: "xclient_page_" });
  try {
    const args = [
      ...FLAGS,
      `--user-data-dir=${profile}`,
      `--virtual-time-budget=${runMs}`,
      "--dump-dom",
      url,
    ];
    const { success, stdout, stderr } = await new Deno.Command(browser, { args }).output();
    assert(success, new TextDecoder().decode(stderr).slice(-2000));
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(profile, { recursive: true });
  }
}

function post(registry: Registry, server: string): void {
  const headers = { "X-Geerpc-Server": server };
  const request = new Request("http://localhost/_geerpc_/registry", { method: "POST", headers });
  assertEquals(registry.fetch(request).status, 200);
}

/** The first cell of each row. */
function servers(dom: string): string[] {
  return [...dom.matchAll(/<td class="a"><span>(.*?)<\/span>(.*?)<\/td>/g)]
    .map(([, scheme, rest]) => scheme + rest);
}

browserTest("a browser shows the fleet, and the page updates itself", async (browser) => {
  const registry = new Registry();
  post(registry, "tcp@10.0.0.1:9001?zone=eu-1a");
  post(registry, "unix@/run/<script>document.title='owned'</script>");
  post(registry, "tcp@10.0.0.2:9001?note=%3Cscript%3Edocument.title%3D1%3C/script%3E");
  let asked = 0;
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (new URL(request.url).pathname === "/" && asked++ === 1) post(registry, "tcp@10.0.0.9:9001");
    return registry.fetch(request);
  });
  try {
    const dom = await dump(browser, `http://127.0.0.1:${http.addr.port}/`, 5000);
    assert(asked > 1, "its script has run");
    assertEquals(servers(dom), [
      "tcp@10.0.0.1:9001",
      "tcp@10.0.0.2:9001",
      "tcp@10.0.0.9:9001",
      "unix@/run/&lt;script&gt;document.title='owned'&lt;/script&gt;",
    ]);
    assert(dom.includes("<title>4 servers · registry</title>"), "the title is the page's own");
    assert(dom.includes(`<span class="chip"><span>zone</span> eu-1a</span>`));
    assert(dom.includes(`<span id="state" role="status" class="">updates itself</span>`));
  } finally {
    await registry.close();
    await http.shutdown();
  }
});

browserTest("a person who brings a token sees the page, and it updates itself", async (browser) => {
  let token = "r-token";
  const registry = new Registry({ read: { tokens: () => token } });
  post(registry, "tcp@10.0.0.1:9001");
  let asked = 0;
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (new URL(request.url).pathname === "/" && ++asked === 3) post(registry, "tcp@10.0.0.9:9001");
    return registry.fetch(request);
  });
  const page = (user: string) => dump(browser, `http://${user}127.0.0.1:${http.addr.port}/`, 5000);
  try {
    assertEquals(servers(await page("any:r-token@")), ["tcp@10.0.0.1:9001", "tcp@10.0.0.9:9001"]);
    assert(asked > 2, "its script has run");
    assertEquals(servers(await page("any:guess@")), []);
    token = "another";
    assertEquals(servers(await page("any:r-token@")), []);
  } finally {
    await registry.close();
    await http.shutdown();
  }
});

browserTest("the page says so when the registry is gone", async (browser) => {
  const registry = new Registry();
  post(registry, "tcp@10.0.0.1:9001");
  let asked = 0;
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (asked++ > 0) registry.close();
    return registry.fetch(request);
  });
  try {
    const dom = await dump(browser, `http://127.0.0.1:${http.addr.port}/`, 5000);
    assertEquals(servers(dom), ["tcp@10.0.0.1:9001"], "the last that was known");
    assert(dom.includes(`class="lost">the registry does not answer; this is `), dom.slice(-2500));
  } finally {
    await http.shutdown();
  }
});
