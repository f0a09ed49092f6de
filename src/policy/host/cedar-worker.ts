/** Runs in a worker thread: the only place where Cedar's wasm modules are loaded. */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type {
  AuthorizeAnswer,
  CedarComplaint,
  ParseAnswer,
  PolicyVerdict,
  ValidateAnswer,
  WorkerCalls,
  WorkerReply,
  WorkerRequest,
} from './worker-protocol.ts';

type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');
type Generator = typeof import('@cedar-policy/mcp-schema-generator-wasm');

// Both modules are CommonJS, and load their wasm synchronously from beside themselves.
const require = createRequire(import.meta.url);
const cedar = require('@cedar-policy/cedar-wasm/nodejs') as Cedar;
let generator: Generator | undefined;

interface Detailed {
  readonly message: string;
  readonly help: string | null;
  readonly sourceLocations?: readonly { label: string | null; start: number; end: number }[];
}

function complaint({ message, help, sourceLocations }: Detailed): CedarComplaint {
  const place = sourceLocations?.[0];
  return {
    message,
    ...(help === null ? {} : { help }),
    ...(place === undefined ? {} : { start: place.start, end: place.end }),
    ...(place === undefined || place.label === null ? {} : { label: place.label }),
  };
}

function parse({ text }: WorkerCalls['parse']['args']): ParseAnswer {
  const answer = cedar.policyToJson(text);
  return answer.type === 'success'
    ? { ok: true, json: answer.json }
    : { ok: false, complaints: answer.errors.map(complaint) };
}

function parseAll({ texts }: WorkerCalls['parseAll']['args']): ParseAnswer[] {
  return texts.map((text) => parse({ text }));
}

type SchemaJson = Exclude<Parameters<Cedar['checkParseSchema']>[0], string>;
const rootSchemas = new Map<string, SchemaJson>();

function rootSchema(text: string): SchemaJson {
  let known = rootSchemas.get(text);
  if (known === undefined) {
    const answer = cedar.schemaToJson(text);
    if (answer.type !== 'success') throw new Error(answer.errors[0]?.message ?? 'root schema');
    known = answer.json;
    rootSchemas.set(text, known);
  }
  return known;
}

function validate({ root, fragments, policies }: WorkerCalls['validate']['args']): ValidateAnswer {
  const schema = { ...rootSchema(root), ...fragments } as SchemaJson;
  const answer = cedar.validate({ schema, policies: { staticPolicies: policies } });
  if (answer.type !== 'success')
    return { ok: false, complaints: answer.errors.map((error) => complaint(error)) };
  const verdicts: Record<string, PolicyVerdict> = {};
  for (const [id, text] of Object.entries(policies)) {
    const of = (list: typeof answer.validationErrors): CedarComplaint[] =>
      list.filter((item) => item.policyId === id).map((item) => complaint(item.error));
    const warnings = of(answer.validationWarnings);
    const inapplicable = warnings.some((item) =>
      item.message.includes('unable to find an applicable action'),
    );
    const errors = of(answer.validationErrors);
    // The validator warns about every policy that fits no request, and the second question reads the whole schema again.
    const doubtful = warnings.length > 0 && errors.length === 0;
    const applicable = !inapplicable && (!doubtful || applies(text, schema));
    verdicts[id] = { errors, warnings, applicable };
  }
  return { ok: true, verdicts };
}

function applies(text: string, schema: SchemaJson): boolean {
  const answer = cedar.getValidRequestEnvsPolicy(text, schema);
  return answer.type !== 'success' || answer.actions.length > 0;
}

function authorize({ policies, question }: WorkerCalls['authorize']['args']): AuthorizeAnswer {
  type Call = Parameters<Cedar['isAuthorized']>[0];
  const answer = cedar.isAuthorized({
    ...question,
    policies: { staticPolicies: policies },
  } as unknown as Call);
  if (answer.type !== 'success')
    return { ok: false, complaints: answer.errors.map((error) => complaint(error)) };
  const { decision, diagnostics } = answer.response;
  return {
    ok: true,
    decision,
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map((error) => error.policyId).sort(),
  };
}

function format({ text }: WorkerCalls['format']['args']): WorkerCalls['format']['answer'] {
  const answer = cedar.formatPolicies({ policyText: text, lineWidth: 100, indentWidth: 2 });
  return answer.type === 'success'
    ? { ok: true, text: answer.formatted_policy }
    : { ok: false, complaints: answer.errors.map(complaint) };
}

function generate({
  namespace,
  tools,
}: WorkerCalls['generate']['args']): WorkerCalls['generate']['answer'] {
  generator ??= require('@cedar-policy/mcp-schema-generator-wasm') as Generator;
  const stub = `namespace ${namespace} { @mcp_principal entity Agent; @mcp_resource entity Tool; @mcp_action action "call"; }`;
  const config = '{"objectsAsRecords":true,"numbersAsDecimal":true}';
  const answer = JSON.parse(generator.generateSchema(stub, JSON.stringify(tools), config)) as {
    isOk: boolean;
    schemaJson: string;
    error: string | null;
  };
  if (!answer.isOk) return { ok: false, problem: answer.error ?? 'no schema' };
  return { ok: true, schema: JSON.parse(answer.schemaJson) };
}

const operations = { parse, parseAll, validate, authorize, format, generate } as const;

parentPort?.on('message', (request: WorkerRequest) => {
  const run = operations[request.op] as (args: unknown) => unknown;
  let reply: WorkerReply;
  try {
    reply = { id: request.id, answer: run(request.args) };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    reply = { id: request.id, thrown: text.slice(0, 500) };
  }
  parentPort?.postMessage(reply);
  // A trap leaves the module's memory in an unknown state: this thread is not to be used again.
  if ('thrown' in reply) parentPort?.close();
});
