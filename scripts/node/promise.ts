/** `Promise.withResolvers`, which Node 20 lacks; dnt adds it to the package. */

Promise.withResolvers ??= function <T>() {
  const parts = {} as PromiseWithResolvers<T>;
  parts.promise = new Promise<T>((resolve, reject) => {
    parts.resolve = resolve;
    parts.reject = reject;
  });
  return parts;
};
