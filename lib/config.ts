import type { App } from 'aws-cdk-lib'
import * as z from 'zod'

/** What an operator may choose. Every key is optional but the site's origin; docs/deploy.md will explain each. */
const DeployConfig = z.strictObject({
  stage: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,15}$/, { message: 'a lower-case word of 2 to 16 letters, digits and dashes' })
    .default('prod'),
  siteOrigin: z
    .url({ protocol: /^https$/, message: 'an https origin, like https://vestibule.example.com' })
    .default('https://vestibule.example.com'),
  logRetentionDays: z.coerce
    .number()
    .refine((days) => [30, 90, 180, 365].includes(days), { message: '30, 90, 180 or 365' })
    .default(90),
})
export type DeployConfig = z.output<typeof DeployConfig>

/** The only reader of CDK context. Reports every mistake at once: what was got, what is allowed. */
export const readDeployConfig = (app: App): DeployConfig => {
  const given = Object.fromEntries(
    Object.keys(DeployConfig.shape).flatMap((key) => {
      const value: unknown = app.node.tryGetContext(key)
      return value === undefined ? [] : [[key, value]]
    }),
  )
  const parsed = DeployConfig.safeParse(given)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => {
    const key = path.join('.')
    return `${key} is ${JSON.stringify(given[key])}; give ${message}`
  })
  throw new Error(`the deploy configuration does not fit: ${problems.join('; ')} (cdk -c key=value)`)
}
