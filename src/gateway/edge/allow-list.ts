export interface AllowList {
  host(host: string | undefined): boolean;
  /** An absent `Origin` is allowed: only browsers send it, and DNS rebinding needs a browser. */
  origin(origin: string | undefined): boolean;
}

/** Which `Host` and `Origin` values may reach the gateway: the protection against DNS rebinding (2025-11-25: 403). */
export function createAllowList(hosts: readonly string[], origins: readonly string[]): AllowList {
  const exactHosts = new Set(hosts.map((host) => host.toLowerCase()));
  const exactOrigins = new Set<string>();
  const anyPort = new Set<string>();
  for (const origin of origins) {
    const lower = origin.toLowerCase();
    if (lower.endsWith(':*')) anyPort.add(lower.slice(0, -2));
    else exactOrigins.add(lower);
  }
  return {
    host(host) {
      if (host === undefined) return false;
      const lower = host.toLowerCase();
      return exactHosts.has(lower) || exactHosts.has(withoutPort(lower));
    },
    origin(origin) {
      if (origin === undefined) return true;
      const lower = origin.toLowerCase();
      return exactOrigins.has(lower) || anyPort.has(withoutPort(lower));
    },
  };
}

function withoutPort(text: string): string {
  return text.replace(/:\d{1,5}$/, '');
}
