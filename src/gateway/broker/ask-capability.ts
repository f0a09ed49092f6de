import type { ClientFacts, RawJson } from '../model.ts';
import { CODES } from '../wire/codes.ts';
import { rawAsString, rawGet, rawKind } from '../wire/raw-json.ts';

/** Why a client can't be asked: the code the asking server gets, and the capability that would be needed. */
export interface MissingCapability {
  readonly code: number;
  readonly what: string;
  readonly required: Readonly<Record<string, object>>;
}

/** The three things a server may ask of a client, in both eras. */
export function isAsk(method: string): boolean {
  return (
    method === 'sampling/createMessage' ||
    method === 'elicitation/create' ||
    method === 'roots/list'
  );
}

export function isUrlAsk(method: string, params: RawJson | undefined): boolean {
  const mode =
    method === 'elicitation/create' && params !== undefined ? rawGet(params, 'mode') : undefined;
  return mode !== undefined && rawAsString(mode) === 'url';
}

/**
 * Undefined when the client declared what this ask needs. An undeclared method is -32601, a declared method with an
 * undeclared mode is -32602 (2025-11-25, elicitation and sampling). `elicitation: {}` means form mode.
 */
export function missingCapability(
  client: Pick<ClientFacts, 'capabilities'>,
  method: string,
  params: RawJson | undefined,
): MissingCapability | undefined {
  const { capabilities } = client;
  if (method === 'roots/list') {
    return has(capabilities, 'roots') ? undefined : absent('roots');
  }
  if (method === 'sampling/createMessage') {
    const sampling = objectAt(capabilities, 'sampling');
    if (sampling === undefined) return absent('sampling');
    const usesTools = params !== undefined && (has(params, 'tools') || has(params, 'toolChoice'));
    if (usesTools && !has(sampling, 'tools'))
      return mode('sampling with tools', { sampling: { tools: {} } });
    return undefined;
  }
  if (method !== 'elicitation/create') return undefined;
  const elicitation = objectAt(capabilities, 'elicitation');
  if (elicitation === undefined) return absent('elicitation');
  if (isUrlAsk(method, params)) {
    return has(elicitation, 'url')
      ? undefined
      : mode('elicitation by URL', { elicitation: { url: {} } });
  }
  if (has(elicitation, 'form') || !has(elicitation, 'url')) return undefined;
  return mode('elicitation by form', { elicitation: { form: {} } });
}

const absent = (what: string): MissingCapability => ({
  code: CODES.methodNotFound,
  what,
  required: { [what]: {} },
});

const mode = (what: string, required: Readonly<Record<string, object>>): MissingCapability => ({
  code: CODES.invalidParams,
  what,
  required,
});

function has(raw: RawJson, key: string): boolean {
  const value = rawGet(raw, key);
  return value !== undefined && value !== 'null';
}

function objectAt(raw: RawJson, key: string): RawJson | undefined {
  const value = rawGet(raw, key);
  return value !== undefined && rawKind(value) === 'object' ? value : undefined;
}
