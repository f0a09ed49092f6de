/** The published contract of the admin API. */
export {
  type PathParams,
  PERMISSIONS,
  type Permission,
  ROUTES,
  type RouteId,
  type RouteInput,
  type RouteOutput,
  type RouteSpec,
} from './routes.ts';
export {
  AGENT,
  AGENT_DETAIL,
  BOOTSTRAP,
  KEY,
  POLICY_REPORT,
  PROBLEM,
  RECORD,
  SERVER,
  STATUS,
} from './schemas.ts';
