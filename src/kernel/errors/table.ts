import { API_ERRORS } from './api.ts';
import { AUDIT_ERRORS } from './audit.ts';
import { BUS_ERRORS } from './bus.ts';
import { CLI_ERRORS } from './cli.ts';
import { DISCOVER_ERRORS } from './discover.ts';
import { GATEWAY_ERRORS } from './gateway.ts';
import { IDENTITY_ERRORS } from './identity.ts';
import { KERNEL_ERRORS } from './kernel.ts';
import { POLICY_ERRORS } from './policy.ts';
import type { ErrorRow } from './row.ts';
import { STORE_ERRORS } from './store.ts';

const TABLE = {
  ...KERNEL_ERRORS,
  ...POLICY_ERRORS,
  ...IDENTITY_ERRORS,
  ...AUDIT_ERRORS,
  ...GATEWAY_ERRORS,
  ...API_ERRORS,
  ...STORE_ERRORS,
  ...BUS_ERRORS,
  ...CLI_ERRORS,
  ...DISCOVER_ERRORS,
};

export type ErrorCode = keyof typeof TABLE;

/** The single table of public error codes; `docs/reference/errors.md` is generated from it. */
export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = TABLE;
