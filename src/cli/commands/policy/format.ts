import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { policyDirectory } from './check.ts';

interface FormatOptions {
  readonly check?: boolean;
}

/** Rewrites files in Cedar's own layout; with --check only tells, by exit code 1. */
export function addPolicyFormat(noun: Command, context: CliContext): void {
  const command = noun
    .command('format')
    .summary('lay out the policy files as Cedar does')
    .argument('[dir]', 'policy directory; by default the one of the configuration')
    .option('--check', 'write nothing; exit code 1 when a file would change');
  context.action<FormatOptions>(command, async (run, dir) => {
    const { options, terminal, ports } = run;
    const directory = await policyDirectory(run, dir);
    const { createCedarHost } = await import('../../../policy/index.ts');
    const host = createCedarHost({ clock: ports.clock });
    const files: { file: string; changed: boolean; problem: string | null }[] = [];
    try {
      for (const file of (await readdir(directory))
        .filter((name) => name.endsWith('.cedar'))
        .sort()) {
        const path = join(directory, file);
        const text = await readFile(path, 'utf8');
        const answer = await host.format(text);
        const problem = answer.ok ? null : (answer.complaints[0]?.message ?? 'not valid');
        const formatted = answer.ok ? answer.text : text;
        const changed = formatted.trimEnd() !== text.trimEnd();
        files.push({ file, changed, problem });
        if (!changed || options.check === true) continue;
        const draft = `${path}.sallyport-draft`;
        await writeFile(draft, `${formatted.trimEnd()}\n`, { flag: 'wx' });
        await rename(draft, path);
      }
    } finally {
      await host.close();
    }
    const wrong = files.filter(({ problem }) => problem !== null);
    const changed = files.filter((one) => one.changed);
    if (terminal.machine) terminal.json({ files, written: options.check !== true });
    else {
      for (const { file, problem } of wrong) terminal.line(`${file}: ${problem ?? ''}`);
      for (const { file } of changed)
        terminal.line(`${file} ${options.check === true ? 'would change' : 'formatted'}`);
      terminal.line(
        `${files.length} files, ${changed.length} ${options.check === true ? 'to format' : 'formatted'}`,
      );
    }
    return wrong.length > 0 || (options.check === true && changed.length > 0) ? 1 : 0;
  });
}
