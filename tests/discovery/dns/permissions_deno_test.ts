/** What Deno's permissions have to do with DNS. */

import { DnsDiscovery } from "../../../dns.ts";
import { assertFails } from "../../support/helpers.ts";

Deno.test({
  name: "dns: without a permission for the network the error says which is missing",
  permissions: { net: false },
  fn: async () => {
    for (const address of ["dns@localhost:9001", "dns@host.example:9001", "dns@_a._tcp.example"]) {
      await using discovery = new DnsDiscovery(address);
      await assertFails(discovery.refresh(), { code: "unavailable", message: "--allow-net" });
    }
  },
});
