/** SQLite and PostgreSQL. Sets are kept once per content; `policy_live` tells which set a decision's version was. */
export const POLICY_MIGRATIONS = [
  {
    area: 'policy',
    version: 1,
    sql: `
CREATE TABLE policy_sets (
  digest TEXT PRIMARY KEY,
  body TEXT NOT NULL
);
CREATE TABLE policy_versions (
  number BIGINT PRIMARY KEY,
  digest TEXT NOT NULL REFERENCES policy_sets (digest),
  version TEXT NOT NULL,
  time BIGINT NOT NULL,
  user_name TEXT NOT NULL,
  channel TEXT NOT NULL,
  reason TEXT NOT NULL,
  summary TEXT NOT NULL,
  recorded BIGINT NOT NULL
);
CREATE TABLE policy_live (
  version TEXT PRIMARY KEY,
  number BIGINT NOT NULL,
  time BIGINT NOT NULL
);
CREATE INDEX policy_live_time ON policy_live (time);
`,
  },
] as const;
