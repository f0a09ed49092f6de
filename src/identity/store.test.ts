import { expect, test } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { createSqliteDb, type Db, migrate } from '../store/index.ts';
import { runIdentityStoreContract } from './contract.ts';
import { createMemoryIdentityStore } from './memory.ts';
import { IDENTITY_MIGRATIONS } from './migrations.ts';
import { createSqlIdentityStore } from './store.ts';

const openDb = async (): Promise<Db> => {
  const db = await createSqliteDb({ path: ':memory:', clock: systemClock });
  await migrate(db, IDENTITY_MIGRATIONS, systemClock);
  return db;
};

runIdentityStoreContract('memory', async () => createMemoryIdentityStore());
runIdentityStoreContract('SQLite', async () => createSqlIdentityStore(await openDb()));

const DAY = 86_400_000;
const row = (over: Record<string, string | number> = {}): (string | number)[] =>
  Object.values({
    id: 'agt_1',
    name: 'mailer',
    owners: '["ann@example.com"]',
    purpose: 'mail',
    state: 'active',
    facts: '{"groups":[]}',
    created_at: 1000,
    updated_at: 1000,
    expires_at: 2000,
    version: 1,
    ...over,
  });

test.each([
  ['without an owner', { owners: '[]' }],
  ['with an empty owner', { owners: '[""]' }],
  ['without a purpose', { purpose: '' }],
  ['in a state that does not exist', { state: 'root' }],
  ['that expires before it began', { expires_at: 999 }],
  ['that lives longer than 365 days', { expires_at: 1001 + 365 * DAY }],
])('the schema itself refuses an agent %s', async (_name, over) => {
  const db = await openDb();
  const insert = (values: (string | number)[]) =>
    db.run('INSERT INTO identity_agents VALUES (?,?,?,?,?,?,?,?,?,?)', values);
  await expect(insert(row(over))).rejects.toThrow();
  await insert(row());
});

test('a damaged row is a fault and never a default', async () => {
  const db = await openDb();
  await db.run('INSERT INTO identity_agents VALUES (?,?,?,?,?,?,?,?,?,?)', row({ facts: 'x' }));
  await expect(createSqlIdentityStore(db).agents()).rejects.toMatchObject({
    code: 'IDENTITY_STORED_DAMAGED',
  });
});
