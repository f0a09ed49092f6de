import { AppError, type Clock } from '../../kernel/index.ts';
import type { PolicySetChange } from '../service/model.ts';
import { compareSets, type SetDifference, summaryOf } from './compare-sets.ts';
import type { ChangeCause, PolicyVersionEntry, VersionsDb } from './ports.ts';
import { entryOf, setOf } from './stored-rows.ts';
import { digestOfSet, type StoredSet, storedSet } from './stored-set.ts';

export interface VersionsDeps {
  /** With `POLICY_MIGRATIONS` applied. */
  readonly db: VersionsDb;
  readonly clock: Clock;
  /** Writes the signed record of a change; a rejection keeps the set in force. */
  readonly record: (entry: PolicyVersionEntry) => Promise<unknown>;
}

/** Every policy set that was ever in force. */
export interface PolicyVersions {
  /**
   * For `PolicyServiceDeps.beforeChange`: keeps the set, numbers it and records the change, so that nothing takes
   * effect that was not kept and recorded. The set of the latest version again is no change.
   */
  beforeChange(change: PolicySetChange): Promise<void>;
  /** Who is about to bring the set with this digest into force; without it a change counts as one of the files. */
  announce(digest: string, cause: ChangeCause): void;
  /** The decision point got another version because tools changed; the set is the latest. */
  noteLive(version: string): Promise<void>;
  latest(): Promise<PolicyVersionEntry | undefined>;
  /** Newest first; at most 200, and only numbers below `before`. */
  list(page?: {
    readonly limit?: number;
    readonly before?: number;
  }): Promise<readonly PolicyVersionEntry[]>;
  /**
   * `name`: a number (`12`, `v12`), `current`, `previous`, eight or more digits of a digest, or the version that a
   * decision names (`p_…`).
   *
   * @throws AppError `POLICY_VERSION_UNKNOWN`
   */
  find(name: string): Promise<{ readonly entry: PolicyVersionEntry; readonly set: StoredSet }>;
  /** @throws AppError `POLICY_VERSION_UNKNOWN` */
  diff(before: string, after: string): Promise<SetDifference>;
}

const COLUMNS = 'number, digest, version, time, user_name, channel, reason, summary, recorded';
const MAX_PAGE = 200;
/** A server that changes its tools all the time must not fill the disk. */
const MAX_LIVE = 10_000;
const MAX_ANNOUNCED = 100;
const EMPTY: StoredSet = { files: [], effects: undefined };

export function createPolicyVersions({ db, clock, record }: VersionsDeps): PolicyVersions {
  const announced = new Map<string, ChangeCause>();
  let current = 0;

  const rowsOf = async (
    tail: string,
    values: readonly (string | number)[] = [],
  ): Promise<{ entry: PolicyVersionEntry; recorded: boolean }[]> =>
    (await db.all(`select ${COLUMNS} from policy_versions ${tail}`, values)).map((row) => ({
      entry: entryOf(row),
      recorded: Number(row['recorded']) === 1,
    }));
  const newest = async () => (await rowsOf('order by number desc limit 1'))[0];

  const load = async (digest: string): Promise<StoredSet> => {
    const [row] = await db.all('select body from policy_sets where digest = ?', [digest]);
    const set = row === undefined ? undefined : setOf(row['body']);
    // A changed database must not bring policies into force that nobody wrote.
    if (set === undefined || digestOfSet(set) !== digest) throw unknown(digest);
    return set;
  };

  const sign = async (entry: PolicyVersionEntry): Promise<void> => {
    await record(entry);
    await db.run('update policy_versions set recorded = 1 where number = ?', [entry.number]);
  };

  const keep = (
    entry: Omit<PolicyVersionEntry, 'number'>,
    set: StoredSet,
  ): Promise<PolicyVersionEntry> =>
    db.transaction(async (tx) => {
      const [top] = await tx.all('select max(number) as top from policy_versions');
      const number = Number(top?.['top'] ?? 0) + 1;
      const { digest, version, time, user, channel, reason, summary } = entry;
      await tx.run(
        'insert into policy_sets (digest, body) values (?, ?) on conflict (digest) do nothing',
        [digest, JSON.stringify(set)],
      );
      await tx.run(`insert into policy_versions (${COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, 0)`, [
        number,
        digest,
        version,
        time,
        user,
        channel,
        reason,
        JSON.stringify(summary),
      ]);
      return { number, ...entry };
    });

  const noteLive = async (version: string): Promise<void> => {
    if (version === '' || current === 0) return;
    await db.run(
      'insert into policy_live (version, number, time) values (?, ?, ?) on conflict (version) do nothing',
      [version, current, clock.now()],
    );
    await db.run(
      'delete from policy_live where version in (select version from policy_live order by time desc limit 100 offset ?)',
      [MAX_LIVE],
    );
  };

  const entryNamed = async (name: string): Promise<PolicyVersionEntry> => {
    const found = async (): Promise<PolicyVersionEntry | undefined> => {
      if (name === 'current') return (await newest())?.entry;
      if (name === 'previous') return (await rowsOf('order by number desc limit 2'))[1]?.entry;
      const number = /^v?([1-9][0-9]{0,9})$/.exec(name)?.[1];
      if (number !== undefined)
        return (await rowsOf('where number = ?', [Number(number)]))[0]?.entry;
      if (/^[0-9a-f]{8,64}$/.test(name))
        return (
          await rowsOf('where digest >= ? and digest < ? order by number desc limit 1', [
            name,
            `${name}g`,
          ])
        )[0]?.entry;
      if (!/^p_[0-9a-f]{1,64}$/.test(name)) return undefined;
      return (
        await rowsOf(
          'where version = ? or number in (select number from policy_live where version = ?) order by number desc limit 1',
          [name, name],
        )
      )[0]?.entry;
    };
    const entry = await found();
    if (entry === undefined) throw unknown(name);
    return entry;
  };

  const find: PolicyVersions['find'] = async (name) => {
    const entry = await entryNamed(name);
    return { entry, set: await load(entry.digest) };
  };

  return {
    async beforeChange({ from, to }) {
      const set = storedSet(to);
      const digest = digestOfSet(set);
      const last = await newest();
      if (last !== undefined && last.entry.digest === digest) {
        // The process ended between keeping and recording.
        if (!last.recorded) await sign(last.entry);
        current = last.entry.number;
        await noteLive(to.version);
        return;
      }
      const was = last === undefined ? EMPTY : await load(last.entry.digest).catch(() => EMPTY);
      const system = from === undefined ? 'found at start' : 'the files were changed';
      const cause = announced.get(digest) ?? { user: '', channel: 'system', reason: system };
      const entry = await keep(
        {
          digest,
          version: to.version,
          time: clock.now(),
          ...cause,
          summary: summaryOf(compareSets(was, set)),
        },
        set,
      );
      try {
        await sign(entry);
      } catch (error) {
        await db.run('delete from policy_versions where number = ? and recorded = 0', [
          entry.number,
        ]);
        throw error;
      }
      announced.delete(digest);
      current = entry.number;
      await noteLive(to.version);
    },
    announce(digest, cause) {
      if (announced.size >= MAX_ANNOUNCED) announced.clear();
      announced.set(digest, cause);
    },
    noteLive,
    latest: async () => (await newest())?.entry,
    async list({ limit = 50, before = Number.MAX_SAFE_INTEGER } = {}) {
      const rows = await rowsOf('where number < ? order by number desc limit ?', [
        before,
        Math.min(Math.max(1, limit), MAX_PAGE),
      ]);
      return rows.map(({ entry }) => entry);
    },
    find,
    diff: async (before, after) => compareSets((await find(before)).set, (await find(after)).set),
  };
}

function unknown(name: string): AppError {
  return new AppError('POLICY_VERSION_UNKNOWN', { params: { name: name.slice(0, 80) } });
}
