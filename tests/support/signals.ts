/** A signal whose listeners are counted: how many there are now, and the most there were. */
export function countingSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const counts = { now: 0, most: 0 };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    counts.most = Math.max(counts.most, ++counts.now);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    counts.now--;
    remove(...args);
  };
  return { controller, signal, counts };
}
