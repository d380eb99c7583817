/**
 * A fetch handler behind `node:http`.
 *
 * @module
 */

/** What is used of `node:http`'s `IncomingMessage`. */
export interface NodeRequest {
  /** GET, POST, … */
  readonly method?: string;
  /** The path, or through a proxy the whole URL. */
  readonly url?: string;
  /** The headers, in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Reads the body away. */
  resume(): unknown;
}

/** What is used of `node:http`'s `ServerResponse`. */
export interface NodeResponse {
  /** Begins the answer. */
  writeHead(status: number, headers: Record<string, string>): unknown;
  /** Sends a part of it; `false`: wait until it has drained. */
  write(chunk: Uint8Array): boolean;
  /** Sends the end of it. */
  end(): unknown;
  /** Calls back at each such event. */
  on(event: "close" | "drain", listener: () => void): unknown;
  /** Calls back no more. */
  off(event: "close" | "drain", listener: () => void): unknown;
}

/**
 * Answers a request of `node:http` by a fetch handler that needs no body.
 *
 * @param fetch The handler.
 * @param request What came.
 * @param response The answer to be.
 * @returns Resolves when it is answered, or the other end is gone.
 */
export async function answerNode(
  fetch: (request: Request) => Response,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  request.resume();
  const answer = answerTo(fetch, request);
  response.writeHead(answer.status, Object.fromEntries(answer.headers));

  const reader = answer.body?.getReader();
  const gone = () => void reader?.cancel();
  response.on("close", gone);
  for (;;) {
    const { done, value } = await reader?.read() ?? { done: true };
    if (done) break;
    if (!response.write(value!)) await drained(response);
  }
  response.off("close", gone);
  response.end();
}

function answerTo(fetch: (request: Request) => Response, from: NodeRequest): Response {
  let request: Request;
  try {
    const headers = new Headers();
    for (const [name, value] of Object.entries(from.headers)) {
      if (value !== undefined && !name.startsWith(":")) headers.set(name, String(value));
    }
    const { method, url = "/" } = from;
    const target = url.startsWith("/") ? `http://localhost${url}` : url; // whole, through a proxy
    request = new Request(target, { method, headers });
  } catch {
    return new Response("this is no request that fetch knows\n", { status: 400 }); // TRACE, …
  }
  return fetch(request);
}

/** Resolves when more can be written, or never again. */
function drained(response: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      response.off("drain", end);
      response.off("close", end);
      resolve();
    };
    response.on("drain", end);
    response.on("close", end);
  });
}
