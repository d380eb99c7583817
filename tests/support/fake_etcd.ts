/** etcd's JSON gateway in memory: the parts that discovery and registration use. */

type Json = Record<string, unknown>;

interface Watcher {
  prefix: string;
  send(line: Json): void;
  end(): void;
}

const decode = (base64: unknown) => atob(String(base64));

/** One etcd, which is reached through its `fetch`. */
export class FakeEtcd {
  /** Each request: host and path. */
  readonly requests: string[] = [];
  /** Hosts that refuse connections. */
  readonly down = new Set<string>();
  /** Hosts that never answer. */
  readonly silent = new Set<string>();
  /** The valid tokens; `undefined` while authentication is disabled. */
  tokens: Set<string> | undefined;
  /** The password of every user. */
  password = "secret";
  revision = 1;
  compacted = 0;
  readonly values = new Map<string, { value: string; lease?: string; revision: number }>();
  readonly leases = new Map<string, number>();
  readonly #history: { type?: "DELETE"; kv: Json; revision: number }[] = [];
  readonly #watchers = new Set<Watcher>();
  #nextLease = 7_587_000_000_000_000_001n; // beyond what a double can hold

  /** How many watches are open. */
  get watches(): number {
    return this.#watchers.size;
  }

  count(path: string): number {
    return this.requests.filter((request) => request.endsWith(path)).length;
  }

  put(key: string, value: string, lease?: string): void {
    const revision = ++this.revision;
    this.values.set(key, { value, lease, revision });
    this.#tell({ kv: { key: btoa(key), value: btoa(value), mod_revision: String(revision) } });
  }

  delete(key: string): void {
    if (!this.values.delete(key)) return;
    const revision = ++this.revision;
    this.#tell({ type: "DELETE", kv: { key: btoa(key), mod_revision: String(revision) } });
  }

  expire(lease: string): void {
    this.leases.delete(lease);
    for (const [key, value] of this.values) if (value.lease === lease) this.delete(key);
  }

  compact(): void {
    this.compacted = this.revision;
  }

  /** Ends every watch, as a restart does. */
  drop(): void {
    for (const watcher of [...this.#watchers]) watcher.end();
  }

  /** Sends a line to every watch. */
  say(line: Json): void {
    for (const watcher of this.#watchers) watcher.send(line);
  }

  readonly fetch = (url: string, init: RequestInit): Promise<Response> => {
    const { host, pathname } = new URL(url);
    this.requests.push(`${host}${pathname}`);
    if (this.down.has(host)) return Promise.reject(new TypeError("connection refused"));
    const { signal } = init as { signal: AbortSignal };
    if (this.silent.has(host)) {
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    }
    const body = JSON.parse(String(init.body)) as Json;
    const token = new Headers(init.headers).get("Authorization") ?? "";
    return Promise.resolve(this.#answer(pathname, body, token, signal));
  };

  #answer(path: string, body: Json, token: string, signal: AbortSignal): Response {
    if (path === "/v3/auth/authenticate") {
      if (this.tokens === undefined) return error(9, "etcdserver: authentication is not enabled");
      if (body.password !== this.password) return error(3, "etcdserver: authentication failed");
      const fresh = `token-${this.requests.length}`;
      this.tokens.add(fresh);
      return json({ token: fresh });
    }
    if (this.tokens && token === "") return error(3, "etcdserver: user name is empty");
    if (this.tokens && !this.tokens.has(token)) {
      return error(16, "etcdserver: invalid auth token");
    }
    const header = { revision: String(this.revision) };
    switch (path) {
      case "/v3/kv/range": {
        const prefix = decode(body.key);
        const kvs = [...this.values].filter(([key]) => key.startsWith(prefix))
          .map(([key, { value }]) => ({ key: btoa(key), value: btoa(value) }));
        return json(kvs.length === 0 ? { header } : { header, kvs, count: String(kvs.length) });
      }
      case "/v3/kv/put":
        if (!this.leases.has(String(body.lease))) {
          return error(5, "etcdserver: requested lease not found");
        }
        this.put(decode(body.key), decode(body.value), String(body.lease));
        return json({ header });
      case "/v3/lease/grant": {
        const ID = String(this.#nextLease++);
        this.leases.set(ID, Number(body.TTL));
        return json({ header, ID, TTL: String(body.TTL) });
      }
      case "/v3/lease/keepalive": {
        const ID = String(body.ID);
        const ttl = this.leases.get(ID);
        return json({ result: ttl === undefined ? { header, ID } : { header, ID, TTL: `${ttl}` } });
      }
      case "/v3/lease/revoke":
        this.expire(String(body.ID));
        return json({ header });
      case "/v3/watch":
        return this.#watch(body.create_request as Json, signal);
    }
    return error(12, `no such method: ${path}`);
  }

  #watch(request: Json, signal: AbortSignal): Response {
    const prefix = decode(request.key);
    const start = Number(request.start_revision);
    let watcher: Watcher;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        let isOpen = true;
        const close = (how: () => void) => {
          if (!isOpen) return;
          isOpen = false;
          this.#watchers.delete(watcher);
          how();
        };
        watcher = {
          prefix,
          send: (result) =>
            controller.enqueue(new TextEncoder().encode(`${JSON.stringify({ result })}\n`)),
          end: () => close(() => controller.close()),
        };
        signal.addEventListener("abort", () => close(() => controller.error(signal.reason)));
        this.#watchers.add(watcher);
        watcher.send({ header: this.#header(), created: true });
        if (start <= this.compacted) {
          return watcher.send({ canceled: true, compact_revision: String(this.compacted) });
        }
        const missed = this.#history.filter(({ revision }) => revision >= start);
        for (const event of missed) this.#send(watcher, event);
      },
      cancel: () => void this.#watchers.delete(watcher),
    });
    return new Response(body);
  }

  #tell(event: { type?: "DELETE"; kv: Json }): void {
    const kept = { ...event, revision: this.revision };
    this.#history.push(kept);
    for (const watcher of this.#watchers) this.#send(watcher, kept);
  }

  #send(watcher: Watcher, { type, kv }: { type?: "DELETE"; kv: Json }): void {
    if (!decode(kv.key).startsWith(watcher.prefix)) return;
    watcher.send({ header: this.#header(), events: [type ? { type, kv } : { kv }] });
  }

  #header(): Json {
    return { revision: String(this.revision) };
  }
}

function json(value: unknown): Response {
  return new Response(JSON.stringify(value));
}

function error(code: number, message: string): Response {
  const status = { 3: 400, 5: 404, 9: 412, 12: 501, 16: 401 }[code] ?? 500;
  return new Response(JSON.stringify({ error: message, message, code }), { status });
}
