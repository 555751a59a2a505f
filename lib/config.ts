import type { App } from 'aws-cdk-lib'
import * as z from 'zod'

const DEFAULT_DOMAINS = [
  'api.anthropic.com',
  'claude.ai',
  '*.claude.ai',
  'github.com',
  '*.github.com',
  '*.githubusercontent.com',
  'slack.com',
  '*.slack.com',
  'registry.npmjs.org',
]

const wholeNumber = (min: number, max: number) =>
  z.coerce
    .number({ message: `a whole number from ${min} to ${max}` })
    .refine((number) => Number.isInteger(number) && number >= min && number <= max, {
      message: `a whole number from ${min} to ${max}`,
    })

const matching = (pattern: RegExp, message: string) => z.string({ message }).regex(pattern, { message })
const emailAddress = z.email({ message: 'an e-mail address' })
const KMS_KEY_ARN = /^arn:aws:kms:[a-z0-9-]+:\d{12}:key\/[0-9a-f-]+$/
const RETENTION_DAYS = [30, 90, 180, 365]

/** What an operator may choose, by CDK context. docs/deploy.md explains each key; a test compares. */
const DeployConfig = z
  .strictObject({
    stage: matching(/^[a-z][a-z0-9-]{1,15}$/, 'a lower-case word of 2 to 16 letters, digits and dashes').default(
      'prod',
    ),
    region: matching(/^[a-z]{2}(-[a-z]+)+-\d$/, 'an AWS region, like eu-central-1').optional(),
    domainName: matching(/^(?:[a-z0-9-]+\.)+[a-z]{2,}$/, 'a host name, like vestibule.example.com').optional(),
    certificateArn: matching(
      /^arn:aws:acm:us-east-1:\d{12}:certificate\/[0-9a-f-]+$/,
      'the ARN of an ACM certificate in us-east-1, which CloudFront asks for',
    ).optional(),
    firstAdminEmail: emailAddress.optional(),
    mailSender: emailAddress.optional(),
    mailIdentity: matching(/^[^\s/]+$/, 'the SES identity that is verified: a domain or an address').optional(),
    agentsPerTenant: wholeNumber(1, 1000).default(10),
    instanceType: matching(/^[a-z0-9]+\.[a-z0-9]+$/, 'an EC2 instance type for arm64, like t4g.small').default(
      't4g.small',
    ),
    amiParameter: matching(/^\/[\w./-]+$/, 'the name of a public SSM parameter that holds an AMI id').default(
      '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
    ),
    identityIssuer: matching(
      /^https:\/\/[0-9a-f-]{36}\.tokens\.sts\.global\.api\.aws$/,
      'the account’s token issuer, as `aws iam enable-outbound-web-identity-federation` prints it',
    ).optional(),
    egressProfile: z
      .enum(['open', 'allow-list', 'private'], { message: 'open, allow-list or private' })
      .default('open'),
    allowedDomains: z
      .string()
      .transform((text) => text.split(',').map((domain) => domain.trim()))
      .or(z.array(z.string()))
      .refine((domains) => domains.every((domain) => /^(?:\*\.)?(?:[a-z0-9-]+\.)+[a-z]{2,}$/.test(domain)), {
        message: 'host names separated by commas; a leading *. covers what is below',
      })
      .default(DEFAULT_DOMAINS),
    alarmEmail: emailAddress.optional(),
    logRetentionDays: z.coerce
      .number({ message: '30, 90, 180 or 365' })
      .refine((days) => RETENTION_DAYS.includes(days), { message: '30, 90, 180 or 365' })
      .default(90),
    auditLockDays: wholeNumber(1, 36_500).default(365),
    identityConcurrency: wholeNumber(1, 500).default(50),
    originProofSlot: z.enum(['a', 'b'], { message: 'a or b' }).default('a'),
    supportCaGeneration: wholeNumber(1, 1000).default(1),
    retiringSupportCa: matching(KMS_KEY_ARN, 'the ARN of the KMS key that signed before').optional(),
    breakGlassPrincipal: matching(
      /^arn:aws:iam::\d{12}:(?:role|user)\/.+$/,
      'the ARN of an IAM role or user',
    ).optional(),
    breakGlassUntil: z.iso.datetime({ message: 'a UTC time, like 2027-01-31T12:00:00Z' }).optional(),
  })
  .refine((config) => (config.domainName === undefined) === (config.certificateArn === undefined), {
    message: 'domainName and certificateArn together, or neither',
    path: ['certificateArn'],
  })
  .refine((config) => (config.breakGlassPrincipal === undefined) === (config.breakGlassUntil === undefined), {
    message: 'breakGlassPrincipal and breakGlassUntil together, or neither',
    path: ['breakGlassUntil'],
  })
  .refine((config) => config.mailIdentity === undefined || config.mailSender !== undefined, {
    message: 'nothing without mailSender',
    path: ['mailIdentity'],
  })
export type DeployConfig = z.output<typeof DeployConfig>

export const DEPLOY_CONFIG_KEYS: readonly string[] = Object.keys(DeployConfig.shape)

/** Checks a configuration. Reports every mistake at once: what was got, what is allowed. */
export const parseDeployConfig = (given: Record<string, unknown>): DeployConfig => {
  const parsed = DeployConfig.safeParse(given)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => {
    const key = path.join('.')
    return `${key} is ${JSON.stringify(given[key]) ?? 'not given'}; give ${message}`
  })
  throw new Error(
    `the deploy configuration does not fit: ${problems.join('; ')} (cdk -c key=value, see docs/deploy.md)`,
  )
}

/** The only reader of CDK context. */
export const readDeployConfig = (app: App): DeployConfig =>
  parseDeployConfig(
    Object.fromEntries(
      DEPLOY_CONFIG_KEYS.flatMap((key) => {
        const value: unknown = app.node.tryGetContext(key)
        return value === undefined ? [] : [[key, value]]
      }),
    ),
  )
