import type { Migration } from './ports.ts';

/**
 * The rules a form could forget are in the schema: no agent without an owner, a purpose and an
 * expiry within 365 days of its last change, whoever writes it. SQL that SQLite and PostgreSQL share.
 */
export const IDENTITY_MIGRATIONS: readonly Migration[] = [
  {
    area: 'identity',
    version: 1,
    sql: `
CREATE TABLE identity_agents (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  owners TEXT NOT NULL CHECK (owners LIKE '["_%@_%"]'),
  purpose TEXT NOT NULL CHECK (length(purpose) > 0),
  state TEXT NOT NULL CHECK (state IN ('staged','active','suspended','quarantined','under_review','retired')),
  facts TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL CHECK (expires_at > created_at AND expires_at <= updated_at + 31536000000),
  version BIGINT NOT NULL
);
CREATE TABLE identity_keys (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES identity_agents(id),
  thumbprint TEXT NOT NULL UNIQUE,
  algorithm TEXT NOT NULL CHECK (algorithm IN ('ES256','EdDSA')),
  jwk TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE TABLE identity_bootstraps (
  id TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES identity_agents(id),
  hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  sequence BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE TABLE identity_marks (
  id TEXT PRIMARY KEY,
  sequence BIGINT NOT NULL,
  at BIGINT NOT NULL,
  reason TEXT NOT NULL,
  agent_id TEXT
);
CREATE TABLE identity_clients (
  id TEXT PRIMARY KEY,
  body TEXT NOT NULL
);
CREATE TABLE identity_grants (
  id TEXT PRIMARY KEY,
  refresh_hash TEXT NOT NULL,
  body TEXT NOT NULL
);
`,
  },
  {
    area: 'identity',
    version: 2,
    sql: `
CREATE TABLE identity_blueprints (
  name TEXT PRIMARY KEY,
  body TEXT NOT NULL
);
`,
  },
];
