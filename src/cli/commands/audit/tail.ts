import type { Command } from 'commander';
import { type CliContext, usage } from '../../context.ts';
import { type FilterOptions, matchesFilter, readFilter } from './record-filter.ts';
import { recordRow } from './show-record.ts';

interface TailOptions extends FilterOptions {
  readonly lines: string;
  readonly follow?: boolean;
}

/** Reads the log itself, so it works beside a running gateway and without one. */
export function addAuditTail(noun: Command, context: CliContext): void {
  const command = noun
    .command('tail')
    .summary('the last records, and those to come with --follow')
    .option('-n, --lines <n>', 'how many of the last records', '20')
    .option('-f, --follow', 'wait for new ones')
    .option('--jsonl', 'one JSON record per line')
    .option('--type <type>', 'decision, outcome, fault, admin or session')
    .option('--agent <name>', 'of this agent')
    .option('--server <name>', 'about this server')
    .option('--effect <word>', 'allow, deny, hold, ok, error, …');
  context.action<TailOptions>(command, async ({ options, terminal, data, ports }) => {
    const { readAudit } = await import('../../../audit/index.ts');
    const last = Number(options.lines);
    if (!Number.isInteger(last) || last < 1 || last > 1_000_000)
      throw usage('--lines takes a number', 'from 1 to 1000000');
    const filter = readFilter(options, ports.clock.now());
    const isFiltered = Object.keys(filter).length > 0;
    const records = readAudit(data.audit, {
      // A filter looks further back, so that the last matching ones are found.
      ...(isFiltered ? { last: Math.max(last, 10_000) } : { last }),
      follow: options.follow === true,
      signal: ports.interrupted,
    });
    const show = (record: Parameters<typeof matchesFilter>[0]): void => {
      if (terminal.machine) terminal.json(record);
      else {
        const [seq = '', time = '', type = '', who = '', effect = '', what = ''] = recordRow({
          ...record,
        });
        terminal.line(
          `${seq.padStart(7)}  ${time}  ${type.padEnd(8)}  ${who.padEnd(16)}  ${effect.padEnd(7)}  ${what}`,
        );
      }
    };
    const held: Parameters<typeof matchesFilter>[0][] = [];
    for await (const record of records) {
      if (!matchesFilter(record, filter)) continue;
      if (options.follow === true || !isFiltered) show(record);
      else {
        held.push(record);
        if (held.length > last) held.shift();
      }
    }
    for (const record of held) show(record);
    return ports.interrupted.aborted && options.follow !== true ? 130 : 0;
  });
}
