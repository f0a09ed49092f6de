/** An address with its prefix length. Equality compares the unmasked address and the length. */
export class IpAddress {
  readonly kind = 'ipaddr';
  readonly bits: 32 | 128;
  readonly address: bigint;
  readonly prefix: number;
  constructor(bits: 32 | 128, address: bigint, prefix: number) {
    this.bits = bits;
    this.address = address;
    this.prefix = prefix;
  }
}

/** Longest legal text: eight groups of four, and `/128`. */
const LONGEST = 43;

/** Cedar's literal form: no leading zeros, no IPv4 inside IPv6, no zone, `::` at most once. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (text.length > LONGEST) return undefined;
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const bits = host.includes(':') ? 128 : 32;
  const address = bits === 128 ? parseV6(host) : parseV4(host);
  const prefix = slash < 0 ? bits : parsePrefix(text.slice(slash + 1), bits);
  if (address === undefined || prefix === undefined) return undefined;
  return new IpAddress(bits, address, prefix);
}

function parsePrefix(text: string, bits: number): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(text)) return undefined;
  const prefix = Number(text);
  return prefix <= bits ? prefix : undefined;
}

function parseV4(host: string): bigint | undefined {
  const octets = host.split('.');
  if (octets.length !== 4) return undefined;
  let address = 0;
  for (const octet of octets) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    address = address * 256 + Number(octet);
  }
  return BigInt(address);
}

function parseV6(host: string): bigint | undefined {
  const gap = host.indexOf('::');
  let groups: string[];
  if (gap < 0) {
    groups = host.split(':');
  } else {
    if (host.indexOf('::', gap + 1) >= 0) return undefined;
    const head = gap === 0 ? [] : host.slice(0, gap).split(':');
    const tail = gap + 2 === host.length ? [] : host.slice(gap + 2).split(':');
    const missing = 8 - head.length - tail.length;
    if (missing < 1) return undefined;
    groups = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  }
  if (groups.length !== 8) return undefined;
  let address = 0n;
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    address = (address << 16n) | BigInt(`0x${group}`);
  }
  return address;
}

/** Is the whole range of `inner` inside `outer`? Never across families. */
export function isInRange(inner: IpAddress, outer: IpAddress): boolean {
  if (inner.bits !== outer.bits || inner.prefix < outer.prefix) return false;
  const shift = BigInt(outer.bits - outer.prefix);
  return inner.address >> shift === outer.address >> shift;
}

/** True only when every address of the range is a loopback address. */
export function isLoopback(ip: IpAddress): boolean {
  if (ip.bits === 32) return ip.prefix >= 8 && ip.address >> 24n === 127n;
  return ip.prefix === 128 && ip.address === 1n;
}

/** True only when every address of the range is a multicast address. */
export function isMulticast(ip: IpAddress): boolean {
  if (ip.bits === 32) return ip.prefix >= 4 && ip.address >> 28n === 14n;
  return ip.prefix >= 8 && ip.address >> 120n === 255n;
}
