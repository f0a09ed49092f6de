/** The only file that knows everything: builds each part from the configuration and hands the parts to each other. */
import { dirname, resolve } from 'node:path';
import { createAdminApi, createAuthzen, UPSTREAM_CALLBACK_PATH } from '../api/index.ts';
import {
  AUDIT_MIGRATIONS,
  type AuditFs,
  type AuditLog,
  createAuditIndex,
  openAuditLog,
  openSigningKey,
} from '../audit/index.ts';
import {
  createBroker,
  createEdge,
  createGatewayCore,
  createSealer,
  createUpstreamPool,
  type Edge,
  type ManagedUpstreamPool,
  type RunningCore,
  type ServerConfig,
} from '../gateway/index.ts';
import {
  challengeFor,
  createIdentity,
  createResourceDirectory,
  createSqlIdentityStore,
  IDENTITY_MIGRATIONS,
  type Identity,
  SCOPES,
} from '../identity/index.ts';
import {
  type Clock,
  createIdSource,
  createLogger,
  isAppError,
  type Logger,
  type Random,
} from '../kernel/index.ts';
import {
  createCedarHost,
  createPolicyChanger,
  createPolicyService,
  POLICY_MIGRATIONS,
  type PolicyReport,
  type PolicyService,
  watchPolicyDirectory,
} from '../policy/index.ts';
import { createSqliteDb, type Db, migrate } from '../store/index.ts';
import { agentFactsOf } from './agent-facts.ts';
import { createBodyKeeper } from './body-keeper.ts';
import { readConfig } from './config/read-config.ts';
import { readWorkloads } from './config/read-workloads.ts';
import { resolveServers } from './config/resolve-servers.ts';
import type { Config } from './config/sections.ts';
import type { DataDirectory } from './data-directory.ts';
import { openAdminToken, openDataDirectory, openSealKeys } from './data-directory.ts';
import { checkAgents, ensureAgents, registeredAgents } from './ensure-agents.ts';
import { checkBlueprints, ensureBlueprints } from './ensure-blueprints.ts';
import { pickPort } from './free-port.ts';
import { createLoginCodes, type LoginCodes } from './login-codes.ts';
import { openPolicyVersions } from './open-policy-versions.ts';
import { openUpstreamOAuth } from './open-upstream-oauth.ts';
import { policyError } from './policy-error.ts';
import { createPolicyFiles } from './policy-files.ts';
import { createPolicyOperations } from './policy-operations.ts';
import { identityRecorder } from './record-identity.ts';
import { createToolBook } from './tool-book.ts';

export interface ComposeOptions {
  readonly dataDir: string;
  /** Absolute path of `sallyport.yaml`; undefined runs on defaults. */
  readonly configFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly overrides?: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly logger?: Logger;
  /** What the audit log writes through; the local disk when absent. */
  readonly auditFs?: AuditFs;
}

/** A running Sallyport. */
export interface App {
  readonly data: DataDirectory;
  readonly configFile: string | undefined;
  readonly mcpUrl: string;
  readonly adminToken: string;
  readonly adminUrl: string;
  readonly audit: AuditLog;
  readonly auditPublicKey: string;
  readonly db: Db;
  readonly identity: Identity;
  readonly policy: PolicyService;
  readonly pool: ManagedUpstreamPool;
  readonly core: RunningCore;
  readonly edge: Edge;
  readonly loginCodes: LoginCodes;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly version: string;
  config(): Config;
  /** Reads the configuration and the policies again; what is wrong is thrown and changes nothing. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

const GRACE_MS = 10_000;

/** Starts everything. Whatever was started is closed again when a later part fails. */
export async function compose(options: ComposeOptions): Promise<App> {
  const { clock, random, env, configFile } = options;
  const overrides = options.overrides ?? {};
  let { config } = await readConfig(configFile, env, overrides);
  const logger = options.logger ?? createLogger({ level: config.log.level });
  const opened: Array<() => Promise<unknown> | unknown> = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        logger.error({ err: error }, 'a part could not be closed');
      }
    }
  };
  try {
    const data = await openDataDirectory(options.dataDir);
    const adminToken = await openAdminToken(data, random);
    const ids = createIdSource(clock, random);
    const sealer = createSealer({ keys: await openSealKeys(data, random), random, clock });

    const signer = await openSigningKey(data.path);
    const audit = await openAuditLog({
      dir: data.audit,
      clock,
      signer,
      logger,
      chain: ids.next('key'),
      ...(options.auditFs === undefined ? {} : { fs: options.auditFs }),
    });
    opened.push(() => audit.close());

    const db = await createSqliteDb({ path: data.database, clock });
    opened.push(() => db.close());
    await migrate(db, [...IDENTITY_MIGRATIONS, ...AUDIT_MIGRATIONS, ...POLICY_MIGRATIONS], clock);
    const auditIndex = createAuditIndex({ dir: data.audit, db, clock, logger });
    // Filled when somebody searches, not call by call: indexing a record costs more than deciding the call did.
    opened.push(() => auditIndex.stop());

    let servers: ReadonlyMap<string, ServerConfig> = await resolveServers(config, configFile, env);
    const { host } = config.gateway;
    const port = await pickPort(host, config.gateway.port);
    const publicUrl = (
      config.gateway.publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    ).replace(/\/$/, '');
    const resources = createResourceDirectory({
      publicUrl,
      paths: () => [
        '/sse',
        ...[...servers.keys()].flatMap((name) => [`/mcp/${name}`, `/sse/${name}`]),
      ],
    });
    const recorder = identityRecorder(audit, clock);
    const loginCodes = createLoginCodes(clock, random);
    const identity = await createIdentity({
      store: createSqlIdentityStore(db),
      directory: data.identity,
      resources,
      onChange: recorder.onChange,
      onEvent: recorder.onEvent,
      workloadIssuers: await readWorkloads(config, configFile),
      verifyHuman: (secret) => loginCodes.redeem(secret),
      clock,
      random,
      logger,
    });
    opened.push(() => identity.close());

    const host_ = createCedarHost({ clock });
    opened.push(() => host_.close());
    const policyDir = (of: Config = config): string =>
      resolve(configFile === undefined ? data.path : dirname(configFile), of.policies.dir);
    const policyFiles = createPolicyFiles({ path: policyDir, backups: data.policyBackups, clock });
    const versions = openPolicyVersions(db, audit, clock);
    const policy = createPolicyService({
      host: host_,
      read: policyFiles.read,
      mode: config.policies.mode,
      beforeChange: versions.beforeChange,
      onDifference: (difference) => {
        logger.error(
          { ...difference },
          'the compiled policy evaluator and cedar-wasm disagree; cedar-wasm decides now',
        );
        void recordFault('policy_difference', { ...difference });
      },
      onReport: (report) => {
        // Most warnings are about servers that are still to come; `policy check` and `doctor` show them when asked.
        for (const problem of report.problems) {
          if (problem.severity === 'error') logger.warn({ ...problem }, 'a policy has a problem');
          else logger.debug({ ...problem }, 'a policy has a warning');
        }
        noteInvalid(report);
      },
    });
    policy.onChange(() => {
      versions.noteLive(policy.version()).catch((error: unknown) => {
        logger.error({ err: error }, 'a policy version could not be noted');
      });
    });
    const recordFault = (
      effect: string,
      detail: Readonly<Record<string, unknown>>,
    ): Promise<void> =>
      audit
        .append(
          {
            type: 'fault',
            time: clock.now(),
            actor: { agent: '', agentId: '', owner: '', channel: 'system' },
            effect,
            detail,
          },
          'soon',
        )
        .then(
          () => undefined,
          (error: unknown) => logger.error({ err: error }, 'a fault could not be recorded'),
        );
    // Told once for as long as it lasts: tools change often, and each change brings a report.
    let knownInvalid: ReadonlySet<string> = new Set();
    const noteInvalid = ({ problems, version }: PolicyReport): void => {
      const errors = problems
        .filter(({ severity }) => severity === 'error')
        .map((problem) => ({ key: JSON.stringify(problem), problem }));
      for (const { key, problem } of errors)
        if (!knownInvalid.has(key)) void recordFault('policy_invalid', { version, ...problem });
      knownInvalid = new Set(errors.map(({ key }) => key));
    };
    const recordPolicies = (version: string, reason: string): Promise<unknown> =>
      audit.append({
        type: 'admin',
        time: clock.now(),
        actor: { agent: '', agentId: '', owner: '', channel: 'system' },
        effect: 'changed',
        detail: { area: 'policy', action: 'policy.load', version, reason },
      });

    const agentFacts = (): void => policy.setAgents(agentFactsOf(identity));
    // Instances and sub-agents have no policies of their own, and come by the thousand.
    opened.push(
      identity.registry.onChange((agent) => {
        if (agent.kind === undefined) agentFacts();
      }),
    );
    await ensureBlueprints(identity, config);
    await ensureAgents(identity, config, clock);
    agentFacts();
    const first = await policy.reload();
    await recordPolicies(first.version, 'start');
    if (!first.applied) throw policyError(first.problems);

    const upstreamOAuth = await openUpstreamOAuth({
      config,
      env,
      publicUrl,
      directory: data.upstream,
      audit,
      clock,
      random,
      logger,
      redirectUri: () => `${adminUrl}${UPSTREAM_CALLBACK_PATH}`,
    });
    opened.push(() => upstreamOAuth.close());
    const pool = createUpstreamPool({
      servers,
      clock,
      random,
      logger,
      baseEnv: env,
      credentials: upstreamOAuth.credentials,
      onFault: (fault) => void recordFault('upstream_fault', { ...fault }),
    });
    opened.push(() => pool.close());
    const broker = createBroker({ sealer, clock, random, logger, instance: ids.next('key') });
    const toolBook = createToolBook(policy);
    const bodies = createBodyKeeper({
      dir: data.bodies,
      config: () => config.audit,
      clock,
      random,
      logger,
    });
    opened.push(() => bodies.close());
    const core = createGatewayCore({
      authenticator: identity.authenticator,
      bodies: bodies.bodies,
      policy: toolBook.policy,
      takeCall: (rights, allowing) => identity.budgets.take(rights, allowing),
      spawner: {
        mayDelegate: (agent) => identity.delegate.mayDelegate(agent),
        child: (principal, request) => identity.spawnChild(principal, request),
      },
      audit,
      pool,
      broker,
      sealer,
      clock,
      ids,
      random,
      logger,
      version: options.version,
      servers: () => servers,
      settled: () => policy.idle(),
    });
    opened.push(() => core.close());

    const edge = createEdge({
      core,
      sealer,
      clock,
      ids,
      random,
      logger,
      publicUrl,
      allowedHosts: [
        '127.0.0.1',
        'localhost',
        '[::1]',
        new URL(publicUrl).host,
        ...config.gateway.allowedHosts,
      ],
      allowedOrigins: [
        new URL(publicUrl).origin,
        'http://localhost:*',
        'http://127.0.0.1:*',
        ...config.gateway.allowedOrigins,
      ],
      wellKnown: async (request) =>
        upstreamOAuth.document(request) ?? identity.authorizationServer.handle(request),
      challenge: (refusal, endpoint) =>
        challengeFor(refusal, {
          resourceMetadata: resources.metadataUrl(
            endpoint.kind === 'all'
              ? resources.defaultResource
              : `${resources.issuer}/mcp/${endpoint.server}`,
          ),
          scopes: SCOPES,
        }).headers['www-authenticate'] ?? 'Bearer',
      servers: () => [...servers.keys()],
      onRevoked: (listener) => identity.authenticator.onRevoked(listener),
      ready: () => audit.healthy(),
    });
    await edge.listen(host, port);
    opened.push(() => edge.close(GRACE_MS));

    const adminPort = await pickPort(config.admin.host, config.admin.port);
    const adminUrl = `http://${config.admin.host}:${adminPort}`;

    const refused = async (report: PolicyReport): Promise<never> => {
      await recordPolicies(policy.version(), 'refused: the policies in force stay');
      throw policyError(report.problems);
    };
    const reloadNow = async (): Promise<void> => {
      // Everything that can be wrong is found before anything changes.
      const next = await readConfig(configFile, env, overrides);
      const nextServers = await resolveServers(next.config, configFile, env);
      const adoptAuth = await upstreamOAuth.prepare(next.config);
      checkBlueprints(identity, next.config);
      checkAgents(identity, next.config, clock);
      const nextPolicies = await policyFiles.read(policyDir(next.config));
      const draft = await policy.draft(nextPolicies);
      if (!draft.acceptable) await refused(draft.report);

      await ensureBlueprints(identity, next.config);
      await ensureAgents(identity, next.config, clock);
      const report = await policy.reload(nextPolicies);
      if (!report.applied) await refused(report);
      await recordPolicies(report.version, 'reload');
      const removed = [...servers.keys()].filter((name) => !nextServers.has(name));
      config = next.config;
      servers = nextServers;
      await adoptAuth();
      pool.setServers(servers);
      for (const name of removed) {
        policy.removeServer(name);
        toolBook.forget(name);
      }
    };
    let reloading: Promise<unknown> = Promise.resolve();
    const reload = (): Promise<void> => {
      const done = reloading.then(reloadNow);
      reloading = done.catch(() => undefined);
      return done;
    };
    const watch = watchPolicyDirectory({
      clock,
      path: policyDir(),
      onChange: async () => {
        const report = await policy.reload().catch(async (error: unknown) => {
          const code = isAppError(error) ? error.code : 'INTERNAL';
          logger.error({ err: error }, 'policies could not be read; those in force stay');
          await recordFault('policy_unreadable', { code, version: policy.version() });
        });
        if (report === undefined) return;
        logger.info(
          { version: report.version, applied: report.applied },
          'policies were read again',
        );
        await recordPolicies(
          report.version,
          report.applied ? 'files changed' : 'refused: the policies in force stay',
        );
      },
    });
    opened.push(() => watch.close());

    const admin = createAdminApi({
      policyChanges: createPolicyOperations({
        policy,
        versions,
        changer: createPolicyChanger({ service: policy, versions, files: policyFiles }),
        audit: data.audit,
        argumentsOf: bodies.argumentsOf,
        agents: () => agentFactsOf(identity),
        servers: () => [...servers.keys()],
      }),
      authzen: createAuthzen({
        url: adminUrl,
        policy,
        audit,
        adminToken,
        authenticator: identity.authenticator,
        tokenResource: resources.defaultResource,
        agent: (name) =>
          registeredAgents(identity).find((one) => one.name === name || one.id === name),
        clock,
        ids,
      }),
      version: options.version,
      mcpUrl: resources.defaultResource,
      adminUrl,
      adminToken,
      identity,
      policy,
      audit,
      auditIndex,
      tools: toolBook.tools,
      upstreamOAuth,
      servers: () => pool.status(),
      edge: () => edge.status(),
      reload,
      loginCodes,
      clock,
      random,
      logger,
    });
    await admin.listen(config.admin.host, adminPort);
    opened.push(() => admin.close());

    return {
      data,
      configFile,
      mcpUrl: resources.defaultResource,
      adminToken,
      adminUrl,
      audit,
      auditPublicKey: signer.publicKeyPem,
      db,
      identity,
      policy,
      pool,
      core,
      edge,
      loginCodes,
      logger,
      clock,
      version: options.version,
      config: () => config,
      reload,
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
