import { DnsDiscovery } from "../../../dns.ts";
import { assertFails } from "../../support/failures.ts";

Deno.test({
  name: "dns: without the permission it says which one is missing",
  permissions: { net: false, read: true, env: true, sys: true },
  async fn() {
    for (const address of ["dns@rpc.example:9001", "dns@_rpc._tcp.example"]) {
      const discovery = new DnsDiscovery(address);
      await assertFails(discovery.getAll(), { code: "unavailable", message: "--allow-net" });
      await discovery.close();
    }
  },
});
