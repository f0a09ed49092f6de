import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Command } from 'commander';
import type { StoredRecord } from '../../../audit/index.ts';
import { askRunning } from '../../api-access.ts';
import { type CliContext, usage } from '../../context.ts';
import { type FilterOptions, matchesFilter, readFilter } from './record-filter.ts';
import { HEAD, recordRow, type ShownRecord } from './show-record.ts';

interface QueryOptions extends FilterOptions {
  readonly limit: string;
  readonly after?: string;
}

function withFilters(command: Command): Command {
  return command
    .option('--type <type>', 'decision, outcome, fault, admin or session')
    .option('--agent <name>', 'of this agent')
    .option('--server <name>', 'about this server')
    .option('--effect <word>', 'allow, deny, hold, ok, error, …')
    .option('--call <id>', 'one call: its decision and its outcome')
    .option('--since <time>', 'a time, or how long ago (30m, 7d)');
}

/** Newest first; the running gateway's index when there is one, else the log itself from end to end. */
export function addAuditQuery(noun: Command, context: CliContext): void {
  const command = withFilters(noun.command('query'))
    .summary('search the records, newest first')
    .option('--limit <n>', 'at most so many, up to 500', '50')
    .option('--after <seq>', 'go on where the last page ended')
    .option('--jsonl', 'one JSON record per line');
  context.action<QueryOptions & { jsonl?: boolean }>(command, async (run) => {
    const { options, terminal, data, ports } = run;
    const limit = Number(options.limit);
    if (!Number.isInteger(limit) || limit < 1 || limit > 500)
      throw usage('--limit takes a number', 'from 1 to 500');
    const after = options.after === undefined ? undefined : Number(options.after);
    if (after !== undefined && !Number.isInteger(after))
      throw usage('--after takes a sequence number', 'the `next` of the page before');
    const filter = readFilter(options, ports.clock.now());
    const live = await askRunning(run, (api) =>
      api.call('audit.query', { query: { ...filter, limit, after } }),
    );
    const page = live ?? (await scan(data.audit, filter, limit, after));
    if (options.jsonl === true) for (const record of page.records) terminal.json(record);
    else if (terminal.machine) terminal.json({ records: page.records, next: page.next });
    else {
      terminal.table(HEAD, (page.records as readonly ShownRecord[]).map(recordRow));
      if (page.next !== null) terminal.note(`more: --after ${page.next}`);
    }
    return 0;
  });
}

async function scan(
  dir: string,
  filter: ReturnType<typeof readFilter>,
  limit: number,
  after: number | undefined,
): Promise<{ records: StoredRecord[]; next: number | null }> {
  const { readAudit } = await import('../../../audit/index.ts');
  const found: StoredRecord[] = [];
  let more = false;
  for await (const record of readAudit(dir)) {
    if (after !== undefined && record.seq >= after) break;
    if (!matchesFilter(record, filter)) continue;
    found.push(record);
    if (found.length > limit) {
      found.shift();
      more = true;
    }
  }
  const records = found.reverse();
  return { records, next: more ? (records.at(-1)?.seq ?? null) : null };
}

interface ExportOptions extends FilterOptions {
  readonly output: string;
  readonly from?: string;
}

export function addAuditExport(noun: Command, context: CliContext): void {
  const command = withFilters(noun.command('export'))
    .summary('all records as JSON lines, oldest first')
    .option('--output <file>', 'a new file; - is standard output', '-')
    .option('--from <seq>', 'begin at this sequence number');
  context.action<ExportOptions>(command, async ({ options, data, ports, terminal }) => {
    const filter = readFilter(options, ports.clock.now());
    const fromSeq = Number(options.from ?? 0);
    if (!Number.isInteger(fromSeq) || fromSeq < 0)
      throw usage('--from takes a sequence number', 'from 0');
    const file =
      options.output === '-'
        ? undefined
        : createWriteStream(options.output, { flags: 'wx', mode: 0o600 });
    if (file !== undefined) await once(file, 'open');
    const { readAudit } = await import('../../../audit/index.ts');
    let count = 0;
    for await (const record of readAudit(data.audit, { fromSeq, signal: ports.interrupted })) {
      if (!matchesFilter(record, filter)) continue;
      count += 1;
      const line = `${JSON.stringify(record)}\n`;
      if (file === undefined) ports.stdout.write(line);
      else if (!file.write(line)) await once(file, 'drain');
    }
    if (file !== undefined) {
      file.end();
      await once(file, 'close');
      if (terminal.machine) terminal.json({ records: count, file: options.output });
    }
    terminal.note(`${count} records`);
    return ports.interrupted.aborted ? 130 : 0;
  });
}
