/** The machine on which a result was measured. */

/** A machine and its runtime. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly os: string;
  readonly deno: string;
  /** Load average of the last minute. */
  readonly load: number;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  return {
    cpu: cpuName(),
    cores: navigator.hardwareConcurrency,
    os: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    load: Deno.loadavg()[0],
  };
}

/** The CPU's name, on Linux only: elsewhere there is no file to read it from. */
function cpuName(): string {
  try {
    const info = Deno.readTextFileSync("/proc/cpuinfo");
    return /^model name\s*:\s*(.+)$/m.exec(info)?.[1] ?? "unknown CPU";
  } catch {
    return "unknown CPU";
  }
}
