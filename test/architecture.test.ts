import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ERROR_STATUS } from '../lambdas/contract/error-codes.ts'
import * as names from '../lambdas/contract/names.ts'

const ROOT = resolve(import.meta.dirname, '..')
const PLACES = ['agent', 'bin', 'cli', 'lib', 'lambdas', 'local', 'web', 'bench']

const listSources = (place: string): string[] =>
  readdirSync(join(ROOT, place), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))

const sources = PLACES.flatMap(listSources).map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const imports = [
    ...text.matchAll(/^(?:import|export)\s(type\s)?(?:[^'";]*?\sfrom\s)?'([^']+)'/gm),
    ...text.matchAll(/import\(('[^']+')\)/g),
  ].map((match) => {
    const specifier = (match[2] ?? match[1] ?? '').replaceAll("'", '')
    const target = specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(path), specifier)) : specifier
    return { target, isType: match[1]?.startsWith('type') === true }
  })
  return { path, text, imports }
})

const isIn = (path: string, place: string) => path.startsWith(`${place}/`)

const violations = (check: (source: (typeof sources)[number]) => (string | false | undefined)[]): string[] =>
  sources.flatMap((source) =>
    check(source)
      .filter((found) => typeof found === 'string')
      .map((found) => `${source.path}: ${found}`),
  )

const FEATURES = [
  'accounts',
  'sessions',
  'invites',
  'agents',
  'credentials',
  'provisioning',
  'audit',
  'limits',
  'tokens',
  'support',
]

/** Which feature may use which other by value; anything else goes through a use case's declared deps, as a type. */
const MAY_USE: Record<string, readonly string[]> = {
  audit: [],
  limits: [],
  sessions: ['audit', 'limits'],
  accounts: ['sessions'],
  invites: ['accounts', 'sessions'],
  tokens: ['sessions'],
  credentials: [],
  agents: ['credentials', 'sessions'],
  provisioning: ['agents', 'credentials'],
  support: ['sessions'],
}

describe('the house', () => {
  it('lets only *.aws.ts, lambdas/aws and local/ import the AWS SDK', () => {
    const found = violations(({ path, imports }) =>
      imports.map(
        ({ target, isType }) =>
          target.startsWith('@aws-sdk/') &&
          !isType &&
          isIn(path, 'lambdas') &&
          !path.endsWith('.aws.ts') &&
          `imports ${target}; move the call into a store named *.aws.ts`,
      ),
    )
    expect(found).toEqual([])
  })

  it('lets only entries, the agent’s main files, bin, lib/config.ts, local and bench read the environment', () => {
    const found = violations(({ path, text }) => [
      /process\.env/.test(text) &&
        !path.endsWith('.lambda.ts') &&
        !/^agent\/[^/]+\/main\.ts$/.test(path) &&
        !['bin', 'local', 'bench'].some((place) => isIn(path, place)) &&
        path !== 'lib/config.ts' &&
        'reads process.env; take the value as an argument',
    ])
    expect(found).toEqual([])
  })

  it('lets only http and the HTTP entries import Hono, and only entries import middy', () => {
    const found = violations(({ path, imports }) =>
      imports.flatMap(({ target, isType }) => [
        isIn(path, 'lambdas') &&
          !isType &&
          (target === 'hono' || target.startsWith('hono/')) &&
          !isIn(path, 'lambdas/http') &&
          !isIn(path, 'lambdas/entry') &&
          'imports Hono; only http/ knows it',
        target.startsWith('@middy/') && !path.endsWith('.lambda.ts') && 'imports middy; only entries do',
      ]),
    )
    expect(found).toEqual([])
  })

  it('keeps core free of the rest, and contract on core and zod alone', () => {
    const found = violations(({ path, imports }) =>
      imports.flatMap(({ target }) => [
        isIn(path, 'lambdas/core') &&
          isIn(target, 'lambdas') &&
          !isIn(target, 'lambdas/core') &&
          `core imports ${target}`,
        isIn(path, 'lambdas/contract') &&
          !isIn(target, 'lambdas/contract') &&
          !isIn(target, 'lambdas/core') &&
          target !== 'zod/mini' &&
          `contract imports ${target}`,
      ]),
    )
    expect(found).toEqual([])
  })

  it('lets lib and lambdas meet only in contract, and the site see only contract', () => {
    const found = violations(({ path, imports }) =>
      imports.flatMap(({ target, isType }) => [
        (isIn(path, 'lib') || (isIn(path, 'bin') && !['bin/operator.ts', 'bin/cli.ts'].includes(path))) &&
          isIn(target, 'lambdas') &&
          !isIn(target, 'lambdas/contract') &&
          `imports ${target}`,
        isIn(path, 'lambdas') &&
          ['agent', 'lib', 'local', 'web'].some((place) => isIn(target, place)) &&
          `imports ${target}`,
        isIn(path, 'web') && isIn(target, 'lambdas') && !isIn(target, 'lambdas/contract') && `imports ${target}`,
        isIn(path, 'web') &&
          isIn(target, 'lambdas/contract') &&
          !isType &&
          !/(facts|credential-kinds|agent-name)\.ts$/.test(target) &&
          `ships ${target} to the browser; use import type`,
      ]),
    )
    expect(found).toEqual([])
  })

  it('lets the command line see the contract, the site’s client and the chain’s rules, and nothing else of the functions', () => {
    const found = violations(({ path, imports }) =>
      imports.map(
        ({ target }) =>
          isIn(path, 'cli') &&
          isIn(target, 'lambdas') &&
          !isIn(target, 'lambdas/contract') &&
          !['lambdas/core/secret.ts', 'lambdas/audit/chain.ts', 'lambdas/audit/segment.ts'].includes(target) &&
          `imports ${target}`,
      ),
    )
    expect(found).toEqual([])
  })

  it('lets what runs on an agent’s machine see the contract and core, and nothing else of ours', () => {
    const found = violations(({ path, imports }) =>
      imports.map(
        ({ target }) =>
          isIn(path, 'agent') &&
          PLACES.some((place) => isIn(target, place)) &&
          !['agent', 'lambdas/contract', 'lambdas/core'].some((place) => isIn(target, place)) &&
          `imports ${target}`,
      ),
    )
    expect(found).toEqual([])
  })

  it('lets features use each other only along the listed edges', () => {
    const found = violations(({ path, imports }) => {
      const from = FEATURES.find((feature) => isIn(path, `lambdas/${feature}`))
      if (from === undefined) return []
      return imports.map(({ target, isType }) => {
        const to = FEATURES.find((feature) => isIn(target, `lambdas/${feature}`))
        const foreign = to !== undefined && to !== from && !isType && MAY_USE[from]?.includes(to) !== true
        return foreign && `uses ${target}; declare it as a dep, or list the edge ${from} → ${to} here with a reason`
      })
    })
    expect(found).toEqual([])
  })

  it('lets no feature import http, entry or local', () => {
    const found = violations(({ path, imports }) =>
      FEATURES.some((feature) => isIn(path, `lambdas/${feature}`))
        ? imports.map(
            ({ target }) =>
              (isIn(target, 'lambdas/http') || isIn(target, 'lambdas/entry') || isIn(target, 'local')) &&
              `imports ${target}`,
          )
        : [],
    )
    expect(found).toEqual([])
  })

  it('knows every place that reveals a secret', () => {
    const revealing = sources
      .filter(({ path, text }) => /\.reveal\(\)/.test(text) && (isIn(path, 'agent') || isIn(path, 'lambdas')))
      .map(({ path }) => path)
    expect(revealing.toSorted()).toEqual([
      'agent/runtime/claude-environment.ts',
      'agent/runtime/hide-credentials.ts',
      'agent/runtime/slack-connection.ts',
      'agent/runtime/slack-socket.ts',
      'agent/runtime/slack.ts',
      'agent/supervisor/control-plane.ts',
      'agent/supervisor/credentials-file.ts',
      'lambdas/accounts/password-hash.ts',
      'lambdas/accounts/password-policy.ts',
      'lambdas/agents/onboard-agent.ts',
      'lambdas/core/token.ts',
      'lambdas/credentials/merge.ts',
      'lambdas/http/cookies.ts',
      'lambdas/http/identify-caller.ts',
      'lambdas/http/middleware/origin-proof.ts',
      'lambdas/http/routes/sessions.ts',
      'lambdas/invites/invite-mail.ts',
      'lambdas/invites/invite.ts',
      'lambdas/provisioning/instance-proof.ts',
      'lambdas/sessions/session-keys.aws.ts',
      'lambdas/sessions/session-token.ts',
      'lambdas/tokens/api-token.ts',
    ])
  })

  it('reads no ambient clock and no ambient randomness in features and on the agent’s machine', () => {
    const found = violations(({ path, text }) => [
      (isIn(path, 'agent') || FEATURES.some((feature) => isIn(path, `lambdas/${feature}`))) &&
        /Date\.now\(\)|new Date\(\)|Math\.random|randomBytes\(|randomUUID\(/.test(text) &&
        'reads time or randomness itself; take Clock or Random as a dep',
    ])
    expect(found).toEqual([])
  })

  it('imports zod so that a bundle can leave most of it out', () => {
    const found = violations(({ path, text, imports }) => [
      /import \{[^}]*\bz\b[^}]*\} from 'zod/.test(text) && 'use import * as z',
      ...(isIn(path, 'agent') || isIn(path, 'lambdas')
        ? [
            imports.some(({ target }) => /^zod(?!\/mini$)/.test(target)) && "use import * as z from 'zod/mini'",
            /\bz\.(?:iso|coerce|locales|regexes|util)\./.test(text.replaceAll(/\/\*\*[^]*?\*\//g, '')) &&
              'reaches into a namespace of zod, which brings all of zod into what is read at start',
          ]
        : []),
    ])
    expect(found).toEqual([])
  })

  it('has no barrels', () => {
    expect(sources.filter(({ path }) => /(?:^|\/)index\.tsx?$/.test(path)).map(({ path }) => path)).toEqual([])
  })
})

describe('the docs', () => {
  const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

  it('explain every error code, and no other', () => {
    const documented = [...read('docs/errors.md').matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1])
    expect(documented.toSorted()).toEqual(Object.keys(ERROR_STATUS).toSorted())
  })

  it('name every builder of a key, name or alias', () => {
    const storage = read('docs/storage.md')
    const missing = Object.keys(names).filter((name) => !storage.includes(`\`${name}\``))
    expect(missing).toEqual([])
  })
})
