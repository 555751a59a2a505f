import * as z from 'zod/mini'

const name = z.string().check(z.trim(), z.minLength(1))
const secretOrKeyArn = name

const list = z.pipe(
  name,
  z.transform((text) => text.split(',')),
)

const common = {
  VESTIBULE_STAGE: z.string().check(z.regex(/^[a-z][a-z0-9-]{1,15}$/)),
  DIRECTORY_TABLE: name,
  AUDIT_TABLE: name,
}

const web = {
  ...common,
  VESTIBULE_VERSION: name,
  LIMITS_TABLE: name,
  SITE_ORIGIN: z.url({ protocol: /^https$/ }),
  SESSION_KEYS_SECRET: secretOrKeyArn,
  ORIGIN_PROOF_SECRET: secretOrKeyArn,
}

const launching = {
  ...common,
  AGENTS_TABLE: name,
  LIMITS_TABLE: name,
  REQUESTS_BUCKET: name,
  SITE_ORIGIN: z.url({ protocol: /^https$/ }),
  ACCOUNT_ID: name,
  LAUNCH_TEMPLATE: name,
  SUBNETS: list,
  AMI: z.string().check(z.regex(/^ami-/)),
  INSTANCE_TYPE: name,
  AGENT_SECURITY_GROUP: name,
  SUPPORT_SECURITY_GROUP: name,
  QUARANTINE_SECURITY_GROUP: name,
  /** What new machines install: the SHA-256 of a release's signed list. */
  AGENT_RELEASE: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** The public key that it must be signed for: SPKI in DER, as base64. */
  RELEASE_KEY: z.string().check(z.regex(/^[A-Za-z0-9+/]{80,400}={0,2}$/)),
  ASSETS_ORIGIN: z.url({ protocol: /^https$/ }),
}

/** The environment of each function: one schema per function, names and ARNs only, never a secret value. */
export const FunctionEnv = {
  identity: z.object({ ...web, MAIL_KEY: z.optional(secretOrKeyArn) }),
  agents: z.object({
    ...web,
    AGENTS_TABLE: name,
    REQUESTS_BUCKET: name,
    ACCOUNT_ID: name,
    AWS_REGION: name,
    AGENTS_PER_TENANT: z.pipe(z.pipe(z.string(), z.transform(Number)), z.int().check(z.minimum(1))),
    PROOF_ISSUER: z.optional(z.url({ protocol: /^https$/ })),
    /** ARNs, with a comma between: the CA that signs now, then the one that is being retired, if any. */
    SUPPORT_CA_KEYS: list,
  }),
  support: z.object({ ...web, AGENTS_TABLE: name, SUPPORT_CA_KEY: secretOrKeyArn }),
  provisioner: z.object({ ...launching, AWS_REGION: name, LAUNCH_QUEUE: name }),
  reconciler: z.object({ ...launching, AWS_REGION: name }),
  mailer: z.object({ ...common, MAIL_KEY: secretOrKeyArn, MAIL_SENDER: name, MAIL_CONFIGURATION_SET: name }),
  archivist: z.object({ ...common, ARCHIVE_BUCKET: name }),
} as const

export type FunctionName = keyof typeof FunctionEnv

/** Set by Lambda itself in every function. */
type SetByRuntime = 'AWS_REGION'
type InputOf<F extends FunctionName> = z.input<(typeof FunctionEnv)[F]>
type Optional<F extends FunctionName> = {
  [K in keyof InputOf<F>]-?: undefined extends InputOf<F>[K] ? K : never
}[keyof InputOf<F>]

/** What the CDK app must give a function: a variable that is missing does not compile. */
export type EnvFor<F extends FunctionName> = {
  [K in Exclude<keyof InputOf<F>, Optional<F> | SetByRuntime>]: string
} & { [K in Optional<F>]?: string }

/** The environment of a web function, beside what only it needs. */
export type WebEnv = z.output<typeof FunctionEnv.identity>
/** The environment of both functions that launch. */
export type LaunchingEnv = z.output<typeof FunctionEnv.reconciler>

/**
 * Reads a function's environment once, at start. Throws one error that lists every variable that is missing or wrong, by
 * name; values are never printed.
 */
export const loadEnv = <S extends z.ZodMiniType>(
  schema: S,
  source: Record<string, string | undefined>,
): z.output<S> => {
  const parsed = schema.safeParse(source)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} (${issue.code})`)
  throw new Error(`the environment is not usable: ${problems.join(', ')}; set these variables and start again`)
}
