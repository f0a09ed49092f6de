import type { Actor, Identity } from '../identity/index.ts';
import type { Config } from './config/sections.ts';

const BY: Actor = {
  user: 'configuration',
  channel: 'system',
  reason: 'declared in sallyport.yaml',
};

/**
 * Makes the register of blueprints say what the configuration says. Facts that did not change touch nothing. The kill
 * switch follows `disabled` only where it is written: a restart is no way around a human's decision.
 * Throws `IDENTITY_INVALID` for details that are not well-formed.
 */
export async function ensureBlueprints(identity: Identity, config: Config): Promise<void> {
  for (const [name, { disabled, ...facts }] of Object.entries(config.blueprints)) {
    const blueprint = await identity.blueprints.define({ name, ...withoutUndefined(facts) }, BY);
    const isDisabled = blueprint.disabledAt !== undefined;
    if (disabled === true && !isDisabled) await identity.blueprints.disable(name, BY);
    if (disabled === false && isDisabled) await identity.blueprints.enable(name, BY);
  }
}

/** Whether `ensureBlueprints` would take the configuration; changes nothing. Throws `IDENTITY_INVALID`. */
export function checkBlueprints(identity: Identity, config: Config): void {
  for (const [name, { disabled: _, ...facts }] of Object.entries(config.blueprints))
    identity.blueprints.check({ name, ...withoutUndefined(facts) });
}

function withoutUndefined<T extends object>(
  value: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
