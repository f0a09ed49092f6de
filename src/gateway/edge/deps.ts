import type { AuthenticationRefusal } from '../../identity/index.ts';
import type { Clock, IdSource, Random } from '../../kernel/index.ts';
import type { Endpoint, GatewayCore, PeerAnswer } from '../model.ts';
import type { Sealer } from '../wire/seal.ts';
import type { EdgeLimits } from './limits.ts';

/** The part of pino the edge uses. */
export interface EdgeLogger {
  debug(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** OAuth and discovery documents, free of any HTTP framework. Undefined: not my path. */
export type WellKnownHandler = (request: {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly remote: string;
}) => Promise<
  | {
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | undefined
>;

/** A client's answer that reached another replica than the one that asked. */
export interface RelayedAnswer {
  readonly instance: string;
  readonly id: string;
  /** The asking session and principal; the receiver compares both. */
  readonly session: string;
  readonly principal: string;
  readonly answer: PeerAnswer;
}

export interface EdgeDeps {
  readonly core: GatewayCore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly random: Random;
  readonly logger: EdgeLogger;
  readonly limits?: Partial<EdgeLimits>;
  /** Origin and base path clients use, without a trailing slash; never taken from `Host`. */
  readonly publicUrl: string;
  /** `host` (any port) or `host:port`. */
  readonly allowedHosts: readonly string[];
  /** `scheme://host[:port]`; `:*` allows any port. */
  readonly allowedOrigins: readonly string[];
  readonly wellKnown: WellKnownHandler;
  /** Value of `WWW-Authenticate`. */
  readonly challenge: (refusal: AuthenticationRefusal, endpoint: Endpoint) => string;
  /** Names that have an endpoint of their own. */
  readonly servers: () => readonly string[];
  readonly onRevoked: (listener: (agentId: string) => void) => () => void;
  /** Other conditions of `/readyz`; true when traffic may come. */
  readonly ready?: () => boolean;
  /** 1-24 letters and digits, unique among replicas; random when absent. */
  readonly instance?: string;
  /** Forwards a client's answer to the replica that asked. */
  readonly relay?: (answer: RelayedAnswer) => void;
}
