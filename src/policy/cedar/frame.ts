import { AncestorSet } from './ancestor-set.ts';
import type { EntityNode, EntitySnapshot } from './entity-snapshot.ts';
import type { Fuel } from './fault.ts';
import type { CedarRequest } from './model.ts';
import { uidBits } from './uid-bits.ts';
import { type CedarRecord, type EntityUid, sameUid } from './values.ts';

/** One request while it is being evaluated: the three entities are looked up once. */
export class Frame implements Fuel {
  readonly entities: EntitySnapshot;
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: CedarRecord;
  readonly principalNode: EntityNode | undefined;
  readonly actionNode: EntityNode | undefined;
  readonly resourceNode: EntityNode | undefined;
  /** What the heads' guards are compared with. */
  readonly principalMask: number;
  readonly actionMask: number;
  readonly resourceMask: number;
  fuel: number;

  constructor(entities: EntitySnapshot, request: CedarRequest, fuel: number) {
    this.entities = entities;
    this.principal = request.principal;
    this.action = request.action;
    this.resource = request.resource;
    this.context = request.context;
    this.principalNode = entities.find(request.principal);
    this.actionNode = entities.find(request.action);
    this.resourceNode = entities.find(request.resource);
    this.principalMask = this.principalNode?.mask ?? uidBits(request.principal);
    this.actionMask = this.actionNode?.mask ?? uidBits(request.action);
    this.resourceMask = this.resourceNode?.mask ?? uidBits(request.resource);
    this.fuel = fuel;
  }

  node(uid: EntityUid): EntityNode | undefined {
    if (uid === this.principal) return this.principalNode;
    if (uid === this.resource) return this.resourceNode;
    return this.entities.find(uid);
  }

  /** Reflexive, also for entities that do not exist. */
  isIn(uid: EntityUid, root: EntityUid): boolean {
    return sameUid(uid, root) || (this.node(uid)?.ancestors ?? AncestorSet.none).has(root);
  }
}
