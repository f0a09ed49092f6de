import type { AppError } from '../../kernel/index.ts';
import { unavailable } from './upstream-errors.ts';

/**
 * What a refusal below JSON-RPC means for the caller. The upstream's own challenge (`WWW-Authenticate`) is for the gateway
 * and never shown: the caller couldn't answer it and must not learn the credential's scheme.
 */
export function statusFault(server: string, status: number): AppError {
  if (status === 401 || status === 403) {
    return unavailable(server, `it refused the gateway's credentials (HTTP ${status})`);
  }
  if (status >= 300 && status < 400)
    return unavailable(server, 'it redirects, and redirects are not followed');
  if (status === 429) return unavailable(server, 'it limits the rate of calls (HTTP 429)');
  if (status === 202 || status === 204)
    return unavailable(server, 'it took the request but gave no answer');
  return unavailable(server, `it answered with HTTP ${status}`);
}

/** True when a status says something about which protocol the server speaks (not authorisation, load or breakage). */
export function speaksOfEra(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 407, 408, 425, 429].includes(status);
}
