import { AppError } from '../kernel/index.ts';
import { readRights } from './delegation/read-rights.ts';
import type {
  Agent,
  AgentKey,
  AgentState,
  BootstrapCredential,
  KeyAlgorithm,
  PublicJwk,
  RevocationMark,
} from './model.ts';
import type { SqlRow } from './ports.ts';

type Facts = Pick<
  Agent,
  | 'blueprint'
  | 'environment'
  | 'riskTier'
  | 'groups'
  | 'stateSince'
  | 'updatedAt'
  | 'kind'
  | 'parent'
  | 'delegation'
>;

/** The members of an agent that no SQL condition looks at, as JSON. */
export function factsOf(agent: Agent): string {
  const { blueprint, environment, riskTier, groups, stateSince, updatedAt } = agent;
  const { kind, parent, delegation } = agent;
  return JSON.stringify({
    ...{ blueprint, environment, riskTier, groups, stateSince, updatedAt },
    ...{ kind, parent, delegation },
  });
}

export function readAgent(row: SqlRow): Agent {
  const owners = parse<readonly string[]>(row['owners'], 'agents');
  const facts = parse<Facts>(row['facts'], 'agents');
  if (!Array.isArray(owners) || !Array.isArray(facts.groups)) throw damaged('agents');
  // What bounds a sub-agent must be whole: a lost bound would read as no bound.
  const { delegation } = facts;
  if ((facts.kind === undefined) !== (delegation === undefined)) throw damaged('agents');
  const rights = delegation?.rights === undefined ? undefined : readRights(delegation.rights);
  if (delegation?.rights !== undefined && rights === undefined) throw damaged('agents');
  if (facts.kind === 'subagent' && rights === undefined) throw damaged('agents');
  return Object.freeze({
    ...facts,
    ...(delegation === undefined
      ? {}
      : { delegation: { ...delegation, ...(rights === undefined ? {} : { rights }) } }),
    id: text(row, 'id', 'agents'),
    name: text(row, 'name', 'agents'),
    owners,
    purpose: text(row, 'purpose', 'agents'),
    state: text(row, 'state', 'agents') as AgentState,
    createdAt: integer(row, 'created_at', 'agents'),
    expiresAt: integer(row, 'expires_at', 'agents'),
    version: integer(row, 'version', 'agents'),
  });
}

export function readKey(row: SqlRow): AgentKey {
  return {
    id: text(row, 'id', 'keys'),
    agentId: text(row, 'agent_id', 'keys'),
    thumbprint: text(row, 'thumbprint', 'keys'),
    algorithm: text(row, 'algorithm', 'keys') as KeyAlgorithm,
    jwk: parse<PublicJwk>(row['jwk'], 'keys'),
    createdAt: integer(row, 'created_at', 'keys'),
    ...revoked(row, 'keys'),
  };
}

export function readBootstrap(row: SqlRow): BootstrapCredential {
  return {
    id: text(row, 'id', 'bootstraps'),
    agentId: text(row, 'agent_id', 'bootstraps'),
    hash: text(row, 'hash', 'bootstraps'),
    createdAt: integer(row, 'created_at', 'bootstraps'),
    expiresAt: integer(row, 'expires_at', 'bootstraps'),
    sequence: integer(row, 'sequence', 'bootstraps'),
    ...revoked(row, 'bootstraps'),
  };
}

export function readMark(row: SqlRow): RevocationMark {
  return {
    id: text(row, 'id', 'marks'),
    sequence: integer(row, 'sequence', 'marks'),
    at: integer(row, 'at', 'marks'),
    reason: text(row, 'reason', 'marks'),
    ...(typeof row['agent_id'] === 'string' ? { agentId: row['agent_id'] } : {}),
  };
}

/** A row whose whole value is JSON that this area wrote. */
export function readBody<T>(row: SqlRow, what: string): T {
  return parse<T>(row['body'], what);
}

function revoked(row: SqlRow, what: string): { revokedAt?: number } {
  return row['revoked_at'] === null || row['revoked_at'] === undefined
    ? {}
    : { revokedAt: integer(row, 'revoked_at', what) };
}

function text(row: SqlRow, column: string, what: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw damaged(what);
  return value;
}

/** Drivers hand 64-bit integers out as number, bigint or text; ours all fit 2^53. */
function integer(row: SqlRow, column: string, what: string): number {
  const value = Number(row[column]);
  if (row[column] === null || !Number.isSafeInteger(value)) throw damaged(what);
  return value;
}

function parse<T>(value: unknown, what: string): T {
  try {
    const parsed: unknown = JSON.parse(String(value));
    if (typeof parsed === 'object' && parsed !== null) return parsed as T;
  } catch {
    // Falls through to the one fault; the text itself stays out of it.
  }
  throw damaged(what);
}

function damaged(what: string): AppError {
  return new AppError('IDENTITY_STORED_DAMAGED', { params: { what } });
}
