/** A fleet with a real etcd, for the demo and its test. */

import { EtcdDiscovery } from "@geerpc/xclient/etcd";
import { EtcdCluster } from "../tests/support/etcd.ts";
import { type Story, tellStory } from "./fleet_story.ts";
import { ServerProcess } from "./server_process.ts";

/** Starts etcd, lets it all happen, and leaves nothing behind. */
export async function runEtcdFleet(
  options: { outageMs: number; show: (line: string) => void },
): Promise<Story> {
  const etcd = await EtcdCluster.start();
  const { endpoints } = etcd;
  const servers: ServerProcess[] = [];
  const discovery = new EtcdDiscovery("nodes/", { endpoints });
  try {
    return await tellStory({
      discovery,
      start(name) {
        const program = `${import.meta.dirname}/etcd_server.ts`;
        const server = new ServerProcess(name, program, [endpoints.join()]);
        servers.push(server);
        return server.ready();
      },
      registered: async (server) => void await server.heard("registered"),
      leave: (server) => server.stop(),
      lost: () => Promise.resolve(), // its lease will end
      fail: () => etcd.kill(),
      recover() {
        etcd.run();
        return etcd.answers();
      },
    }, options);
  } finally {
    await discovery.close();
    await Promise.all(servers.map((server) => server.kill()));
    await etcd.stop();
  }
}
