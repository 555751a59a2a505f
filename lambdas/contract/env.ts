import * as z from 'zod'

const name = z.string().trim().min(1)

const common = {
  VESTIBULE_STAGE: z.string().regex(/^[a-z][a-z0-9-]{1,15}$/),
  VESTIBULE_VERSION: name,
  DIRECTORY_TABLE: name,
  LIMITS_TABLE: name,
  AUDIT_TABLE: name,
}

const web = {
  ...common,
  SITE_ORIGIN: z.url({ protocol: /^https$/ }),
  SESSION_KEYS_SECRET: name,
  ORIGIN_PROOF_SECRET: name,
}

/** The environment of each function: one schema per function, names and ARNs only, never a secret value. */
export const FunctionEnv = {
  identity: z.object(web),
} as const

export type FunctionName = keyof typeof FunctionEnv
export type EnvFor<F extends FunctionName> = { [K in keyof z.input<(typeof FunctionEnv)[F]>]: string }

/**
 * Reads a function's environment once, at start. Throws one error that lists every variable that is missing or wrong, by
 * name; values are never printed.
 */
export const loadEnv = <S extends z.ZodType>(schema: S, source: Record<string, string | undefined>): z.output<S> => {
  const parsed = schema.safeParse(source)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')} (${issue.code})`)
  throw new Error(`the environment is not usable: ${problems.join(', ')}; set these variables and start again`)
}
