/** Does nothing but say when it began: what the runtime needs for any program. */

export {};
console.log(JSON.stringify([performance.timeOrigin + performance.now()]));
