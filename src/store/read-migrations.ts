import { readdirSync, readFileSync } from 'node:fs';
import type { Dialect } from './db.ts';
import type { Migration } from './migrate.ts';

/**
 * Reads `<directory>/<dialect>/001-some-words.sql`, …; the number is the version. Files that are
 * not `.sql` are passed over; a `.sql` file with another name form is a mistake and throws.
 */
export function readMigrations(area: string, directory: URL, dialect: Dialect): Migration[] {
  const folder = new URL(
    `${dialect}/`,
    directory.href.endsWith('/') ? directory : new URL(`${directory.href}/`),
  );
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const match = /^(\d{3})-[a-z0-9-]+\.sql$/.exec(name);
      if (match === null) throw new Error(`${area}: ${name} is not named like 001-words.sql`);
      return { area, version: Number(match[1]), sql: readFileSync(new URL(name, folder), 'utf8') };
    });
}
