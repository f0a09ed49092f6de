import { AppError } from '../../kernel/index.ts';

export const cancelled = (): AppError => new AppError('GW_CANCELLED');
export const overloaded = (): AppError => new AppError('GW_OVERLOADED');
export const lost = (server: string, cause?: unknown): AppError =>
  new AppError('GW_UPSTREAM_LOST', { params: { server }, cause });
export const unavailable = (server: string, problem: string, cause?: unknown): AppError =>
  new AppError('GW_UPSTREAM_UNAVAILABLE', { params: { server, problem }, cause });
/** A person has to authorize the gateway at the server first. */
export const unauthorized = (server: string, problem: string): AppError =>
  new AppError('GW_UPSTREAM_UNAUTHORIZED', { params: { server, problem } });
export const timedOut = (server: string, ms: number): AppError =>
  new AppError('GW_UPSTREAM_TIMEOUT', { params: { server, ms: Math.round(ms) } });
export const brokeProtocol = (server: string, problem: string): AppError =>
  new AppError('GW_UPSTREAM_PROTOCOL', { params: { server, problem } });
export const tooLarge = (server: string, limit: number): AppError =>
  new AppError('GW_UPSTREAM_TOO_LARGE', { params: { server, limit } });
