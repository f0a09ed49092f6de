import { AppError, DAY_MS } from '../../kernel/index.ts';
import type { Agent, RiskTier } from '../model.ts';

/** Longest life of an agent without a human renewing it. */
export const MAX_AGENT_LIFE_MS = 365 * DAY_MS;
const MAX_OWNERS = 16;
const MAX_GROUPS = 64;
const MAX_PURPOSE = 1000;

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const LABEL = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const LOCAL_PART = /^[A-Za-z0-9.!#$%&*+/=?^_{|}~-]{1,64}$/;
const DOMAIN = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/** What a human states about an agent; everything else is derived. */
export interface AgentFactsInput {
  /** Lower-case letters, digits, `.`, `_`, `-`; at most 63, starting with a letter or digit. */
  readonly name: string;
  /** E-mail addresses of accountable humans, 1 to 16. */
  readonly owners: readonly string[];
  readonly purpose: string;
  readonly blueprint?: string;
  readonly environment?: string;
  readonly riskTier?: RiskTier;
  readonly groups?: readonly string[];
  /** Milliseconds since the epoch, in the future and at most 365 days away. */
  readonly expiresAt: number;
}

export type CheckedFacts = Omit<
  Agent,
  'id' | 'state' | 'createdAt' | 'version' | 'stateSince' | 'updatedAt'
>;

/**
 * Checks and normalises (owners in lower case, duplicates removed).
 * @throws AppError `IDENTITY_INVALID` naming the first field that is wrong.
 */
export function checkAgentFacts(input: AgentFactsInput, now: number): CheckedFacts {
  if (!NAME.test(input.name) || input.name.startsWith('agt_'))
    throw invalid(
      'name',
      'use 1 to 63 lower-case letters, digits, `.`, `_` or `-`, starting with a letter or digit and not with agt_',
    );
  const owners = [...new Set(input.owners.map(checkOwner))];
  if (owners.length === 0) throw invalid('owners', 'at least one accountable human is needed');
  if (owners.length > MAX_OWNERS) throw invalid('owners', `at most ${MAX_OWNERS} are possible`);
  const purpose = input.purpose.trim();
  if (purpose === '') throw invalid('purpose', 'it must say what the agent is for');
  if (purpose.length > MAX_PURPOSE || UNPRINTABLE.test(purpose) || !purpose.isWellFormed())
    throw invalid('purpose', `use one line of at most ${MAX_PURPOSE} printable characters`);
  const groups = [...new Set(input.groups ?? [])];
  if (groups.length > MAX_GROUPS) throw invalid('groups', `at most ${MAX_GROUPS} are possible`);
  for (const group of groups) checkLabel('groups', group);
  if (input.blueprint !== undefined) checkLabel('blueprint', input.blueprint);
  if (input.environment !== undefined) checkLabel('environment', input.environment);
  if (input.riskTier !== undefined && !['low', 'medium', 'high'].includes(input.riskTier))
    throw invalid('riskTier', 'it is low, medium or high');
  if (!Number.isSafeInteger(input.expiresAt) || input.expiresAt <= now)
    throw invalid('expiresAt', 'it must be a moment in the future');
  if (input.expiresAt > now + MAX_AGENT_LIFE_MS)
    throw invalid('expiresAt', 'an agent lives at most 365 days without renewal');
  return {
    name: input.name,
    owners,
    purpose,
    groups,
    expiresAt: input.expiresAt,
    ...(input.blueprint === undefined ? {} : { blueprint: input.blueprint }),
    ...(input.environment === undefined ? {} : { environment: input.environment }),
    ...(input.riskTier === undefined ? {} : { riskTier: input.riskTier }),
  };
}

function checkOwner(owner: string): string {
  const at = owner.lastIndexOf('@');
  const domain = owner.slice(at + 1).toLowerCase();
  if (at < 1 || !LOCAL_PART.test(owner.slice(0, at)) || !DOMAIN.test(domain))
    throw invalid('owners', 'each owner is an e-mail address like name@example.com');
  return owner.toLowerCase();
}

function checkLabel(field: string, label: string): void {
  if (!LABEL.test(label))
    throw invalid(
      field,
      'use at most 128 letters, digits, `.`, `_`, `/` or `-`, starting with a letter or digit',
    );
}

function invalid(field: string, problem: string): AppError {
  return new AppError('IDENTITY_INVALID', { params: { field, problem } });
}
