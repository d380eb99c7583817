/** `Promise.withResolvers`, which Node 20 lacks; only tests use it. */

Promise.withResolvers ??= function <T>() {
  const parts = {} as PromiseWithResolvers<T>;
  parts.promise = new Promise<T>((resolve, reject) => {
    parts.resolve = resolve;
    parts.reject = reject;
  });
  return parts;
};
