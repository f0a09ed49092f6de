import { type AgentToolDetail, readDetails } from '../delegation/details.ts';
import { accept, type Outcome, refuse } from './http.ts';

const MAX_LENGTH = 8192;

/** The `authorization_details` parameter (RFC 9396 section 2); undefined when it is absent. */
export function readDetailsParameter(
  parameters: ReadonlyMap<string, string>,
): Outcome<readonly AgentToolDetail[] | undefined> {
  const text = parameters.get('authorization_details');
  if (text === undefined) return accept(undefined);
  const bad = (problem: string) =>
    refuse('invalid_authorization_details', `authorization_details: ${problem}`);
  if (text.length > MAX_LENGTH) return bad('it is too long');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('it is not JSON');
  }
  const read = readDetails(value);
  return read.ok ? accept(read.details) : bad(read.problem);
}
