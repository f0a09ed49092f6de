import { z } from 'zod';
import { secretRef } from '../../kernel/index.ts';

/** `servers.<name>.auth`. */
export const UPSTREAM_AUTH = z
  .strictObject({
    grant: z
      .enum(['authorization_code', 'client_credentials', 'jwt_bearer', 'none'])
      .default('authorization_code')
      .describe(
        'authorization_code: a person runs `sallyport server login`. client_credentials: the gateway as itself. jwt_bearer: with an assertion of its workload. none: a 401 stays one.',
      ),
    issuer: z
      .url()
      .max(2_048)
      .optional()
      .describe(
        'The authorization server, exactly as it names itself. Required with any secret: they are sent nowhere else.',
      ),
    clientId: z
      .string()
      .min(1)
      .max(2_048)
      .optional()
      .describe('Client that was registered by hand; else one is registered automatically.'),
    clientSecret: secretRef.optional().describe('Its secret.'),
    privateKey: secretRef
      .optional()
      .describe(
        'Its private key (PKCS #8 PEM): P-256, P-384, Ed25519 or RSA; for private_key_jwt.',
      ),
    keyId: z.string().min(1).max(256).optional().describe('Name (kid) of that key.'),
    clientMetadataUrl: z
      .union([z.url({ protocol: /^https$/ }).max(2_048), z.literal(false)])
      .optional()
      .describe(
        'Client id metadata document to use as client id; default: the one at gateway.publicUrl when that is https. The authorization server must be able to read it; false: use none.',
      ),
    assertion: secretRef
      .optional()
      .describe('For jwt_bearer: the token of the workload; read anew for every request.'),
    exchange: z
      .strictObject({
        tokenEndpoint: z.url().max(2_048).describe('Token endpoint of the identity provider.'),
        clientId: z.string().min(1).max(2_048).describe('The gateway there.'),
      })
      .optional()
      .describe(
        'For jwt_bearer: assertion is an identity token that this provider exchanges for the assertion (ID-JAG).',
      ),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/))
      .min(1)
      .max(100)
      .optional()
      .describe('Scopes to ask for instead of all that the server supports.'),
    dpop: z
      .enum(['auto', 'off', 'required'])
      .default('auto')
      .describe('Bind tokens to a key of the gateway (RFC 9449); auto: where it is supported.'),
  })
  .describe('How the gateway is authorized at a remote server (OAuth).');
