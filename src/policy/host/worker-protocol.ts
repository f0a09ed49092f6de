import type { SchemaFragment } from '../schema/server-schema.ts';

/** A complaint of Cedar's parser or validator. Offsets count UTF-8 bytes of the policy's text. */
export interface CedarComplaint {
  readonly message: string;
  readonly help?: string;
  readonly start?: number;
  readonly end?: number;
  /** What the parser expected there. */
  readonly label?: string;
}

export type ParseAnswer =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly complaints: readonly CedarComplaint[] };

export interface PolicyVerdict {
  readonly errors: readonly CedarComplaint[];
  readonly warnings: readonly CedarComplaint[];
  /** False when no request of the schema can ever match the policy's head. */
  readonly applicable: boolean;
}

export type ValidateAnswer =
  | { readonly ok: true; readonly verdicts: Readonly<Record<string, PolicyVerdict>> }
  | { readonly ok: false; readonly complaints: readonly CedarComplaint[] };

/** A decision to repeat, in Cedar's JSON forms. */
export interface RefereeCase {
  readonly principal: CedarUidJson;
  readonly action: CedarUidJson;
  readonly resource: CedarUidJson;
  readonly context: unknown;
  readonly entities: readonly unknown[];
}

export interface CedarUidJson {
  readonly type: string;
  readonly id: string;
}

export type AuthorizeAnswer =
  | {
      readonly ok: true;
      readonly decision: 'allow' | 'deny';
      /** Sorted. */
      readonly reasons: readonly string[];
      /** Sorted. */
      readonly errors: readonly string[];
    }
  | { readonly ok: false; readonly complaints: readonly CedarComplaint[] };

export type PoliciesById = Readonly<Record<string, string>>;

export interface WorkerCalls {
  parse: { readonly args: { readonly text: string }; readonly answer: ParseAnswer };
  parseAll: {
    readonly args: { readonly texts: readonly string[] };
    readonly answer: readonly ParseAnswer[];
  };
  validate: {
    readonly args: {
      readonly root: string;
      readonly fragments: Readonly<Record<string, SchemaFragment>>;
      readonly policies: PoliciesById;
    };
    readonly answer: ValidateAnswer;
  };
  authorize: {
    readonly args: { readonly policies: PoliciesById; readonly question: RefereeCase };
    readonly answer: AuthorizeAnswer;
  };
  format: {
    readonly args: { readonly text: string };
    readonly answer:
      | { readonly ok: true; readonly text: string }
      | { readonly ok: false; readonly complaints: readonly CedarComplaint[] };
  };
  /** A second opinion on argument types: Cedar's own generator for MCP tools. */
  generate: {
    readonly args: { readonly namespace: string; readonly tools: readonly unknown[] };
    readonly answer:
      | { readonly ok: true; readonly schema: unknown }
      | { readonly ok: false; readonly problem: string };
  };
}

export type WorkerOp = keyof WorkerCalls;

export interface WorkerRequest<Op extends WorkerOp = WorkerOp> {
  readonly id: number;
  readonly op: Op;
  readonly args: WorkerCalls[Op]['args'];
}

export type WorkerReply =
  | { readonly id: number; readonly answer: unknown }
  /** The module threw and may be poisoned: the worker ends itself after this. */
  | { readonly id: number; readonly thrown: string };
