/** A fleet under load with a real name server, whose records change. */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { DnsDiscovery } from "../../../dns.ts";
import { runScenario, type ScenarioOutcome } from "../../../examples/fleet_scenario.ts";
import { ServerProcess } from "../../../examples/server_process.ts";
import { parseAddress } from "../../../address.ts";
import { isDnsmasqMissing, NameServer } from "../../support/dnsmasq.ts";

const NAME = "_geerpc._tcp.nodes.example";

async function runDnsFleet(
  outageMs: number,
  show: (line: string) => void,
): Promise<ScenarioOutcome> {
  const dns = await NameServer.start({ ttlSeconds: 0 });
  const servers: ServerProcess[] = [];
  const listed = new Set<ServerProcess>();
  let isDown = false;
  let changing = Promise.resolve();
  /** Changes the records, one change after the other; while DNS is down, once it is back. */
  const publish = () =>
    changing = changing.then(async () => {
      if (isDown) return;
      await dns.setServices([...listed].map(({ address }) => ({
        name: NAME,
        target: "node.example",
        port: parseAddress(address).port,
      })));
    });
  const discovery = new DnsDiscovery(`dns@${NAME}`, {
    nameServer: dns.address,
    minTtlMs: 100,
    requestTimeoutMs: 400,
  });
  try {
    await dns.setHosts({ "node.example": ["127.0.0.1"] });
    return await runScenario({
      discovery,
      start(name) {
        const server = new ServerProcess(name);
        servers.push(server);
        return server.ready();
      },
      registered(server) {
        listed.add(server);
        return publish();
      },
      async leave(server) {
        listed.delete(server);
        await publish();
        await server.stop();
      },
      lost(server) {
        listed.delete(server);
        return publish();
      },
      async fail() {
        isDown = true;
        await dns.kill();
      },
      async recover() {
        isDown = false;
        await publish();
      },
    }, { outageMs, show });
  } finally {
    await discovery.close();
    await Promise.all(servers.map((server) => server.kill()));
    await dns.stop();
  }
}

Deno.test({
  name: "dns fleet: records change, servers are killed, DNS too; no call fails",
  ignore: isDnsmasqMissing,
  fn: async () => {
    const { missing, errors } = await deadline(
      runDnsFleet(4000, (line) => console.log(line)),
      40_000,
    );
    assertEquals(errors.slice(0, 3), []);
    assertEquals(missing, []);
  },
});
