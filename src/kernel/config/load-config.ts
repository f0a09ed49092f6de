import type { z } from 'zod';
import { AppError } from '../errors/app-error.ts';
import { err, ok, type Result } from '../result.ts';
import { type ConfigDocument, type Position, readDocument } from './document.ts';
import { namesAt } from './json-schema.ts';
import {
  applySettings,
  fromEnvironment,
  fromOverrides,
  type Setting,
  unknownName,
} from './overlay.ts';
import type { ConfigSchema } from './schema.ts';

const MAX_SHOWN_PROBLEMS = 20;

export interface ConfigInput {
  /** Content of the file; absent when there is none. */
  readonly text?: string;
  /** Name of the file, for messages. */
  readonly file: string;
  /** The environment; the loader never looks at the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By dotted path; strongest. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

export interface ConfigProblem {
  /** Dotted path of the key, empty for the whole file. */
  readonly path: string;
  /** File with position, variable or override. */
  readonly source: string;
  readonly position?: Position;
  readonly message: string;
}

/**
 * Overrides > `SALLYPORT_<SECTION>_<KEY>` > file > defaults, validated as a whole. The value is
 * frozen. The error is `CONFIG_INVALID`; its `meta.problems` is a {@link ConfigProblem} list, and
 * neither it nor the message repeats configured values.
 */
export function loadConfig<T>(schema: ConfigSchema<T>, input: ConfigInput): Result<T, AppError> {
  const document = readDocument(input.text ?? '');
  if (!document.ok) {
    return invalid(document.error.map((problem) => ({ path: '', source: input.file, ...problem })));
  }
  const base = Object.fromEntries(
    // `gateway:` with nothing below is a section left at its defaults.
    Object.entries(document.value.value).filter((entry) => entry[1] !== null),
  );
  const overrides = fromOverrides(schema, input.overrides ?? {});
  const environment = fromEnvironment(schema, input.env, referencedVariables(base));
  const overlayProblems = [...environment.problems, ...overrides.problems];
  const settings = [...environment.settings, ...overrides.settings];
  const parsed = schema.zod.safeParse(applySettings(base, settings));
  if (parsed.success && overlayProblems.length === 0) return ok(freeze(parsed.data));
  const problems: ConfigProblem[] = overlayProblems.map((problem) => ({ path: '', ...problem }));
  for (const issue of parsed.error?.issues ?? []) {
    problems.push(
      ...explain(schema, issue, [], { file: input.file, document: document.value, settings }),
    );
  }
  return invalid(problems);
}

interface Origin {
  readonly file: string;
  readonly document: ConfigDocument;
  readonly settings: readonly Setting[];
}

function explain(
  schema: ConfigSchema<unknown>,
  issue: z.core.$ZodIssue,
  parent: readonly PropertyKey[],
  origin: Origin,
): ConfigProblem[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = namesAt(schema.jsonSchema, path);
    return issue.keys.map((key) =>
      place(
        [...path, key],
        unknownName('key', key, known),
        origin,
        origin.document.locateKey(path, key),
      ),
    );
  }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    // The alternative that came furthest is the one that was meant.
    const closest = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0];
    if (closest !== undefined && closest.length > 0)
      return closest.flatMap((inner) => explain(schema, inner, path, origin));
  }
  if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    return issue.issues.flatMap((inner) => explain(schema, inner, path, origin));
  }
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  const message = missing ? 'is required' : issue.message.replace(/^Invalid input: /, '');
  return [place(path, message, origin, origin.document.locate(path))];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function place(
  path: readonly PropertyKey[],
  message: string,
  origin: Origin,
  position: Position | undefined,
): ConfigProblem {
  const shown = path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step).slice(0, 64)}`))
    .join('')
    .replace(/^\./, '');
  const setting = origin.settings.findLast((item) =>
    item.path.every((step, i) => path[i] === step),
  );
  if (setting !== undefined) return { path: shown, source: setting.source, message };
  return {
    path: shown,
    source: origin.file,
    ...(position === undefined ? {} : { position }),
    message,
  };
}

function invalid(problems: readonly ConfigProblem[]): { ok: false; error: AppError } {
  const lines = problems.slice(0, MAX_SHOWN_PROBLEMS).map((problem) => {
    const { position, path, source } = problem;
    const where = position === undefined ? source : `${source}:${position.line}:${position.column}`;
    return [where, path === '' ? problem.message : `${path}: ${problem.message}`] as const;
  });
  const [first, ...rest] = lines;
  const more = problems.length > lines.length ? [`and ${problems.length - lines.length} more`] : [];
  const problem = [
    first?.[1] ?? 'not valid',
    ...rest.map(([where, text]) => `${where}: ${text}`),
    ...more,
  ].join('\n');
  return err(
    new AppError('CONFIG_INVALID', {
      params: { file: first?.[0] ?? '', problem },
      meta: { problems },
    }),
  );
}

/** Variables that the file names as the home of a secret. */
function referencedVariables(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'env' && typeof inner === 'string') found.add(inner);
    else referencedVariables(inner, found);
  }
  return found;
}

function freeze<T>(value: T): T {
  if (
    typeof value === 'object' &&
    value !== null &&
    !Object.isFrozen(value) &&
    !ArrayBuffer.isView(value)
  ) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
