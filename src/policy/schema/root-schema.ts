import { EFFECT_GROUPS } from './effect-group.ts';

/** Kinds of traffic other than tool calls; each is a root action of the same name. */
export const ROOT_ACTION_KINDS = [
  'resource',
  'prompt',
  'completion',
  'list',
  'listen',
  'task',
  'sampling',
  'elicitation',
  'roots',
  'other',
] as const;
export type RootActionKind = (typeof ROOT_ACTION_KINDS)[number];

/** The resource that each root action is about: something of the server's, or the server itself. */
export const RESOURCE_OF: Readonly<
  Record<RootActionKind, 'Server' | 'Resource' | 'Prompt' | 'Task'>
> = {
  resource: 'Resource',
  prompt: 'Prompt',
  completion: 'Server',
  list: 'Server',
  listen: 'Server',
  task: 'Task',
  sampling: 'Server',
  elicitation: 'Server',
  roots: 'Server',
  other: 'Server',
};

const TYPES = `
entity Group;
entity User;
entity Blueprint;
entity Agent in [Group, Blueprint] {
  id: String, name: String, owner: User, environment?: String, riskTier?: String
};
entity Server;
entity Tool in [Server] { name: String, effect: String, accepted: Bool };
entity Resource in [Server] { uri: String, scheme: String };
entity Prompt in [Server] { name: String };
entity Task in [Server];

type PathView = { at: String, under: Set<String>, parts: Set<String>, extensions: Set<String> };
type UrlView = {
  schemes: Set<String>, hosts: Set<String>, within: Set<String>, local: Bool, credentials: Bool
};
type Session = {
  now: datetime, weekday: Long, transport: String, era: String, method: String,
  approved: Bool, onBehalfOf?: User, id?: String, task?: String, extraArgs: Set<String>
};
`;

const GROUPS = `
action "any";
action "call" in ["any"];
action "change" in ["call"];
${EFFECT_GROUPS.map((name) => `action "${name}" in ["${name === 'read' ? 'call' : 'change'}"];`).join('\n')}
`;

/**
 * The part of the schema that no server changes, in Cedar's schema language. `weekday` is 1 for Monday to 7 for
 * Sunday, UTC like `now`.
 */
export const ROOT_SCHEMA: string =
  TYPES + GROUPS + ROOT_ACTION_KINDS.map((kind) => rootAction(kind)).join('\n');

function rootAction(kind: RootActionKind): string {
  const context =
    kind === 'resource'
      ? '{ session: Session, input: { uri: String }, paths: { uri?: PathView }, urls: { uri?: UrlView } }'
      : '{ session: Session }';
  return `action "${kind}" in ["any"] appliesTo { principal: [Agent], resource: [${RESOURCE_OF[kind]}], context: ${context} };`;
}
