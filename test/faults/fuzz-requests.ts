import * as z from 'zod/mini'
import { CREDENTIAL_KINDS } from '../../lambdas/contract/credential-kinds.ts'
import { type Operation, type OperationName, operations } from '../../lambdas/contract/operations.ts'
import { encodeCursor } from '../../lambdas/contract/paging.ts'
import { string } from '../../lambdas/support/ssh-wire.ts'
import { ORIGIN } from '../support/browser.ts'
import type { Dice } from '../support/dice.ts'
import { PASSWORD } from '../support/harness.ts'
import { bend, bendText, breakJson, letters, toEdge, wildText } from './fuzz-values.ts'
import { type Caller, type FuzzWorld, SESSION_COOKIE } from './fuzz-world.ts'

export interface FuzzRequest {
  caller: Caller
  method: string
  /** Path and query, as they go over the wire. */
  target: string
  headers: [name: string, value: string][]
  body: Buffer | undefined
  /** What was meant, and whether nothing about it was bent. */
  meant: OperationName
  isValid: boolean
  /** The one id in the path. */
  id: string | undefined
}

export const OPERATION_NAMES = Object.keys(operations) as OperationName[]

const UNKNOWN = '0123456789abcdefghjkmnpqrs'
const HASH = 'a'.repeat(64)
const publicKey = (dice: Dice, comment: string): string =>
  `ssh-ed25519 ${Buffer.concat([string('ssh-ed25519'), string(dice.bytes(32))]).toString('base64')} ${comment}`

type Maker = (world: FuzzWorld, dice: Dice, caller: Caller) => unknown

const someCredentials: Maker = ({ credentials }, dice) =>
  Object.fromEntries(
    CREDENTIAL_KINDS.filter((kind) => kind === 'claudeCodeToken' || dice.chance(0.4)).map((kind) => [
      kind,
      dice.pick(credentials[kind]),
    ]),
  )

const somePatch: Maker = ({ credentials }, dice) =>
  Object.fromEntries(
    CREDENTIAL_KINDS.filter(() => dice.chance(0.4)).map((kind) => [
      kind,
      dice.chance(0.2) ? null : dice.pick(credentials[kind]),
    ]),
  )

const anyEmail = (dice: Dice): string => `${letters(dice, 6).toLowerCase()}@example.com`

const heartbeat = async ({ freshProof, badProofs }: FuzzWorld, dice: Dice) => ({
  proof: dice.chance(0.5) ? await freshProof() : dice.pick(badProofs),
  runtimeHash: HASH,
  ...(dice.chance(0.5) ? { bootStep: dice.pick(['started', 'enrolled', 'credentials_read', 'ready']) } : {}),
  ...(dice.chance(0.2) ? { notices: ['git_missing'] } : {}),
  ...(dice.chance(0.2)
    ? { supportSessions: [{ id: HASH, event: 'opened', serial: '7', at: '2026-11-21T09:00:00.000Z' }] }
    : {}),
})

const passwordChange: Maker = ({ passwordOf, passwords }, dice, { person }) => ({
  currentPassword: dice.chance(0.3) ? (passwordOf[person ?? ''] ?? PASSWORD) : dice.pick(passwords),
  newPassword: dice.pick(passwords),
})

const redeem: Maker = ({ pools, passwords }, dice) => {
  const [code, email] = pools.of('codes').length > 0 ? dice.pick(pools.of('codes')).split(' ') : []
  return {
    invite: code ?? `vst_inv_${letters(dice, 49)}`,
    email: email ?? anyEmail(dice),
    password: dice.pick(passwords),
  }
}

/** A body that fits, for each operation that takes one. */
const BODIES: Partial<Record<OperationName, Maker>> = {
  'POST /api/invites/inspect': ({ pools }, dice) => ({
    invite:
      pools.of('codes').length > 0 && dice.chance(0.6)
        ? dice.pick(pools.of('codes')).split(' ')[0]
        : `vst_inv_${letters(dice, 49)}`,
  }),
  'POST /api/signup': redeem,
  'POST /api/login': ({ passwords }, dice) => ({
    email: dice.pick(['ana@example.com', 'nobody@example.com', anyEmail(dice)]),
    password: dice.chance(0.1) ? PASSWORD : dice.pick(passwords),
  }),
  'POST /api/password': passwordChange,
  'POST /api/tokens': (_world, dice) => ({
    name: letters(dice, 6),
    ...(dice.chance(0.5) ? { expiresInDays: 30 } : {}),
  }),
  'POST /api/agents': (world, dice, caller) => ({
    name: `Agent ${letters(dice, 4)}`,
    credentials: someCredentials(world, dice, caller),
    ...(dice.chance(0.3) ? { supportAccess: dice.chance(0.5) } : {}),
  }),
  'PATCH /api/agents/{id}/credentials': somePatch,
  'PUT /api/agents/{id}/support-access': (_world, dice) => ({ enabled: dice.chance(0.8) }),
  'POST /api/admin/invites': ({ pools }, dice) => ({
    email: anyEmail(dice),
    ...dice.pick([
      {},
      { role: 'support' },
      { role: 'tenant', tenantName: letters(dice, 10) },
      { tenantId: dice.pick(pools.of('tenants')) },
      { expiresInHours: 1 },
    ]),
  }),
  'POST /api/admin/tenants/{id}/suspend': (_world, dice) => (dice.chance(0.5) ? { reason: letters(dice, 12) } : {}),
  'PATCH /api/admin/accounts/{id}': (_world, dice) =>
    dice.pick([
      { role: 'support' },
      { status: 'suspended' },
      { status: 'active' },
      { role: 'admin', status: 'active' },
    ]),
  'POST /api/support/certificates': ({ pools, passwords }, dice) => ({
    agentId: dice.pick([...pools.of('agents of ana'), ...pools.of('agents of bob')]),
    publicKey: publicKey(dice, dice.pick(passwords)),
    reason: `Ticket ${letters(dice, 5)}`,
    ...(dice.chance(0.4) ? { minutes: 1 + dice.number(15) } : {}),
  }),
  'POST /api/agent/enroll': async ({ freshProof, badProofs }, dice) => ({
    proof: dice.chance(0.5) ? await freshProof() : dice.pick(badProofs),
  }),
  'POST /api/agent/heartbeat': heartbeat,
}

/** These take down what later requests stand on, so they are not meant as often as others. */
const WRECKING: readonly OperationName[] = [
  'POST /api/logout',
  'DELETE /api/sessions',
  'DELETE /api/sessions/{id}',
  'POST /api/password',
  'POST /api/admin/tenants/{id}/suspend',
  'PATCH /api/admin/accounts/{id}',
  'DELETE /api/agents/{id}',
]

const POOL_OF_PATH: [part: string, prefix: string, pools: string[]][] = [
  ['/api/sessions/', 'ses', ['sessions']],
  ['/api/tokens/', 'tok', ['tokens']],
  ['/api/agents/', 'agt', ['agents of ana', 'agents of bob']],
  ['/api/admin/invites/', 'inv', ['invites']],
  ['/api/admin/tenants/', 'ten', ['tenants']],
  ['/api/admin/accounts/', 'acc', ['accounts']],
]

const someId = ({ pools }: FuzzWorld, dice: Dice, path: string): string => {
  const [, prefix = 'agt', names = []] = POOL_OF_PATH.find(([part]) => path.startsWith(part)) ?? []
  const known = names.flatMap((name) => pools.of(name))
  if (known.length > 0 && dice.chance(0.75)) return dice.pick(known)
  return dice.chance(0.5)
    ? `${prefix}_${UNKNOWN}`
    : encodeURIComponent(bendText(dice, `${prefix}_${UNKNOWN}`).slice(0, 100).toWellFormed())
}

const cursorOf = ({ pools }: FuzzWorld, dice: Dice): string => {
  const seen = pools.of('cursors')
  if (seen.length > 0 && dice.chance(0.5)) return dice.pick(seen)
  return dice.chance(0.5)
    ? encodeCursor([wildText(dice), `AGENT#agt_${UNKNOWN}`].slice(0, 1 + dice.number(2)))
    : wildText(dice)
}

const someQuery = (world: FuzzWorld, dice: Dice): string => {
  const name = dice.pick([
    'limit',
    'limit',
    'cursor',
    'cursor',
    'state',
    'include',
    'agent',
    '__proto__',
    'x',
    'limit=1&limit',
  ])
  const value =
    name === 'cursor'
      ? cursorOf(world, dice)
      : dice.pick([
          '1',
          '100',
          '101',
          '0',
          '-1',
          '1e2',
          'pending',
          'deleted',
          `agt_${UNKNOWN}`,
          wildText(dice),
          plantedText(world, dice),
        ])
  const encoded = dice.chance(0.9) ? encodeURIComponent(value.isWellFormed() ? value : 'x') : '%zz%ff'
  return `?${name}=${encoded}${dice.chance(0.05) ? '&a=1'.repeat(25) : ''}`
}

const plantedText = ({ credentials, passwords }: FuzzWorld, dice: Dice): string =>
  dice.pick([...Object.values(credentials).map((values) => dice.pick(values)), dice.pick(passwords)])

/** A credential where a name, a reason or another plain text belongs: refused, and seen nowhere. */
const misplace = (world: FuzzWorld, dice: Dice, body: unknown): unknown => {
  const value = dice.pick(Object.values(world.credentials).map((values) => dice.pick(values)))
  const spelled = dice.pick([value, ` ${value}`, `${value}\n`, `${value} and more`])
  const field = dice.pick(['name', 'tenantName', 'reason', 'role', 'bootStep', 'state', value.slice(0, 60)])
  return typeof body === 'object' && body !== null ? { ...body, [field]: spelled } : spelled
}

const edgesOf = new Map(
  OPERATION_NAMES.map((name) => {
    const { body }: Operation = operations[name]
    return [name, body === null ? {} : z.toJSONSchema(body, { unrepresentable: 'any', io: 'input' })] as const
  }),
)

const bendBody = (world: FuzzWorld, dice: Dice, name: OperationName, body: unknown): unknown => {
  const roll = dice.number(10)
  if (roll < 3) return toEdge(dice, body, (edgesOf.get(name) ?? {}) as Parameters<typeof toEdge>[2])
  if (roll < 4) return misplace(world, dice, body)
  return roll < 9 ? bend(dice, body) : bend(dice, bend(dice, body))
}

const wildHeader = (world: FuzzWorld, dice: Dice): [string, string] => {
  const secret = plantedText(world, dice)
  const plain = secret.replaceAll(/[^ -~]/g, '')
  return dice.pick<[string, string]>([
    [
      'content-type',
      dice.pick(['text/plain', 'application/json; charset=utf-16', 'application/x-www-form-urlencoded', plain]),
    ],
    [
      'content-type',
      dice.pick(['application/json;charset=UTF-8', 'APPLICATION/JSON', 'multipart/form-data; boundary=x']),
    ],
    ['content-encoding', dice.pick(['gzip', 'br', 'identity'])],
    ['origin', dice.pick(['null', 'https://evil.example', ORIGIN, `${ORIGIN}.evil.example`, plain])],
    ['sec-fetch-site', dice.pick(['cross-site', 'same-site', 'same-origin', 'none', 'x'])],
    ['x-http-method-override', dice.pick(['DELETE', 'GET'])],
    ['x-forwarded-for', dice.pick(['127.0.0.1', '::1', plain, '1.1.1.1, 2.2.2.2'])],
    ['x-forwarded-host', 'evil.example'],
    ['x-original-url', '/api/admin/tenants'],
    [
      'cookie',
      dice.pick([
        `${SESSION_COOKIE}=${plain.replaceAll(/[;,\s"]/g, '')}`,
        `a=${plain}`,
        '=;=;',
        `${SESSION_COOKIE}=a; ${SESSION_COOKIE}=b`,
      ]),
    ],
    [
      'authorization',
      dice.pick([
        `Bearer ${plain}`,
        `Basic ${plain}`,
        'Bearer',
        'Bearer a b',
        `bearer vst_pat_${letters(dice, 73)}`,
        plain,
      ]),
    ],
    ['idempotency-key', dice.pick([plain, 'k', 'k'.repeat(255), 'k'.repeat(256), ' '])],
    ['x-request-id', plain],
    ['referer', `${ORIGIN}/join#${plain}`],
    ['user-agent', dice.pick(['', 'x'.repeat(3_000), '\u00e9\u00fc'])],
    ['accept', dice.pick(['text/html', '*/*;q=0', 'image/webp'])],
    ['range', 'bytes=0-1'],
    ['if-none-match', '*'],
    ['expect', 'x'],
    ['x-long', 'y'.repeat(9_000)],
  ])
}

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'PROPFIND',
  'get',
  'QUERY',
  'TRACE',
  'CONNECT',
]

const wildPath = (world: FuzzWorld, dice: Dice, path: string): string =>
  dice.pick([
    `${path}/`,
    `/${path}`,
    path.toUpperCase(),
    path.replace('/api/', '/api//'),
    path.replace('/api/', '/api/./'),
    path.replace('/api/', '/api/x/../'),
    path.replace('a', '%61'),
    `${path};v=1`,
    `${path}%2f..`,
    `${path}%00`,
    `${path}/${encodeURIComponent(plantedText(world, dice))}`,
    `/api/${letters(dice, 8)}`,
    '/api',
    '/api/',
    `/api/__proto__`,
    `/api/agents/${'a/'.repeat(200)}`,
    '/api/agents/\u00fc',
    '/api/agents/agt|x"<>',
    `/api/${'x'.repeat(7_000)}`,
    '//evil.example/api/health',
  ])

const headersOf = (dice: Dice, { cookie, bearer }: Caller, hasBody: boolean): [string, string][] => [
  ['user-agent', 'Fuzz'],
  ...(dice.chance(0.95) ? ([['origin', ORIGIN]] as [string, string][]) : []),
  ...(hasBody ? ([['content-type', 'application/json']] as [string, string][]) : []),
  ...(cookie === undefined ? [] : ([['cookie', `${SESSION_COOKIE}=${cookie}`]] as [string, string][])),
  ...(bearer === undefined ? [] : ([['authorization', `Bearer ${bearer}`]] as [string, string][])),
]

const withHeader = (headers: [string, string][], [name, value]: [string, string]): [string, string][] => [
  ...headers.filter(([other]) => other !== name),
  [name, value],
]

const textOf = (value: unknown): string => JSON.stringify(value) ?? ''

const meantCaller = (world: FuzzWorld, dice: Dice, access: Operation['access']): Caller => {
  const able = world.callers.filter(({ may }) => may.includes(access))
  return able.length > 0 && dice.chance(0.7) ? dice.pick(able) : dice.pick(world.callers)
}

/** One request: something that fits, and in most cases one or two things about it that do not. */
export const createRequest = async (world: FuzzWorld, dice: Dice): Promise<FuzzRequest> => {
  let meant = dice.pick(OPERATION_NAMES)
  if (WRECKING.includes(meant) && dice.chance(0.6)) meant = dice.pick(OPERATION_NAMES)
  const operation: Operation = operations[meant]
  const [verb = '', pattern = ''] = meant.split(' ')
  const caller = meantCaller(world, dice, operation.access)
  const id = pattern.includes('{id}') ? someId(world, dice, pattern) : undefined
  const path = pattern.replace('{id}', id ?? '')
  const fitting = operation.body === null ? undefined : await BODIES[meant]?.(world, dice, caller)

  const kind = dice.pick(['valid', 'valid', 'body', 'body', 'body', 'json', 'header', 'query', 'path', 'method'])
  const bent = kind === 'body' ? bendBody(world, dice, meant, fitting) : fitting
  const text = kind === 'json' ? breakJson(dice, textOf(bent ?? {})) : textOf(bent)
  const method = kind === 'method' ? dice.pick(METHODS) : verb
  const body = text.length === 0 || (verb === 'GET' && kind !== 'json') ? undefined : Buffer.from(text)
  const query = kind === 'query' || (verb === 'GET' && dice.chance(0.2)) ? someQuery(world, dice) : ''
  const target = (kind === 'path' ? wildPath(world, dice, path) : path) + query
  let headers = headersOf(dice, caller, body !== undefined)
  if (meant === 'POST /api/agents' && dice.chance(0.5)) headers.push(['idempotency-key', `key-${dice.number(6)}`])
  if (kind === 'header') headers = withHeader(headers, wildHeader(world, dice))
  return { caller, method, target, headers, body, meant, isValid: kind === 'valid' && query === '', id }
}
