import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import { classifyTool } from '../schema/effect-group.ts';
import { readPolicyDirectory } from './read-directory.ts';
import { readEffects } from './read-effects.ts';
import { watchPolicyDirectory } from './watch-directory.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'policy-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the policy directory', () => {
  it('reads cedar files in order and the effects beside them', async () => {
    await writeFile(join(directory, 'b.cedar'), 'b');
    await writeFile(join(directory, 'a.cedar'), 'a');
    await writeFile(join(directory, 'notes.txt'), 'x');
    await writeFile(join(directory, 'effects.yaml'), 'fs: { annotations: accept }');
    const read = await readPolicyDirectory(directory);
    expect(read.files.map(({ name }) => name)).toEqual(['a.cedar', 'b.cedar']);
    expect(read.effects.get('fs')?.acceptAnnotations).toBe(true);
  });

  it('says what is wrong, and where', async () => {
    await expect(readPolicyDirectory(join(directory, 'away'))).rejects.toMatchObject({
      code: 'POLICY_DIRECTORY_UNREADABLE',
    });
    expect(() => readEffects('effects.yaml', 'fs:\n  tools:\n    x: reed\n')).toThrow(
      'effects.yaml:3:8',
    );
  });

  it('reports a burst of changes once, by events or by polling', async () => {
    const onChange = vi.fn(async () => {});
    const watch = watchPolicyDirectory({
      clock: systemClock,
      path: directory,
      onChange,
      debounceMs: 30,
      pollMs: 100,
    });
    await writeFile(join(directory, 'a.cedar'), 'one');
    await vi.waitFor(() => expect(onChange).toHaveBeenCalled(), { timeout: 10_000 });
    watch.close();
  });
});

describe('the effect of a tool', () => {
  const accept = { acceptAnnotations: true, tools: new Map([['named', 'pay' as const]]) };
  it.each([
    ['nothing is accepted', { readOnlyHint: true }, undefined, 'execute'],
    ['nothing is said', undefined, accept, 'execute'],
    ['a hint has the wrong type', { readOnlyHint: 'yes' }, accept, 'execute'],
    [
      'hints contradict each other',
      { readOnlyHint: true, destructiveHint: true },
      accept,
      'execute',
    ],
    ['it only reads', { readOnlyHint: true }, accept, 'read'],
    ['it changes and says no more', { readOnlyHint: false }, accept, 'delete'],
    [
      'it adds within its own world',
      { readOnlyHint: false, destructiveHint: false, openWorldHint: false },
      accept,
      'write',
    ],
    [
      'it adds to the outside world',
      { readOnlyHint: false, destructiveHint: false },
      accept,
      'send',
    ],
  ])('when %s', (_, annotations, effects, group) => {
    expect(classifyTool('tool', annotations, effects).group).toBe(group);
  });

  it('is what the operator named', () => {
    expect(classifyTool('named', { readOnlyHint: true }, accept)).toEqual({
      group: 'pay',
      accepted: true,
    });
  });
});
