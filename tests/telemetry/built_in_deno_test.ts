/** Deno's own OpenTelemetry, which needs no SDK: it sends to a receiver what is recorded. */

import { assert, assertEquals } from "@std/assert";
import { ownStdFlags } from "../../scripts/std.ts";

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}
interface Scope {
  readonly spans?: readonly Span[];
  readonly metrics?: readonly { readonly name: string }[];
}
interface Sent {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly Scope[] }[];
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly Scope[] }[];
}

const [SERVER, CLIENT] = [2, 3]; // as OTLP numbers the kinds
const PROGRAM = new URL("./recorded_program.ts", import.meta.url).pathname;

Deno.test("OTEL_DENO: spans and metrics, with no SDK installed", async () => {
  const sent: Sent[] = [];
  await using receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      sent.push(await request.json());
      return Response.json({});
    },
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...ownStdFlags(), PROGRAM],
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.addr.port}`,
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals([code, text(stdout)], [0, "3\n"], text(stderr));

  const spans = sent.flatMap(({ resourceSpans = [] }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans = [] }) => spans);
  const called = spans.find(({ name, kind }) => name === "Arith.Sum" && kind === CLIENT);
  const tried = spans.find(({ name }) => name === "Arith.Sum attempt");
  const served = spans.find(({ name, kind }) => name === "Arith.Sum" && kind === SERVER);
  assert(called && tried && served, JSON.stringify(spans));
  assertEquals([tried.parentSpanId, served.parentSpanId], [called.spanId, tried.spanId]);
  assertEquals([tried.traceId, served.traceId], [called.traceId, called.traceId]);

  const metrics = sent.flatMap(({ resourceMetrics = [] }) => resourceMetrics)
    .flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics = [] }) => metrics)
    .map(({ name }) => name);
  for (const name of ["rpc.client.call.duration", "rpc.server.call.duration"]) {
    assert(metrics.includes(name), `${name} is not among ${metrics}`);
  }
});
