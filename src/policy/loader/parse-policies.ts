import { isAppError, type Result, sha256Hex } from '../../kernel/index.ts';
import {
  type CompiledPolicy,
  compilePolicy,
  lexUnsafeIntegers,
  type Problem,
} from '../cedar/index.ts';
import type { CedarHost } from '../host/create-cedar-host.ts';
import { assertPolicyBounds } from '../host/policy-bounds.ts';
import type { CedarComplaint, ParseAnswer } from '../host/worker-protocol.ts';
import { readAnnotations } from '../text/policy-annotations.ts';
import { offsetOfByte, positionAt } from '../text/source-position.ts';
import { type PolicyText, splitPolicies } from '../text/split-policies.ts';
import { mentionsOf } from './mentions.ts';
import type { LoadedPolicy, PolicyFile, PolicyProblem } from './policy-source.ts';

export interface ParsedPolicies {
  readonly policies: readonly LoadedPolicy[];
  readonly problems: readonly PolicyProblem[];
}

/**
 * Remembers what parsed, by digest, so that a reload only parses what changed. A draft is remembered beside what is in
 * force, not instead of it.
 */
export interface PolicyParser {
  parse(files: readonly PolicyFile[], draft?: boolean): Promise<ParsedPolicies>;
}

interface Piece extends PolicyText {
  readonly file: PolicyFile;
  readonly number: number;
}

/**
 * Parses files to policies that are compiled but not yet validated. Never throws for what is in the files: every
 * refusal is a problem with its place. Policies without `@id` are named after their file and number.
 */
export function createPolicyParser(host: CedarHost): PolicyParser {
  let known = new Map<string, Memo>();
  let drafted = new Map<string, Memo>();

  const parsePiece = async (
    piece: Piece,
    next: Map<string, Memo>,
    ready: ReadonlyMap<string, Promise<void>>,
  ): Promise<Memo> => {
    const digest = sha256Hex(piece.text);
    await ready.get(digest);
    const memo = known.get(digest) ?? drafted.get(digest) ?? next.get(digest);
    const made = memo ?? { digest, answer: await host.parse(piece.text) };
    next.set(digest, made);
    return made;
  };

  /**
   * Has what nobody has parsed yet parsed in few jobs: a job costs more than the parsing of one policy. Each digest gets
   * the promise of its batch, so that compiling goes on meanwhile.
   */
  const parseAhead = (
    pieces: readonly Piece[],
    next: Map<string, Memo>,
  ): ReadonlyMap<string, Promise<void>> => {
    const fresh = new Map<string, string>();
    for (const { text } of pieces) {
      const digest = sha256Hex(text);
      if (!known.has(digest) && !drafted.has(digest) && isBounded(text)) fresh.set(digest, text);
    }
    const waiting = [...fresh];
    const ready = new Map<string, Promise<void>>();
    for (let at = 0; at < waiting.length; at += BATCH) {
      const batch = waiting.slice(at, at + BATCH);
      const done = host.parseAll(batch.map(([, text]) => text)).then(
        (answers) => {
          for (const [i, [digest]] of batch.entries()) {
            const answer = answers[i];
            if (answer !== undefined) next.set(digest, { digest, answer });
          }
        },
        // One of them brought the parser down: it is found when each is parsed by itself.
        () => undefined,
      );
      for (const [digest] of batch) ready.set(digest, done);
    }
    return ready;
  };

  return {
    async parse(files, draft = false) {
      const policies: LoadedPolicy[] = [];
      const problems: PolicyProblem[] = [];
      const next = new Map<string, Memo>();
      const ids = new Map<string, LoadedPolicy>();
      const pieces = files.flatMap(piecesOf);
      const ready = parseAhead(pieces, next);
      for (const [i, piece] of pieces.entries()) {
        // Compiling many policies must not keep decisions waiting.
        if (i % COMPILED_PER_TURN === COMPILED_PER_TURN - 1)
          await new Promise((resolve) => setImmediate(resolve));
        const loaded = await loadPiece(piece, (one) => parsePiece(one, next, ready));
        if (Array.isArray(loaded)) {
          problems.push(...loaded);
          continue;
        }
        const policy = loaded as LoadedPolicy;
        const twin = ids.get(policy.id);
        if (twin === undefined) {
          ids.set(policy.id, policy);
          policies.push(policy);
        } else problems.push(duplicate(policy, twin));
      }
      if (draft) drafted = next;
      else known = next;
      return { policies, problems };
    },
  };
}

const BATCH = 100;
const COMPILED_PER_TURN = 25;

/** What is known of a text, wherever it stands. */
interface Memo {
  readonly digest: string;
  readonly answer: ParseAnswer;
  compiled?: Result<CompiledPolicy, Problem>;
  mentions?: ReadonlySet<string>;
}

function isBounded(text: string): boolean {
  try {
    assertPolicyBounds(text);
    return lexUnsafeIntegers(text).length === 0;
  } catch {
    return false;
  }
}

function piecesOf(file: PolicyFile): Piece[] {
  return splitPolicies(file.text).map((piece, index) => ({ ...piece, file, number: index + 1 }));
}

async function loadPiece(
  piece: Piece,
  parse: (piece: Piece) => Promise<Memo>,
): Promise<LoadedPolicy | PolicyProblem[]> {
  const unsafe = lexUnsafeIntegers(piece.text)[0];
  if (unsafe !== undefined) {
    const message = `the number ${unsafe.text} is beyond 2^53, which policies cannot hold exactly`;
    return [problemIn(piece, { message }, startOfLine(piece.text, unsafe.line, unsafe.column))];
  }
  let memo: Memo;
  try {
    assertPolicyBounds(piece.text);
    memo = await parse(piece);
  } catch (error) {
    if (!isAppError(error)) throw error;
    const hint = error.hint === undefined ? {} : { help: error.hint };
    return [problemIn(piece, { message: error.message, ...hint }, 0)];
  }
  const { answer } = memo;
  if (!answer.ok) return answer.complaints.map((complaint) => parseProblem(piece, complaint));
  return compilePiece(piece, memo, answer.json);
}

function compilePiece(piece: Piece, memo: Memo, est: unknown): LoadedPolicy | PolicyProblem[] {
  memo.compiled ??= compilePolicy('trial', est);
  memo.mentions ??= mentionsOf(est).namespaces;
  const trial = memo.compiled;
  if (!trial.ok) return [problemIn(piece, { message: trial.error.problem }, 0)];
  const read = readAnnotations(trial.value.annotations, trial.value.effect);
  if (!read.ok) return [problemIn(piece, { message: read.problem }, annotationStart(piece.text))];
  const id = read.annotations.id ?? `${piece.file.name}#${piece.number}`;
  return {
    id,
    file: piece.file.name,
    ...positionAt(piece.file.text, piece.offset + annotationStart(piece.text)),
    start: positionAt(piece.file.text, piece.offset),
    text: piece.text,
    digest: memo.digest,
    est,
    compiled: { ...trial.value, id },
    annotations: read.annotations,
    mentions: memo.mentions,
  };
}

/** A complaint of Cedar's about a policy that parsed, placed in its file. */
export function complaintProblem(
  policy: LoadedPolicy,
  complaint: CedarComplaint,
  severity: PolicyProblem['severity'],
): PolicyProblem {
  const start = complaint.start === undefined ? 0 : offsetOfByte(policy.text, complaint.start);
  const at = positionAt(policy.text, start);
  const { line, column } = policy.start;
  return {
    severity,
    file: policy.file,
    line: line + at.line - 1,
    column: at.line === 1 ? column + at.column - 1 : at.column,
    policy: policy.id,
    message: complaint.message.replace(/^for policy `[^`]*`, /, ''),
    ...(complaint.help === undefined ? {} : { suggestion: plain(complaint.help) }),
  };
}

function plain(help: string): string {
  return help.replace(/^for policy `[^`]*`, /, '');
}

function parseProblem(piece: Piece, complaint: CedarComplaint): PolicyProblem {
  const at = complaint.start === undefined ? 0 : offsetOfByte(piece.text, complaint.start);
  const message = complaint.message.replace('failed to parse policy from string: ', '');
  const help = complaint.help ?? complaint.label;
  return problemIn(piece, { message, ...(help === undefined ? {} : { help }) }, at);
}

function problemIn(piece: Piece, complaint: CedarComplaint, at: number): PolicyProblem {
  return {
    severity: 'error',
    file: piece.file.name,
    ...positionAt(piece.file.text, piece.offset + at),
    message: complaint.message,
    ...(complaint.help === undefined ? {} : { suggestion: plain(complaint.help) }),
  };
}

function duplicate(policy: LoadedPolicy, first: LoadedPolicy): PolicyProblem {
  return {
    severity: 'error',
    file: policy.file,
    line: policy.line,
    column: policy.column,
    policy: policy.id,
    message: `the id ${policy.id} is already used in ${first.file}:${first.line}`,
    suggestion: 'give each policy an @id of its own',
  };
}

/** Where the policy itself starts, behind the comments above it. */
function annotationStart(text: string): number {
  const match = /^(?:\s*\/\/[^\n]*\n|\s+)*/.exec(text);
  return match?.[0].length ?? 0;
}

function startOfLine(text: string, line: number, column: number): number {
  let start = 0;
  for (let n = 1; n < line; n++) start = text.indexOf('\n', start) + 1;
  return start + column - 1;
}
