import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';

export type AddressClass = 'public' | 'private' | 'metadata';

/** Networks that are not the public internet (IANA special-purpose registries, RFC 6890 and successors). */
const PRIVATE_V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
const PRIVATE_V6 = [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const;

const privateNets = new BlockList();
for (const [net, prefix] of PRIVATE_V4) privateNets.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of PRIVATE_V6) privateNets.addSubnet(net, prefix, 'ipv6');

/** Instance metadata services hand out credentials of the machine. No MCP server lives there. */
const metadata = new BlockList();
metadata.addAddress('169.254.169.254', 'ipv4');
metadata.addAddress('169.254.170.2', 'ipv4');
metadata.addAddress('100.100.100.200', 'ipv4');
metadata.addAddress('fd00:ec2::254', 'ipv6');

/** What kind of network an IP address is in. Text that is not an address counts as private. */
export function classifyAddress(address: string): AddressClass {
  const bare = address.replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) return 'private';
  if (version === 4) return classify(bare, 'ipv4');
  const embedded = embeddedV4(bare);
  return embedded === undefined ? classify(bare, 'ipv6') : classify(embedded, 'ipv4');
}

function classify(address: string, family: 'ipv4' | 'ipv6'): AddressClass {
  if (metadata.check(address, family)) return 'metadata';
  return privateNets.check(address, family) ? 'private' : 'public';
}

/** The IPv4 address inside a mapped (::ffff/96), NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address. */
function embeddedV4(address: string): string | undefined {
  // The URL parser writes any IPv6 address in its one canonical form: hexadecimal groups, longest run of zeros as `::`.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  const groups = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
  const at = (index: number): number => groups[index] ?? 0;
  const start = groups.slice(0, 6).join(':');
  const mapped = `0:0:0:0:0:${0xffff}`;
  const nat64 = `${0x64}:${0xff9b}:0:0:0:0`;
  if (start === mapped || start === nat64) return dotted(at(6), at(7));
  return at(0) === 0x2002 ? dotted(at(1), at(2)) : undefined;
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';
}

export function isAllowed(address: string, allowPrivate: boolean): boolean {
  const kind = classifyAddress(address);
  return kind === 'public' || (kind === 'private' && allowPrivate);
}

type Answer = (error: Error | null, address: string | LookupAddress[], family?: number) => void;
export type ResolvePort = (
  hostname: string,
  options: LookupOptions & { all: true },
  answer: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

const systemResolve: ResolvePort = (hostname, options, answer) =>
  systemLookup(hostname, options, answer);

/**
 * A `lookup` for sockets that hands over only allowed addresses, so the check and the connection see the same answer
 * of the name server (no DNS rebinding). Instance metadata addresses are refused even with `allowPrivate`.
 * `privateOnly` refuses public ones as well: what has no TLS stays in the house.
 */
export function createGuardedLookup(
  allowPrivate: boolean,
  resolve: ResolvePort = systemResolve,
  privateOnly = false,
) {
  return (hostname: string, options: LookupOptions, answer: Answer): void => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return answer(error, []);
      const allowed = addresses.filter(
        ({ address }) =>
          isAllowed(address, allowPrivate) &&
          !(privateOnly && classifyAddress(address) === 'public'),
      );
      const [first] = allowed;
      if (first === undefined) return answer(new AddressRefused('address refused'), []);
      if (options.all === true) return answer(null, allowed);
      answer(null, first.address, first.family);
    });
  };
}
