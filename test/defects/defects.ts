/** One small change that breaks one rule, and the test that must turn red for it. */
export interface Defect {
  /** What the code does wrong with it. */
  name: string
  /** The rule that it breaks: an invariant (`I-01`), an abuse case (`INV-01`), a feature (`P20`) or a decision. */
  rule: string
  file: string
  /** A text that stands in the file exactly once, and what stands in its place. */
  from: string
  to: string
  /** A part of the test's title, as it is written in its file. */
  caughtBy: { file: string; name: string }
}

const INVITES = 'test/abuse/invite.test.ts'
const SESSIONS = 'test/abuse/session.test.ts'
const STRANGERS = 'test/abuse/email-enumeration.test.ts'
const LIMITS = 'test/abuse/rate-limit.test.ts'
const REQUESTS = 'test/abuse/csrf-http.test.ts'
const DOORS = 'test/abuse/authz-password.test.ts'
const SECRETS = 'test/abuse/secrets-leak.test.ts'
const TENANT_KEYS = 'test/lambdas/tenant-key.test.ts'
const CORE = 'test/lambdas/core.test.ts'
const TRAIL = 'test/lambdas/audit-trail.test.ts'
const ENROLLMENT = 'test/lambdas/enrollment.test.ts'
const PROVISIONING = 'test/lambdas/provisioning.test.ts'
const MACHINE_STATES = 'test/lambdas/provisioning/machine-states.test.ts'
const KEYS = 'test/abuse/provisioning-keys.test.ts'
const PACE = 'test/lambdas/launch-pace.test.ts'
const LINE = 'test/lambdas/provisioning/launch-line.test.ts'
const CERTIFICATES = 'test/lambdas/support/certificates.test.ts'
const RELEASES = 'test/agent/release.test.ts'
const STACKS = 'test/lib/stacks.test.ts'
const RIGHTS = 'test/lib/rights.test.ts'
const MACHINE_RIGHTS = 'test/lib/instance-rights.test.ts'

/** Those that take longest come first, so that nothing waits for them at the end. */
const IN_TEMPLATES: readonly Defect[] = [
  {
    name: 'a machine reads secrets that are not bound to it',
    rule: 'I-07',
    file: 'lib/rights/instance.ts',
    from: `allow(['secretsmanager:GetSecretValue'], [place.agentSecrets], {`,
    to: `allow(['secretsmanager:GetSecretValue'], [place.agentSecrets]),
  allow(['secretsmanager:GetSecretValue'], [place.agentSecrets], {`,
    caughtBy: { file: MACHINE_RIGHTS, name: 'AUZ-08 reads the secret that is bound to it and no other' },
  },
  {
    name: 'a function may use every key of the account',
    rule: 'IAC-02',
    file: 'lib/rights/web.ts',
    from: `allow(['kms:Sign', 'kms:GetPublicKey'], [data.supportCa.keyArn])`,
    to: `allow(['kms:Sign', 'kms:GetPublicKey'], ['*'])`,
    caughtBy: { file: RIGHTS, name: 'IAC-02 name what they are for' },
  },
  {
    name: 'a function may give a machine any role',
    rule: 'IAC-02',
    file: 'lib/rights/workers.ts',
    from: `allow(['iam:PassRole'], [network.instanceRoleArn], {`,
    to: `allow(['iam:PassRole'], ['*'], {`,
    caughtBy: { file: RIGHTS, name: 'IAC-02 name what they are for' },
  },
  {
    name: 'a bucket is not under our own key',
    rule: 'IAC-05',
    file: 'lib/stacks/data.ts',
    from: `    // The L2 switch would add a custom resource with a Lambda of its own.`,
    to: `    resource.addPropertyDeletionOverride('BucketEncryption')`,
    caughtBy: { file: STACKS, name: 'IAC-05 lies under our own key' },
  },
  {
    name: 'a bucket may be opened to the public',
    rule: 'IAC-05',
    file: 'lib/stacks/data.ts',
    from: `throw new Error('the bucket has no CloudFormation resource; check the CDK version')`,
    to: `throw new Error('none')\n    resource.addPropertyOverride('PublicAccessBlockConfiguration.BlockPublicPolicy', false)`,
    caughtBy: { file: STACKS, name: 'IAC-05 is spoken to over TLS alone, and no bucket is open to anybody' },
  },
]

const OF_INVITES_AND_ACCOUNTS: readonly Defect[] = [
  {
    name: 'an invite that was revoked meanwhile is redeemed',
    rule: 'I-03',
    file: 'lambdas/invites/invite-store.aws.ts',
    from: `'#state = :pending AND expiresAt > :now AND codeHash = :codeHash'`,
    to: `'(attribute_exists(pk) OR #state = :pending) AND expiresAt > :now AND codeHash = :codeHash'`,
    caughtBy: { file: INVITES, name: 'INV-04 lets either the revocation or the redemption win' },
  },
  {
    name: 'an invite is redeemed into a suspended tenant',
    rule: 'INV-25',
    file: 'lambdas/accounts/tenant-store.aws.ts',
    from: `UpdateExpression: 'SET accountCount = accountCount + :one',
        ConditionExpression: '#status = :active',`,
    to: `UpdateExpression: 'SET accountCount = accountCount + :one',
        ConditionExpression: 'attribute_exists(pk) OR #status = :active',`,
    caughtBy: { file: INVITES, name: 'INV-25 refuses an invite into a suspended tenant' },
  },
  {
    name: 'an invite code is stored in clear',
    rule: 'I-20',
    file: 'lambdas/invites/invite.ts',
    from: `import { sha256Hex } from '../core/digest.ts'`,
    to: `const sha256Hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')`,
    caughtBy: { file: INVITES, name: 'INV-17 stores a hash and no part of the code' },
  },
  {
    name: 'any e-mail may redeem an invite',
    rule: 'INV-07',
    file: 'lambdas/invites/redeem-invite.ts',
    from: `return invite.email === email ? null : 'email_differs'`,
    to: `return email === '' ? 'email_differs' : null`,
    caughtBy: { file: INVITES, name: 'INV-07 refuses another e-mail and leaves the invite as it is' },
  },
  {
    name: 'e-mails are folded to lower case by the rules of Unicode',
    rule: 'EML-02',
    file: 'lambdas/contract/text.ts',
    from: `z.string().check(z.maxLength(254), z.regex(EMAIL,`,
    to: `z.string().check(z.toLowerCase(), z.maxLength(254), z.regex(EMAIL,`,
    caughtBy: { file: STRANGERS, name: 'EML-02 EML-09 refuses look-alikes' },
  },
  {
    name: 'nothing is hashed for an address without an account',
    rule: 'ENU-01',
    file: 'lambdas/accounts/sign-in.ts',
    from: `    await deps.passwords.verifyDecoy(input.password)\n`,
    to: '',
    caughtBy: { file: STRANGERS, name: 'ENU-01 hashes as often for an unknown address as for a known one' },
  },
  {
    name: 'failed sign-ins count only for addresses with an account',
    rule: 'ENU-04',
    file: 'lambdas/accounts/sign-in.ts',
    from: `if (!taken.ok) return taken`,
    to: `if (!taken.ok && found !== null) return taken`,
    caughtBy: { file: STRANGERS, name: 'ENU-01 ENU-04 answers alike for unknown and known addresses' },
  },
  {
    name: 'one request more a minute is let in than may be',
    rule: 'I-24',
    file: 'lambdas/limits/limiter.aws.ts',
    from: `'attribute_not_exists(hits) OR hits < :max'`,
    to: `'attribute_not_exists(hits) OR hits <= :max'`,
    caughtBy: { file: LIMITS, name: 'lets exactly twenty of a hundred parallel sign-ins through' },
  },
  {
    name: 'the first X-Forwarded-For is taken for the client',
    rule: 'RAT-01',
    file: 'lambdas/entry/http-handler.ts',
    from: `c.req.header(VIEWER_ADDRESS_HEADER) ?? 'unknown'`,
    to: `c.req.header('x-forwarded-for')?.split(',')[0] ?? c.req.header(VIEWER_ADDRESS_HEADER) ?? 'unknown'`,
    caughtBy: { file: LIMITS, name: 'RAT-01 RAT-03 counts the peer, whatever forwarded headers say' },
  },
  {
    name: 'one IPv4 address has two buckets',
    rule: 'RAT-04',
    file: 'lambdas/limits/address-bucket.ts',
    from: `&& groups[5] === 0xffff`,
    to: `&& groups[5] === 0`,
    caughtBy: { file: LIMITS, name: 'RAT-04 gives one bucket to one client in every spelling' },
  },
]

const OF_SESSIONS: readonly Defect[] = [
  {
    name: 'the MAC of a session is not compared before the look-up',
    rule: 'SES-01',
    file: 'lambdas/sessions/signed-value.ts',
    from: `equalsConstantTime(mac, macOf(key, purpose, stage, text.slice(0, last)))`,
    to: `equalsConstantTime(mac, mac) || macOf(key, purpose, stage, text.slice(0, last)).length > 0`,
    caughtBy: { file: SESSIONS, name: 'SES-01 refuses every damaged cookie without a look-up' },
  },
  {
    name: 'the purpose is left out of a MAC',
    rule: 'I-32',
    file: 'lambdas/sessions/signed-value.ts',
    from: 'vestibule\\n${purpose}\\n${stage}',
    to: 'vestibule\\n${stage}',
    caughtBy: { file: CORE, name: 'I-32 are worthless for another purpose, stage or key' },
  },
  {
    name: 'an idle session goes on',
    rule: 'SES-11',
    file: 'lambdas/sessions/session-lifetime.ts',
    from: `const idleEnd = addSeconds(lastSeenAt, idleSeconds)`,
    to: `const idleEnd = addSeconds(lastSeenAt, Math.max(idleSeconds, absoluteSeconds))`,
    caughtBy: { file: SESSIONS, name: 'SES-11 SES-12 ends idle and absolute lifetimes by its own clock' },
  },
  {
    name: 'each use moves the absolute end of a session',
    rule: 'I-25',
    file: 'lambdas/sessions/session-lifetime.ts',
    from: `const absoluteEnd = addSeconds(createdAt, absoluteSeconds)`,
    to: `const absoluteEnd = addSeconds(lastSeenAt < createdAt ? createdAt : lastSeenAt, absoluteSeconds)`,
    caughtBy: { file: CORE, name: 'end sessions by idleness or age, whichever comes first' },
  },
  {
    name: 'a new password moves the absolute end of a session',
    rule: 'I-25',
    file: 'lambdas/accounts/change-password.ts',
    from: `{ ...opened.session, createdAt: session.createdAt, sequence }`,
    to: `{ ...opened.session, sequence }`,
    caughtBy: { file: SESSIONS, name: 'SES-11 keeps its absolute end when the password changes' },
  },
  {
    name: 'a session ends when DynamoDB has deleted its row',
    rule: 'SES-12',
    file: 'lambdas/sessions/authenticate-session.ts',
    from: `if (now >= sessionExpiry(account.role, session.createdAt, session.lastSeenAt))`,
    to: `if (Number.isNaN(sessionExpiry(account.role, session.createdAt, session.lastSeenAt).getTime()))`,
    caughtBy: { file: SESSIONS, name: 'SES-11 SES-12 ends idle and absolute lifetimes by its own clock' },
  },
  {
    name: 'an API token ends when DynamoDB has deleted its row',
    rule: 'I-25',
    file: 'lambdas/tokens/authenticate-token.ts',
    from: `  if (now >= token.expiresAt) return fail({ reason: 'token_expired' })\n`,
    to: '',
    caughtBy: { file: DOORS, name: 'ends an API token by its own clock, though its row is still there' },
  },
  {
    name: 'the role is what the cookie once said',
    rule: 'I-09',
    file: 'lambdas/sessions/authenticate-session.ts',
    from: `  if (!judged.ok || judged.value.session === null) return judged\n`,
    to: `  if (!judged.ok || judged.value.session === null) return judged
  judged.value.account.role = claim.role\n`,
    caughtBy: { file: SESSIONS, name: 'SES-14 applies a new role to the very next call' },
  },
  {
    name: 'signing out is answered before the session has ended',
    rule: 'I-08',
    file: 'lambdas/http/routes/sessions.ts',
    from: `const ended = await logOut(deps, { token: sessionToken, requestId })`,
    to: `setTimeout(() => logOut(deps, { token: sessionToken, requestId }), 1000).unref()
    const ended = await Promise.resolve<Awaited<ReturnType<typeof logOut>>>({ ok: true, value: undefined })`,
    caughtBy: { file: SESSIONS, name: 'SES-03 ends a session for every instance of the app at once' },
  },
  {
    name: 'a suspension leaves sessions to go on after it',
    rule: 'I-08',
    file: 'lambdas/accounts/tenant-store.aws.ts',
    from: `'SET #status = :suspended, sessionsEndedAt = :sequence'`,
    to: `'SET #status = :suspended, suspendedAt = :sequence'`,
    caughtBy: { file: DOORS, name: 'ends every session and token of a suspended tenant for good' },
  },
  {
    name: 'of two cookies of one name the first counts',
    rule: 'SES-08',
    file: 'lambdas/http/cookies.ts',
    from: `  if (values.length > 1) return fail({ reason: 'cookie_twice' })\n`,
    to: '',
    caughtBy: { file: SESSIONS, name: 'SES-08 SES-19 refuses a doubled cookie' },
  },
]

const OF_REQUESTS: readonly Defect[] = [
  {
    name: 'the origin "null" is taken for none',
    rule: 'CSR-02',
    file: 'lambdas/http/same-origin.ts',
    from: `if (facts.origin !== undefined) return`,
    to: `if (facts.origin !== undefined && facts.origin !== 'null') return`,
    caughtBy: { file: REQUESTS, name: 'CSR-01 CSR-02 CSR-03 refuses foreign, null and unstated origins' },
  },
  {
    name: 'the proof of the edge is not compared',
    rule: 'AUZ-12',
    file: 'lambdas/http/middleware/origin-proof.ts',
    from: `equalsConstantTime(given, sha256Bytes(proof.reveal()))`,
    to: `given.length === sha256Bytes(proof.reveal()).length`,
    caughtBy: { file: DOORS, name: 'AUZ-12 answers only what came through the edge' },
  },
  {
    name: 'the tenant is taken from a header',
    rule: 'AUZ-02',
    file: 'lambdas/http/routes/agents.ts',
    from: `route('GET /api/agents', async ({ tenant, query }) => {`,
    to: `route('GET /api/agents', async ({ tenant: own, query, header }) => {
    const tenant = { tenantId: (header('x-tenant-id') ?? own.tenantId) as typeof own.tenantId }`,
    caughtBy: { file: DOORS, name: 'AUZ-02 takes the tenant from the session alone' },
  },
  {
    name: 'an agent is found by its id in any tenant',
    rule: 'I-05',
    file: 'lambdas/http/routes/agents.ts',
    from: `const agent = await deps.agents.read(tenant.tenantId, params.id)`,
    to: `const agent = (await deps.agents.read(tenant.tenantId, params.id)) ?? (await deps.agents.findById(params.id))`,
    caughtBy: { file: STRANGERS, name: 'ENU-06 AUZ-01 answers alike for another tenant’s agent' },
  },
  {
    name: 'an idempotency key is one for all callers',
    rule: 'I-23',
    file: 'lambdas/contract/names.ts',
    from: `export const idempotencyKey = (tenantId: TenantId, key: string) => ({
  pk: \`TENANT#\${tenantId}\`,`,
    to: `export const idempotencyKey = (_tenantId: TenantId, key: string) => ({
  pk: 'TENANT#any',`,
    caughtBy: { file: SECRETS, name: 'I-23 takes one key of two tenants for two requests' },
  },
  {
    name: 'an idempotency key is good for another body',
    rule: 'I-23',
    file: 'lambdas/agents/onboard-agent.ts',
    from: `openValue(keys, 'idempotency', deps.stage, reopened) !== content`,
    to: `openValue(keys, 'idempotency', deps.stage, reopened) === content + content`,
    caughtBy: { file: SECRETS, name: 'PRV-15 makes one agent of twenty identical calls' },
  },
  {
    name: 'an unusable key of a person is thrown instead of refused',
    rule: 'I-26',
    file: 'lambdas/support/issue-certificate.ts',
    from: `if (!key.ok) return key`,
    to: `if (!key.ok) throw new Error('the key cannot be used')`,
    caughtBy: { file: CERTIFICATES, name: 'an RSA key' },
  },
]

const OF_CREDENTIALS: readonly Defect[] = [
  {
    name: 'a merge drops what it does not name',
    rule: 'I-10',
    file: 'lambdas/credentials/merge.ts',
    from: `const values = new Map(current.values)`,
    to: `const values = new Map<string, Secret>()`,
    caughtBy: { file: CORE, name: 'keeps what is not named, for every mixture of changes' },
  },
  {
    name: 'the version of a secret is not claimed by the one before it',
    rule: 'I-10',
    file: 'lambdas/credentials/credential-vault.aws.ts',
    from: `ClientRequestToken: versionAfter(base) }`,
    to: `ClientRequestToken: random.bytes(32).toString('hex') }`,
    caughtBy: { file: SECRETS, name: 'SEC-01 keeps every acknowledged key of 100 merges by separate clients' },
  },
  {
    name: 'what is given is shown as stored, whatever was stored',
    rule: 'I-11',
    file: 'lambdas/agents/change-credentials.ts',
    from: `credentialStates(new Set(state.names), agent.credentials`,
    to: `credentialStates(new Set([...providedKinds(agent), ...merge.kinds]), agent.credentials`,
    caughtBy: { file: SECRETS, name: 'SEC-10 touches only what is named; nothing but null removes' },
  },
  {
    name: 'the last model credential can be removed',
    rule: 'SEC-10',
    file: 'lambdas/agents/change-credentials.ts',
    from: `MODEL_CREDENTIAL_KINDS.some((kind) => names.includes(kind)) ? null`,
    to: `MODEL_CREDENTIAL_KINDS.some((kind) => names.includes(kind) || names.length >= 0) ? null`,
    caughtBy: { file: SECRETS, name: 'SEC-10 touches only what is named; nothing but null removes' },
  },
  {
    name: 'a secret shows itself in JSON',
    rule: 'I-06',
    file: 'lambdas/core/secret.ts',
    from: `toJSON(): string {
    return MASK`,
    to: `toJSON(): string {
    return String(this.#value)`,
    caughtBy: { file: CORE, name: 'shows its value to nothing but reveal' },
  },
  {
    name: 'the message of an error is logged',
    rule: 'LEK-02',
    file: 'lambdas/http/app.ts',
    from: `error.cause instanceof Error ? error.cause.name : 'unknown'`,
    to: `error.cause instanceof Error ? error.cause.message : 'unknown'`,
    caughtBy: { file: SECRETS, name: 'LEK-02 LEK-10 are nowhere when AWS calls fail with what they were given' },
  },
  {
    name: 'the message of an error is answered',
    rule: 'LEK-11',
    file: 'lambdas/http/app.ts',
    from: `{ code: 'unavailable', reason: error.kind }`,
    to: `{ code: 'unavailable', reason: error.kind, message: String(error.cause) }`,
    caughtBy: { file: SECRETS, name: 'LEK-02 LEK-10 are nowhere when AWS calls fail with what they were given' },
  },
  {
    name: 'a provision request holds a text that a person typed',
    rule: 'I-13',
    file: 'lambdas/agents/provision-requests.aws.ts',
    from: `Body: JSON.stringify(request)`,
    to: `Body: JSON.stringify({ ...request, name: agent.name })`,
    caughtBy: { file: SECRETS, name: 'LEK-01 LEK-06 LEK-08 LEK-11 SEC-14 LOC-05 are nowhere but' },
  },
  {
    name: 'a deleted agent leaves its secret',
    rule: 'I-14',
    file: 'lambdas/provisioning/clear-agent.ts',
    from: `  await deps.vault.remove(secretId)\n`,
    to: '',
    caughtBy: { file: SECRETS, name: 'SEC-09 SEC-16 leaves no live secret of a deleted agent' },
  },
  {
    name: 'a tenant’s key opens the secrets of every tenant',
    rule: 'AUZ-10',
    file: 'lambdas/credentials/tenant-key-policy.ts',
    from: `'kms:EncryptionContext:SecretARN': [ownSecrets, `,
    to: `'kms:EncryptionContext:SecretARN': [ownSecrets.replace(tenantId, '*'), `,
    caughtBy: { file: DOORS, name: 'AUZ-10 lets a tenant’s key be used only through Secrets Manager' },
  },
  {
    name: 'the sweep of strays ends a key that was replaced, with the disks under it',
    rule: 'CLK-07',
    file: 'lambdas/provisioning/stray-kinds.ts',
    from: `return [keyArn, ...formerKeyArns].some(`,
    to: `return [keyArn, ...formerKeyArns].slice(0, 1).some(`,
    caughtBy: { file: TENANT_KEYS, name: 'CLK-07 leaves the one before enabled' },
  },
  {
    name: 'a replacement of a key that was cut off leaves its key, and the next makes another',
    rule: 'CLK-07',
    file: 'lambdas/credentials/tenant-key-replacement.aws.ts',
    from: `given ?? (await findLeft(holder)) ?? `,
    to: `given ?? `,
    caughtBy: { file: TENANT_KEYS, name: 'CLK-07 after any call to AWS is finished by the next' },
  },
  {
    name: 'a tenant’s secrets stay under the key before when it gets another',
    rule: 'CLK-07',
    file: 'lambdas/credentials/replace-tenant-key.ts',
    from: `const movedSecrets = await moveSecrets(deps, holder)`,
    to: `const movedSecrets = 0`,
    caughtBy: { file: TENANT_KEYS, name: 'CLK-07 gets what is written from now on' },
  },
  {
    name: 'a replacement that was done is done again when it is asked for again',
    rule: 'CLK-07',
    file: 'lambdas/credentials/replace-tenant-key.ts',
    from: `if (clock.now() < addSeconds(keyReplacedAt, KEY_REPLACEMENT_SECONDS)) return ok({ did: 'nothing', ...done })`,
    to: '',
    caughtBy: { file: TENANT_KEYS, name: 'CLK-07 is followed by another a day later, and not before' },
  },
  {
    name: 'two replacements of a key at a time both count',
    rule: 'CLK-07',
    file: 'lambdas/accounts/tenant-store.aws.ts',
    from: `ConditionExpression: 'keyArn = :keyArn',`,
    to: `ConditionExpression: 'attribute_exists(pk) OR keyArn = :keyArn',`,
    caughtBy: { file: TENANT_KEYS, name: 'CLK-07 is made once of two runs at a time' },
  },
  {
    name: 'a tenant may have one agent more',
    rule: 'PRV-17',
    file: 'lambdas/accounts/tenant-store.aws.ts',
    from: `'agentCount < :cap AND #status = :active'`,
    to: `'agentCount <= :cap AND #status = :active'`,
    caughtBy: { file: SECRETS, name: 'PRV-17 accepts exactly as many agents as the tenant may have' },
  },
]

const OF_MACHINES: readonly Defect[] = [
  {
    name: 'each retry of a launch has a client token of its own',
    rule: 'EC2-01',
    file: 'lambdas/provisioning/instances.aws.ts',
    from: `ClientToken: attempt.clientToken,`,
    to: `ClientToken: crypto.randomUUID(),`,
    caughtBy: { file: PROVISIONING, name: 'EC2-01 keeps one machine when the answer of the launch is lost' },
  },
  {
    name: 'launches do not wait for their turn',
    rule: 'ADR 0009',
    file: 'lambdas/provisioning/launch-in-turn.ts',
    from: `    await deps.pace.takeTurn(lineHead)\n`,
    to: '',
    caughtBy: { file: PACE, name: 'launches five agents at once and the others half a second apart' },
  },
  {
    name: 'launches of all tenants stand in one line',
    rule: 'S13',
    file: 'lambdas/provisioning/launch-line.aws.ts',
    from: `MessageGroupId: who.tenantId`,
    to: `MessageGroupId: 'all'`,
    caughtBy: { file: LINE, name: 'S13 serves the one agent of a tenant next' },
  },
  {
    name: 'who waits behind many of their own tenant is taken for lost',
    rule: 'ADR 0014',
    file: 'lambdas/provisioning/launch-pace.aws.ts',
    from: `'formerHead = lineHead, lineHead = :head, headsFrom = :now'`,
    to: `'lineHead = :head, headsFrom = :now'`,
    caughtBy: { file: PACE, name: 'S13 passes by nobody of a busy tenant' },
  },
  {
    name: 'a launch is made although its agent was deleted meanwhile',
    rule: 'I-14',
    file: 'lambdas/provisioning/launch-in-turn.ts',
    from: `if (!(await isWanted())) return null`,
    to: `await isWanted()`,
    caughtBy: { file: PACE, name: 'is not made when the agent was deleted while it waited for its turn' },
  },
  {
    name: 'a fresh request that waits in the line is failed',
    rule: 'I-18',
    file: 'lambdas/agents/agent.ts',
    from: `isPassing(agent.status) && !waitsForTurn(agent)`,
    to: `isPassing(agent.status)`,
    caughtBy: { file: PACE, name: 'leaves a fresh request alone while it looks after a merge of the same agent' },
  },
  {
    name: 'a start believes that a machine runs which was stopped meanwhile',
    rule: 'I-12',
    file: 'lambdas/provisioning/converge-agent.ts',
    from: `const isAsked = seen.state === 'stopped' || seen.state === 'running'`,
    to: `const isAsked = seen.state === 'stopped'`,
    caughtBy: { file: MACHINE_STATES, name: 'a start is asked for although the machine seems to run' },
  },
  {
    name: 'a machine goes on running although its agent is stopped',
    rule: 'I-12',
    file: 'lambdas/provisioning/record-heartbeat.ts',
    from: `const isContrary = agent.status === 'stopped'`,
    to: `const isContrary = false`,
    caughtBy: { file: MACHINE_STATES, name: 'is stopped again where its tenant had asked for it' },
  },
  {
    name: 'a key is made and not learned of by its tenant’s row',
    rule: 'I-17',
    file: 'lambdas/agents/create-agent-secret.ts',
    from: `  await deps.tenants.rememberKey(tenant.tenantId, key.arn)\n`,
    to: '',
    caughtBy: { file: KEYS, name: 'is learned by the tenant’s row also where credentials come after' },
  },
  {
    name: 'a new key that AWS does not see everywhere yet is given up',
    rule: 'PRV-06',
    file: 'lambdas/core/until-visible.ts',
    from: `if (!isTooEarly(error) || clock.now() >= until) throw error`,
    to: `throw error`,
    caughtBy: { file: KEYS, name: 'PRV-06 is waited for at each call that names it' },
  },
  {
    name: 'a tenant that has spent its minute cannot be suspended',
    rule: 'S12',
    file: 'lambdas/agents/lifecycle.ts',
    from: `const isHeld = wish.to !== 'deleting' && input.principal.account.role === 'tenant'`,
    to: `const isHeld = wish.to !== 'deleting'`,
    caughtBy: { file: LIMITS, name: 'S12 hold no admin who suspends the tenant' },
  },
  {
    name: 'a tenant that floods is not held',
    rule: 'S12',
    file: 'lambdas/agents/change-agent.ts',
    from: `...(limit === null ? [] : [{ refusal: 'over_limit' as const, action: limit.step() }]),`,
    to: '',
    caughtBy: { file: LIMITS, name: 'S12 hold a tenant that floods, and no other' },
  },
  {
    name: 'an agent that was given up is asked for again and nobody is told',
    rule: 'I-21',
    file: 'lambdas/agents/onboard-agent.ts',
    from: `if (next.status === previous.status) return deps.agents.settleOnboarding(steps)`,
    to: `if (next !== previous) return deps.agents.settleOnboarding(steps)`,
    caughtBy: { file: KEYS, name: 'I-21 is asked for again by the call that was given up meanwhile' },
  },
  {
    name: 'a machine that ended is not noticed',
    rule: 'I-12',
    file: 'lambdas/provisioning/converge-agent.ts',
    from: `      return watchRunning(deps, agent, seen)`,
    to: `      return seen?.state === 'stopped' ? watchRunning(deps, agent, seen) : null`,
    caughtBy: { file: PROVISIONING, name: 'EC2-09 notices a machine that ended while nobody said so' },
  },
  {
    name: 'a failed agent keeps its machine',
    rule: 'I-12',
    file: 'lambdas/provisioning/converge-agent.ts',
    from: `await (isQuarantined(agent) ? isolate(deps, agent) : clearFailed(deps, agent))`,
    to: `if (isQuarantined(agent)) await isolate(deps, agent)`,
    caughtBy: { file: PROVISIONING, name: 'leaves no machine behind when an agent fails by its deadline' },
  },
  {
    name: 'a machine of a suspended tenant goes on running',
    rule: 'I-12',
    file: 'lambdas/provisioning/converge-agent.ts',
    from: `if (tenant?.status === 'active') return null`,
    to: `if (tenant !== null) return null`,
    caughtBy: { file: PROVISIONING, name: 'stops what was still on its way when its tenant was suspended' },
  },
  {
    name: 'the audience of a proof is not checked',
    rule: 'EC2-12',
    file: 'lambdas/provisioning/instance-proof.ts',
    from: `      audience,\n`,
    to: '',
    caughtBy: { file: ENROLLMENT, name: 'EC2-12 takes no proof for somebody else' },
  },
  {
    name: 'a proof is taken more than once',
    rule: 'EC2-12',
    file: 'lambdas/provisioning/identify-instance.ts',
    from: `if (!fresh) return`,
    to: `if (proof.jti === '' && !fresh) return`,
    caughtBy: { file: ENROLLMENT, name: 'EC2-12 takes each proof once' },
  },
  {
    name: 'a machine enrols twice in one attempt',
    rule: 'I-15',
    file: 'lambdas/provisioning/enroll-instance.ts',
    from: ` || current.enrolledAttempt === owner.attempt`,
    to: '',
    caughtBy: { file: ENROLLMENT, name: 'EC2-12 lets a machine in once per launch' },
  },
  {
    name: 'the machine of an earlier attempt is heard',
    rule: 'I-15',
    file: 'lambdas/provisioning/identify-instance.ts',
    from: `if (agent === null || agent.instance?.arn !== proof.instanceArn) return 'superseded'
  if (agent.attempt !== owner.attempt) return 'superseded'`,
    to: `if (agent === null) return 'superseded'`,
    caughtBy: { file: ENROLLMENT, name: 'EC2-12 hears no machine that was replaced' },
  },
  {
    name: 'a release that was not asked for is started',
    rule: 'P20',
    file: 'lambdas/provisioning/user-data.ts',
    from: ` || refuse "the list is not that of release $RELEASE"`,
    to: ` || true`,
    caughtBy: { file: RELEASES, name: 'an older release, although it is signed' },
  },
  {
    name: 'a release that nobody signed is started',
    rule: 'P20',
    file: 'lambdas/provisioning/user-data.ts',
    from: ` || refuse "the signature is not good"`,
    to: ` || true`,
    caughtBy: { file: RELEASES, name: 'a signature by another key' },
  },
]

const OF_SUPPORT: readonly Defect[] = [
  {
    name: 'the support path is opened before that is written down',
    rule: 'I-19',
    file: 'lambdas/provisioning/agent-groups.ts',
    from: `  if (!agent.supportPathOpen && !(await write(agent, true, true))) return true
  const after = await setGroups(deps, agent, instance.id, groups(true))`,
    to: `  const after = await setGroups(deps, agent, instance.id, groups(true))
  if (!agent.supportPathOpen && !(await write(agent, true, true))) return true`,
    caughtBy: { file: PROVISIONING, name: 'SSH-02 closes the support path although an opening was overtaken' },
  },
  {
    name: 'switching support off is answered before the path is closed',
    rule: 'I-19',
    file: 'lambdas/agents/set-support-access.ts',
    from: `if (input.enabled || isPathClosed(changed.value)) return changed`,
    to: `if (input.enabled || changed.ok) return changed`,
    caughtBy: { file: PROVISIONING, name: 'SSH-02 answers "off" only when the path is closed' },
  },
  {
    name: 'a machine starts with the support path open',
    rule: 'SSH-01',
    file: 'lambdas/provisioning/launch-attempt.ts',
    from: `securityGroupsOf(settings, false)`,
    to: `securityGroupsOf(settings, true)`,
    caughtBy: { file: PROVISIONING, name: 'SSH-01 starts every machine with the support path closed' },
  },
  {
    name: 'a certificate allows forwarding',
    rule: 'SSH-04',
    file: 'lambdas/support/ssh-certificate.ts',
    from: `const EXTENSIONS = ['permit-pty']`,
    to: `const EXTENSIONS = ['permit-port-forwarding', 'permit-pty']`,
    caughtBy: { file: CERTIFICATES, name: 'H1 is for one agent and one user, for minutes, without forwarding' },
  },
  {
    name: 'a certificate is good for every user',
    rule: 'SSH-01',
    file: 'lambdas/support/ssh-certificate.ts',
    from: `if (request.principal === '') throw`,
    to: `if (request.keyId === '') throw`,
    caughtBy: { file: CERTIFICATES, name: 'SSH-01 is never signed for nobody in particular' },
  },
  {
    name: 'a certificate is handed out although support was turned off meanwhile',
    rule: 'SSH-02',
    file: 'lambdas/agents/agent-store.aws.ts',
    from: `'supportAccess = :yes AND supportPathOpen = :yes AND #status IN (:booting, :ready)'`,
    to: `'supportPathOpen = :yes AND #status IN (:booting, :ready)'`,
    caughtBy: {
      file: CERTIFICATES,
      name: 'SSH-02 is refused when the tenant turns support off while it is being signed',
    },
  },
]

const OF_THE_TRAIL: readonly Defect[] = [
  {
    name: 'an event is written after its change instead of with it',
    rule: 'I-21',
    file: 'lambdas/audit/audit-trail.aws.ts',
    from: `const steps: TransactStep<R | 'head_moved'>[] = [...change.steps(event.sequence), ...appendSteps(head, event)]`,
    to: `const own = change.steps(event.sequence)
    const changed = own.length === 0 ? null : await transact(dynamo, random, own)
    if (changed?.ok === false) return changed
    const steps: TransactStep<R | 'head_moved'>[] = appendSteps(head, event)`,
    caughtBy: { file: TRAIL, name: 'I-21 holds a change and its event or neither' },
  },
  {
    name: 'the hash of an event leaves out who did it',
    rule: 'I-22',
    file: 'lambdas/audit/chain.ts',
    from: `      event.actor.id,\n`,
    to: '',
    caughtBy: { file: CORE, name: 'AUD-04 covers every field of an event by its hash' },
  },
  {
    name: 'a chain that was cut short passes for whole',
    rule: 'I-22',
    file: 'lambdas/audit/chain.ts',
    from: `head.sequence !== previous.sequence || head.hash !== previous.hash`,
    to: `head.sequence < previous.sequence`,
    caughtBy: { file: CORE, name: 'AUD-04 names the first place that was edited, removed, reordered or cut off' },
  },
]

export const DEFECTS: readonly Defect[] = [
  ...IN_TEMPLATES,
  ...OF_INVITES_AND_ACCOUNTS,
  ...OF_SESSIONS,
  ...OF_REQUESTS,
  ...OF_CREDENTIALS,
  ...OF_MACHINES,
  ...OF_SUPPORT,
  ...OF_THE_TRAIL,
]
