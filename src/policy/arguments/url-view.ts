import { isIP } from 'node:net';
import { CedarRecord, CedarSet, type Value } from '../cedar/values.ts';
import { viewedTexts } from './viewed-texts.ts';

const FIELDS = ['schemes', 'hosts', 'within', 'local', 'credentials'];

/**
 * How policy sees an argument that is a URL or a list of URLs (`context.urls.<argument>`), parsed by the WHATWG rules:
 *
 * - `schemes`: lower case, without the colon.
 * - `hosts`: host of each, lower case, IDNs in their ASCII form, IP addresses canonical; `""` where there is none.
 * - `within`: hosts and parent domains that all URLs share: `within.contains("example.com")` holds for
 *   `api.example.com` and not for `example.com.evil.net`.
 * - `local`: some host is loopback, private, link-local or otherwise not public, as far as the text shows; names are
 *   not resolved.
 * - `credentials`: some URL carries a user name or a password.
 *
 * Undefined when one of them is not an absolute URL.
 */
export function urlView(value: Value | undefined): CedarRecord | undefined {
  const texts = viewedTexts(value);
  if (texts === undefined) return undefined;
  const schemes = new Set<string>();
  const hosts = new Set<string>();
  let within: Set<string> | undefined;
  let local = false;
  let credentials = false;
  for (const text of texts) {
    // The parser strips these where servers may not: two readings of one text are not to be trusted.
    if (/[\t\n\r\0]/.test(text) || !URL.canParse(text)) return undefined;
    const url = new URL(text);
    const host = url.hostname
      .toLowerCase()
      .replace(/\.$/, '')
      .replace(/^\[|\]$/g, '');
    schemes.add(url.protocol.slice(0, -1));
    hosts.add(host);
    local ||= isLocal(host);
    credentials ||= url.username !== '' || url.password !== '';
    const parents = domainsOf(host);
    within = within === undefined ? parents : within.intersection(parents);
  }
  const setOf = (items: Iterable<string>): CedarSet => new CedarSet([...items]);
  return CedarRecord.of(FIELDS, [
    setOf(schemes),
    setOf(hosts),
    setOf(within ?? []),
    local,
    credentials,
  ]);
}

function domainsOf(host: string): Set<string> {
  const out = new Set([host]);
  if (isIP(host) !== 0) return out;
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1))
    out.add(host.slice(dot + 1));
  return out;
}

function isLocal(host: string): boolean {
  if (host === 'localhost' || /\.(?:localhost|local|internal|home\.arpa)$/.test(host)) return true;
  const kind = isIP(host);
  if (kind === 4) return isLocalV4(host);
  if (kind !== 6) return host !== '' && !host.includes('.');
  if (host === '::' || host === '::1' || /^(?:f[cd]|fe[89a-f]|ff)/.test(host)) return true;
  const mapped = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped === null) return false;
  const high = Number.parseInt(mapped[1] ?? '', 16);
  const low = Number.parseInt(mapped[2] ?? '', 16);
  return isLocalV4([high >> 8, high & 255, low >> 8, low & 255].join('.'));
}

function isLocalV4(host: string): boolean {
  const [a = 0, b = 0] = host.split('.').map(Number);
  return (
    [0, 10, 127].includes(a) ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 198 && (b === 18 || b === 19)) ||
    a >= 224
  );
}
