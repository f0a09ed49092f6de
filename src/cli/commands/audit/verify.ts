import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type CliContext, usage } from '../../context.ts';

interface VerifyOptions {
  readonly key?: string;
  readonly expect?: readonly string[];
  readonly dir?: string;
}

/** Exit code 3 when the log is not what was written. */
export function addAuditVerify(noun: Command, context: CliContext): void {
  const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value];
  const command = noun
    .command('verify')
    .summary('check every hash, link and signature of the log')
    .option('--dir <dir>', 'audit directory, if it is not the one of the data directory')
    .option('--key <file>', 'public key of the log, kept elsewhere')
    .option('--expect <seq:hash>', 'a receipt kept elsewhere; may be repeated', collect);
  context.action<VerifyOptions>(command, async ({ options, data, ports, terminal }) => {
    const { PUBLIC_KEY_FILE, verifyAudit } = await import('../../../audit/index.ts');
    const expect = (options.expect ?? []).map((text) => {
      const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
      if (match === null)
        throw usage(`--expect ${text.slice(0, 90)} is no receipt`, 'use SEQ:HASH');
      return { seq: Number(match[1]), hash: match[2] ?? '' };
    });
    const publicKey =
      options.key === undefined
        ? options.dir === undefined
          ? await readFile(join(data.path, PUBLIC_KEY_FILE), 'utf8').catch(() => undefined)
          : undefined
        : await readFile(options.key, 'utf8');
    const report = await verifyAudit(options.dir ?? data.audit, {
      expect,
      signal: ports.interrupted,
      ...(publicKey === undefined ? {} : { publicKey }),
    });
    if (terminal.machine) terminal.json({ ...report, problem: report.problem ?? null });
    else {
      const { head, signedSeq, problem } = report;
      terminal.line(
        problem === undefined
          ? `${terminal.color.green('ok')}: ${report.records} records in ${report.segments} segments are intact and in order`
          : `${terminal.color.red('FAILED')}: ${problem.message} (${problem.file}, line ${problem.line}, offset ${problem.offset})`,
      );
      if (head !== undefined) terminal.line(`last good record ${head.seq}  ${head.hash}`);
      if (signedSeq !== undefined) terminal.line(`signed up to record ${signedSeq}`);
      if (report.key !== undefined)
        terminal.line(
          `key ${report.key.keyId}${options.key === undefined ? ' (kept beside the log; give --key with a copy from elsewhere for proof against whoever holds this directory)' : ''}`,
        );
      if (problem !== undefined) terminal.line(`records before ${problem.seq} can be relied on`);
    }
    return report.ok ? 0 : 3;
  });
}
