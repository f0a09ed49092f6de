import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { AppError } from '../../kernel/index.ts';
import { EFFECT_GROUPS, type ServerEffects } from '../schema/effect-group.ts';

/** What the operator accepted, by server name. */
export type EffectsFile = ReadonlyMap<string, ServerEffects>;

export const NO_EFFECTS: EffectsFile = new Map();

const Shape = z.record(
  z.string(),
  z.strictObject({
    annotations: z.enum(['accept', 'ignore']).default('ignore'),
    tools: z.record(z.string(), z.enum(EFFECT_GROUPS)).default({}),
  }),
);

/**
 * Reads `effects.yaml`: per server, whether its tool annotations are believed, and the effect of single tools.
 *
 * @throws AppError `POLICY_INVALID` with the place in the file
 */
export function readEffects(file: string, text: string): EffectsFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw invalid(file, line, col, broken.message);
  }
  const parsed = Shape.safeParse(document.toJS({ maxAliasCount: 10 }) ?? {});
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = (issue?.path ?? []).map(String);
    const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
    const { line, col } = lines.linePos(node?.range?.[0] ?? 0);
    throw invalid(file, line, col, `${path.join('.')}: ${issue?.message ?? 'not understood'}`);
  }
  return new Map(
    Object.entries(parsed.data).map(([server, { annotations, tools }]) => [
      server,
      { acceptAnnotations: annotations === 'accept', tools: new Map(Object.entries(tools)) },
    ]),
  );
}

function invalid(file: string, line: number, column: number, problem: string): AppError {
  return new AppError('POLICY_INVALID', {
    params: { file, line: Math.max(1, line), column: Math.max(1, column), problem },
  });
}
