import { canonicalJson, sha256Hex } from '../../kernel/index.ts';
import { type ArgumentConverter, compileConverter } from '../arguments/convert-arguments.ts';
import { type OpaqueProperty, readInputSchema } from '../arguments/read-input-schema.ts';
import { MAX_TOOL_NAME, MAX_TOOLS_PER_SERVER } from '../arguments/schema-limits.ts';
import { EntityUid } from '../cedar/values.ts';
import type { ToolDefinition } from '../model.ts';
import { actionId } from './action-id.ts';
import { type CedarType, cedarRecord, hasViews, viewsRecord } from './cedar-type.ts';
import { classifyTool, type EffectGroup, type ServerEffects } from './effect-group.ts';
import { encodeName } from './encode-name.ts';

/** One tool as policy knows it. */
export interface PolicyTool {
  readonly name: string;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly group: EffectGroup;
  readonly accepted: boolean;
  /** Undefined for an opaque tool: its arguments pass unseen. */
  readonly convert: ArgumentConverter | undefined;
  /** Arguments that have `paths` and `urls` views. */
  readonly viewed: readonly string[];
}

/** Something an operator should look at; nothing of it weakens a decision. */
export interface SchemaFinding {
  readonly server: string;
  readonly tool: string;
  readonly property?: string;
  readonly problem: string;
}

/** An action in Cedar's JSON schema form. */
export interface SchemaAction {
  readonly memberOf: readonly { readonly type: 'Action'; readonly id: string }[];
  readonly appliesTo: {
    readonly principalTypes: readonly string[];
    readonly resourceTypes: readonly string[];
    readonly context: CedarType;
  };
}

/** One server's share of the Cedar schema: a namespace with one action per tool, and nothing else. */
export interface SchemaFragment {
  readonly entityTypes: Readonly<Record<string, never>>;
  readonly actions: Readonly<Record<string, SchemaAction>>;
}

export interface ServerSchema {
  readonly server: string;
  readonly namespace: string;
  readonly fragment: SchemaFragment;
  readonly tools: ReadonlyMap<string, PolicyTool>;
  readonly findings: readonly SchemaFinding[];
  /** SHA-256 over everything that can change a decision. */
  readonly digest: string;
}

export const toolUid = (server: string, tool: string): EntityUid =>
  new EntityUid('Tool', `${server}/${tool}`);

/**
 * Builds the schema, converters and groups of one server's tools. The tool list is hostile: bounded in every
 * direction, nothing in it is fetched or executed, and one bad tool never costs another. A tool whose schema cannot
 * be expressed stays usable but opaque, and is reported. Never throws.
 */
export function serverSchema(
  server: string,
  definitions: readonly ToolDefinition[],
  effects: ServerEffects | undefined,
): ServerSchema {
  const namespace = encodeName(server);
  const tools = new Map<string, PolicyTool>();
  const actions: Record<string, SchemaAction> = Object.create(null);
  const findings: SchemaFinding[] = [];
  for (const definition of definitions.slice(0, MAX_TOOLS_PER_SERVER)) {
    const { name } = definition;
    const refused = refuseName(name, tools);
    if (refused !== undefined) {
      findings.push({ server, tool: String(name).slice(0, 80), problem: refused });
      continue;
    }
    const built = buildTool(server, namespace, definition, effects, findings);
    tools.set(name, built.tool);
    actions[actionId(name)] = built.action;
  }
  if (definitions.length > MAX_TOOLS_PER_SERVER) {
    const problem = `tools after the first ${MAX_TOOLS_PER_SERVER} are unknown to policy and denied`;
    findings.push({ server, tool: '', problem });
  }
  const digest = sha256Hex(canonicalJson({ server, actions, accepted: acceptedNames(tools) }));
  return { server, namespace, fragment: { entityTypes: {}, actions }, tools, findings, digest };
}

function refuseName(name: unknown, known: ReadonlyMap<string, unknown>): string | undefined {
  if (typeof name !== 'string' || name === '') return 'it has no name; it is denied';
  if (name.length > MAX_TOOL_NAME) return `its name is longer than ${MAX_TOOL_NAME}; it is denied`;
  if (!name.isWellFormed() || name.includes('\0'))
    return 'its name is not well-formed text; it is denied';
  return known.has(name) ? 'a second tool of this name is ignored' : undefined;
}

function acceptedNames(tools: ReadonlyMap<string, PolicyTool>): string[] {
  return [...tools.values()].filter((tool) => tool.accepted).map((tool) => tool.name);
}

function buildTool(
  server: string,
  namespace: string,
  definition: ToolDefinition,
  effects: ServerEffects | undefined,
  findings: SchemaFinding[],
): { readonly tool: PolicyTool; readonly action: SchemaAction } {
  const { name } = definition;
  const reading = readInputSchema(definition.inputSchema);
  const type = reading.ok ? reading.type : { kind: 'record' as const, properties: new Map() };
  if (reading.ok) findings.push(...opaqueFindings(server, name, reading.opaque));
  else
    findings.push({
      server,
      tool: name,
      problem: `${reading.why}, so policies cannot constrain its arguments`,
    });
  const { group, accepted } = classifyTool(name, definition.annotations, effects);
  const tool: PolicyTool = {
    name,
    action: new EntityUid(`${namespace}::Action`, actionId(name)),
    resource: toolUid(server, name),
    group,
    accepted,
    convert: reading.ok ? compileConverter(reading.type) : undefined,
    viewed: [...type.properties].filter(([, part]) => hasViews(part.type)).map(([key]) => key),
  };
  const attributes = {
    session: { type: 'Session', required: true },
    input: { ...cedarRecord(type), required: true },
    paths: { ...viewsRecord(type, 'PathView'), required: true },
    urls: { ...viewsRecord(type, 'UrlView'), required: true },
  };
  return {
    tool,
    action: {
      memberOf: [{ type: 'Action', id: group }],
      appliesTo: {
        principalTypes: ['Agent'],
        resourceTypes: ['Tool'],
        context: { type: 'Record', attributes },
      },
    },
  };
}

function opaqueFindings(
  server: string,
  tool: string,
  opaque: readonly OpaqueProperty[],
): SchemaFinding[] {
  return opaque.map(({ path, why }) => ({
    server,
    tool,
    property: path,
    problem: `${why}, so policies cannot constrain it`,
  }));
}
