import type { Migration } from '../ports.ts';

/** An index of the log, not the log: it may be dropped and is built again. SQLite and PostgreSQL. */
export const AUDIT_MIGRATIONS: readonly Migration[] = [
  {
    area: 'audit',
    version: 1,
    sql: `
CREATE TABLE audit_records (
  seq BIGINT PRIMARY KEY,
  hash TEXT NOT NULL,
  time BIGINT NOT NULL,
  type TEXT NOT NULL,
  agent TEXT NOT NULL,
  user_name TEXT,
  server TEXT,
  method TEXT,
  target TEXT,
  effect TEXT,
  call_id TEXT,
  decision_id TEXT,
  session_id TEXT,
  task_id TEXT,
  trace_id TEXT,
  segment BIGINT NOT NULL,
  place BIGINT NOT NULL,
  bytes BIGINT NOT NULL
);
CREATE INDEX audit_records_agent ON audit_records (agent, seq);
CREATE INDEX audit_records_call ON audit_records (call_id);
CREATE INDEX audit_records_session ON audit_records (session_id, seq);
CREATE INDEX audit_records_effect ON audit_records (effect, seq);
CREATE TABLE audit_index (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  first_hash TEXT NOT NULL
);
`,
  },
];
