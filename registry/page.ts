/**
 * The registry's page, which shows the fleet to a person. It is one file that
 * loads nothing from elsewhere and updates itself.
 *
 * @module
 */

import type { Lease } from "./leases.ts";
import { REGISTRY_PATH, SERVER_HEADER } from "./protocol.ts";

/** The content of the page. */
export interface PageOptions {
  /** The servers' leases, sorted. */
  readonly leases: readonly Lease[];
  /** The present time. */
  readonly nowMs: number;
  /** For how long the registry has run, in milliseconds. */
  readonly upMs: number;
  /** How many event streams are open. */
  readonly streams: number;
  /** The path of the protocol. */
  readonly path: string;
  /** Marks the page's own style and script, which alone may run. */
  readonly nonce: string;
}

/**
 * The headers of the page. They forbid everything but the page's own style and
 * script, and requests to the registry itself.
 *
 * @param nonce That of the page.
 * @returns Names and values.
 */
export function pageHeaders(nonce: string): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; connect-src 'self'; base-uri 'none'; " +
      "form-action 'none'; frame-ancestors 'none'; img-src data:; " +
      `style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
}

/**
 * Renders the page.
 *
 * @param page Its content.
 * @returns HTML. Everything that comes from servers is escaped in it.
 */
export function renderPage(page: PageOptions): string {
  const { leases, upMs, streams, nonce } = page;
  const count = leases.length;
  const every = 1000 + 5 * count;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${plural(count, "server")} · registry</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${STYLE}</style>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body>
<main data-every="${every}">
<header>
<h1>Fleet</h1>
<p><b>${count}</b> ${count === 1 ? "server" : "servers"}<i>·</i>registry up ${
    duration(upMs)
  }<i>·</i>${plural(streams, "client")} on the stream</p>
</header>
${count === 0 ? emptyFleet(page) : table(page)}
</main>
<footer><span id="state" role="status">updates itself</span></footer>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

function table({ leases, nowMs }: PageOptions): string {
  return `<table>
<thead><tr><th>Server</th><th>Metadata</th><th class="n">Registered</th><th class="n">Last heartbeat</th><th>Expires in</th></tr></thead>
<tbody>
${leases.map((lease) => row(lease, nowMs)).join("\n")}
</tbody>
</table>`;
}

function row(lease: Lease, nowMs: number): string {
  const { endpoint, leaseMs, joinedAtMs, renewedAtMs } = lease;
  const at = endpoint.address.indexOf("@") + 1;
  const pairs = Object.entries(endpoint.metadata);
  if (endpoint.weight !== 1) pairs.unshift(["weight", String(endpoint.weight)]);
  const chips = pairs.map(([key, value]) =>
    `<span class="chip"><span>${escapeHtml(key)}</span> ${escapeHtml(value)}</span>`
  );
  return `<tr>` +
    `<td class="a"><span>${escapeHtml(endpoint.address.slice(0, at))}</span>${
      escapeHtml(endpoint.address.slice(at))
    }</td>` +
    `<td data-label="Metadata">${chips.join(" ") || "<i>–</i>"}</td>` +
    `<td class="n" data-label="Registered">${duration(nowMs - joinedAtMs)} ago</td>` +
    `<td class="n" data-label="Last heartbeat">${duration(nowMs - renewedAtMs)} ago</td>` +
    `<td data-label="Expires in">${expiry(renewedAtMs + leaseMs - nowMs, leaseMs)}</td>` +
    `</tr>`;
}

function expiry(leftMs: number, leaseMs: number): string {
  if (leaseMs === Infinity) return "<i>never</i>";
  const share = Math.max(0, Math.min(1, leftMs / leaseMs));
  const late = share < 0.15 ? ' class="late"' : "";
  return `<div${late}><progress value="${share.toFixed(3)}"></progress><span>${
    duration(Math.max(0, leftMs))
  }</span></div>`;
}

function emptyFleet({ path }: PageOptions): string {
  return `<section><p>No servers yet. A server joins, and stays, with</p>
<pre>POST ${escapeHtml(path || REGISTRY_PATH)}
${SERVER_HEADER}: tcp@10.0.0.1:9001</pre></section>`;
}

/**
 * Formats a duration for people.
 *
 * @param ms Milliseconds.
 * @returns A text such as `4.2 s`, `3 min 20 s` or `2 d 4 h`.
 */
export function duration(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts.slice(first, first + 2).filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`).join(" ");
}

/**
 * Escapes a text for HTML, also in attributes.
 *
 * @param text Any text.
 * @returns HTML that shows the text.
 */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (one) => `&#${one.charCodeAt(0)};`);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

const STYLE = `
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1b2330; --soft: #667085;
  --line: #e4e7ec; --good: #16a36a; --late: #d97706; --bad: #d92d20; --chip: #eef1f6; }
@media (prefers-color-scheme: dark) { :root { --back: #11151b; --card: #191f28; --text: #e6e9ee;
  --soft: #8d97a7; --line: #2a323e; --good: #3ecf8e; --late: #f5a524; --bad: #ff6b5e; --chip: #252d39; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 36px 24px; background: var(--back);
  color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline;
  margin: 0 4px 16px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -.02em; }
p { margin: 0; color: var(--soft); }
p b { color: var(--text); }
i { font-style: normal; color: var(--soft); }
p i { margin: 0 8px; opacity: .6; }
table, section { width: 100%; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; border-spacing: 0; overflow: hidden; }
th, td { padding: 10px 16px; text-align: left; vertical-align: middle; }
th { color: var(--soft); font-size: 12px; font-weight: 600; white-space: nowrap; }
td { border-top: 1px solid var(--line); }
th:nth-child(2) { width: 27%; }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.a { font: 600 13.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; min-width: 255px; }
.a span { color: var(--soft); font-weight: 400; }
.chip { display: inline-block; margin: 1px 0; padding: 1px 8px; border-radius: 99px;
  background: var(--chip); font-size: 13px; overflow-wrap: anywhere; }
.chip span { color: var(--soft); }
td > div { display: flex; align-items: center; gap: 10px; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
td > div span { min-width: 88px; }
progress { appearance: none; flex: 1; min-width: 50px; max-width: 120px; height: 6px; border: 0;
  border-radius: 3px; overflow: hidden; background: var(--chip); }
progress::-webkit-progress-bar { background: var(--chip); }
progress::-webkit-progress-value { background: var(--good); border-radius: 3px; }
progress::-moz-progress-bar { background: var(--good); border-radius: 3px; }
.late span { color: var(--late); font-weight: 600; }
.late progress::-webkit-progress-value { background: var(--late); }
.late progress::-moz-progress-bar { background: var(--late); }
section { padding: 28px; }
pre { margin: 12px 0 0; padding: 12px 16px; border-radius: 8px; background: var(--chip);
  overflow-x: auto; }
footer { margin: 14px 4px; color: var(--soft); font-size: 13px; }
#state::before { content: ""; display: inline-block; width: 8px; height: 8px; margin-right: 8px;
  border-radius: 50%; background: var(--good); }
#state.lost { color: var(--bad); }
#state.lost::before { background: var(--bad); }
.old main { opacity: .5; }
@media (max-width: 720px) { thead { display: none; } tr { display: block; padding: 10px 0;
  border-top: 1px solid var(--line); } tr:first-child { border-top: 0; }
  td, td.n { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: baseline; padding: 2px 16px;
  border: 0; text-align: left; } td.a { display: block; padding-bottom: 6px; }
  td[data-label]::before { content: attr(data-label); flex: 0 0 104px; color: var(--soft);
  font-size: 13px; } td > div { flex: 1; } }
`;

/** Fetches the page again and replaces the main part by the new one. */
const SCRIPT = `
const state = document.getElementById("state");
let since = Date.now();
async function update() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
      document.title = page.title;
      since = Date.now();
      show(false, "updates itself");
    } catch {
      const seconds = Math.round((Date.now() - since) / 1000);
      show(true, "the registry does not answer; this is " + seconds + " s old");
    }
  }
  later();
}
function show(lost, text) {
  state.className = lost ? "lost" : "";
  document.body.className = lost ? "old" : "";
  state.textContent = text;
}
function later() {
  setTimeout(update, Number(document.querySelector("main").dataset.every));
}
later();
`;
