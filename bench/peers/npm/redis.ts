/// <reference types="./packages.d.ts" />
/**
 * Redis, as what a tuned text protocol does: `redis.ts call PORT`. The call that adds is a `PING`
 * here, which does less. Its client sends what one turn asks for in one write.
 */

import process from "node:process";
import { createClient } from "redis";
import { answerWith, worksOf } from "../measured.ts";

const client = createClient({ url: `redis://127.0.0.1:${process.argv[3]}` });
client.on("error", () => {}); // its server has not begun to listen: it tries again
await client.connect();
await answerWith(worksOf(
  async () => await client.ping() === "PONG" ? 3 : undefined,
  (text) => client.echo(text),
));
