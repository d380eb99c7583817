/**
 * A web front on Node, with Express and OpenTelemetry's SDK:
 * `FRONT_TOKEN=… node web_front_express.js tcp@10.0.0.1:9001 …`.
 */

// deno-lint-ignore-file no-import-prefix -- in deno.json all users would load them
import type { IncomingMessage, ServerResponse } from "node:http";
import process from "node:process";
import { context, metrics, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "npm:@opentelemetry/context-async-hooks@2.12.0";
import { W3CTraceContextPropagator } from "npm:@opentelemetry/core@2.12.1";
import {
  ConsoleMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@2.12.1";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";
import express from "npm:express@5.2.1";
import { answer, connect } from "./web_front.ts";

/** What is used of Express, which brings no types. */
interface WebMessage extends IncomingMessage {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}
interface WebResponse extends ServerResponse {
  status(status: number): this;
  set(headers: Readonly<Record<string, string>>): this;
  json(body: unknown): this;
}

// Here traces and metrics are printed; a program in earnest has an exporter by OTLP.
const spans = new BatchSpanProcessor(new ConsoleSpanExporter());
const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter() });
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [spans] }));
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

const token = () => Promise.resolve(process.env.FRONT_TOKEN ?? "");
const xclient = connect(process.argv.slice(2), token);

const app = express();
app.use(express.json({ strict: false }));
app.use(async (request: WebMessage, response: WebResponse) => {
  const gone = new AbortController();
  response.on("close", () => response.writableFinished || gone.abort());
  const { method, path, headers, body } = request;
  const found = await answer(xclient, { method, path, headers, body, signal: gone.signal });
  if (!gone.signal.aborted) {
    response.status(found.status).set(found.headers).json(found.body ?? null);
  }
});
// Express knows by the four parameters that this is for errors.
app.use((error: { status?: number }, _: unknown, response: WebResponse, _next: unknown) => {
  response.status(error.status ?? 500).json({ error: "the body is no JSON" });
});
const server = app.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log("listening", JSON.stringify(server.address()));
});

// When the process is to end: no request more, then no call more, then what was recorded.
process.on("SIGTERM", () => {
  server.close(async () => {
    await xclient.close();
    await Promise.all([spans.shutdown(), reader.shutdown()]);
  });
});
