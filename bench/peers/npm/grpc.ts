/// <reference types="./packages.d.ts" />
/**
 * gRPC, to compare with: `grpc.ts serve`, `grpc.ts call PORT`. Its options are the
 * defaults: neither larger windows nor switching retries off made a difference.
 */

import process from "node:process";
import { promisify } from "node:util";
import { credentials, loadPackageDefinition, Server, ServerCredentials } from "@grpc/grpc-js";
import type { ClientClass, Handler, Method } from "@grpc/grpc-js";
import { answerLines, answerWith, worksOf } from "../measured.ts";
import { definition } from "./definition.ts";

type Numbers = { a: number; b: number };
type Total = { sum: number };
type Text = { text: string };
type Client = { sum: Method<Numbers, Total>; echo: Method<Text, Text> };

const sum: Handler<Numbers, Total> = ({ request: { a, b } }, done) => done(null, { sum: a + b });
const echo: Handler<Text, Text> = ({ request: { text } }, done) => done(null, { text });

type Package = { bench: { Arith: ClientClass<Client> } };
const { Arith } = loadPackageDefinition<Package>(definition).bench;
const [command, port] = process.argv.slice(2);
if (command === "serve") {
  const server = new Server();
  server.addService(Arith.service, { sum, echo });
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(port);
  });
  await answerLines(() => {});
} else {
  const client = new Arith(`127.0.0.1:${port}`, credentials.createInsecure());
  const callSum = promisify(client.sum.bind(client));
  const callEcho = promisify(client.echo.bind(client));
  await answerWith(worksOf(
    async (a, b) => (await callSum({ a, b })).sum,
    async (text) => (await callEcho({ text })).text,
  ));
}
