import { BlockList, isIP } from 'node:net';
import { AppError } from '../../kernel/index.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Keeps the admin API on this machine unless the configuration says otherwise: its token goes over the wire as it is, so
 * elsewhere a proxy has to bring TLS. A name other than `localhost` may lead anywhere and counts as remote.
 *
 * @throws AppError `CONFIG_INVALID`
 */
export function checkAdminHost(
  file: string | undefined,
  admin: { readonly host: string; readonly allowRemote: boolean },
): void {
  if (admin.allowRemote || isLoopback(admin.host)) return;
  throw new AppError('CONFIG_INVALID', {
    params: {
      file: file ?? 'defaults',
      problem: `admin.host ${JSON.stringify(admin.host.slice(0, 255))} is not loopback, and the admin token would travel in clear; put a TLS proxy in front and say admin.allowRemote: true`,
    },
  });
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
