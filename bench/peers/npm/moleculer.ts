/// <reference types="./packages.d.ts" />
/**
 * Moleculer, to compare with: `moleculer.ts serve`, `moleculer.ts call PORT`. Two
 * brokers on its own TCP transporter, without logs, metrics and cache.
 */

import process from "node:process";
import { ServiceBroker } from "moleculer";
import { answerLines, answerWith, worksOf } from "../measured.ts";

const [command, port] = process.argv.slice(2);
const broker = new ServiceBroker({
  nodeID: command,
  logger: false,
  metrics: false,
  cacher: null,
  transporter: {
    type: "TCP",
    options: {
      udpDiscovery: false,
      useHostname: false,
      urls: port ? [`127.0.0.1:${port}/serve`] : [],
    },
  },
});
if (command === "serve") {
  broker.createService({
    name: "arith",
    actions: {
      sum: ({ params: { a, b } }: { params: { a: number; b: number } }) => a + b,
      echo: ({ params: { text } }: { params: { text: string } }) => text,
    },
  });
  await broker.start();
  console.log(broker.transit.tx.opts.port);
  await answerLines(() => {});
} else {
  await broker.start();
  await broker.waitForServices("arith");
  await answerWith(worksOf(
    (a, b) => broker.call("arith.sum", { a, b }),
    (text) => broker.call("arith.echo", { text }),
  ));
}
