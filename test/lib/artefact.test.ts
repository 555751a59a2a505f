import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Assembly, synthesise, WORKING } from '../support/assembly.ts'
import { deploy, type Deployed } from '../support/deployed.ts'
import { walkShort } from '../support/deployed-journey.ts'
import { type Mutation, readTemplates, type Templates } from '../support/templates.ts'

let assembly: Assembly
beforeAll(async () => {
  assembly = await synthesise(WORKING)
}, 60_000)

describe('the deployed artefact', () => {
  let templates: Templates
  let house: Deployed
  beforeAll(async () => {
    templates = readTemplates(assembly.directory)
    house = await deploy(templates)
  }, 60_000)
  afterAll(() => house.close())

  it('carries somebody from the operator’s command to a machine that is ready', async () => {
    await walkShort(house, templates)

    expect(house.denials).toEqual([])
  })

  it('believes the edge about addresses and nobody else', async () => {
    const stranger = house.browse('198.51.100.9')
    const replies = []
    for (let turn = 0; turn < 21; turn += 1) {
      replies.push(
        await stranger.post(
          '/api/login',
          { email: 'nobody@example.com', password: 'not a password of anybody' },
          { 'x-vestibule-viewer-address': `203.0.113.${turn}`, 'x-forwarded-for': `203.0.113.${turn}` },
        ),
      )
    }

    expect(replies.at(-1)?.status).toBe(429)
  })

  it('turns away what did not come through the edge', async () => {
    const answer = await house.functions.get('identity')?.invoke({
      version: '2.0',
      rawPath: '/api/health',
      rawQueryString: '',
      headers: { host: 'api' },
      requestContext: { http: { method: 'GET', path: '/api/health' } },
      isBase64Encoded: false,
    })

    expect(answer.statusCode).toBe(403)
  })

  it('gives every known path its page and every other the page that says so, with its status', async () => {
    const ask = async (uri: string) => {
      const { uri: file } = await house.edge.forward({ method: 'GET', uri, headers: {} }, '203.0.113.1')
      const mark: [string, { value: string }][] =
        file === '/404.html' ? [['x-amz-meta-not-found', { value: 'yes' }]] : []
      const headers = Object.fromEntries(mark)
      return [file, house.edge.respond(file, { statusCode: 200, headers }).statusCode]
    }

    expect(await ask('/')).toEqual(['/index.html', 200])
    expect(await ask('/join')).toEqual(['/join.html', 200])
    expect(await ask(`/agents/agt_${'0'.repeat(26)}`)).toEqual(['/index.html', 200])
    expect(await ask('/assets/main-Ab12.js')).toEqual(['/assets/main-Ab12.js', 200])
    for (const unknown of [
      '/nobody',
      '/assets/../index.html',
      '/.env',
      '/index.html',
      '/admin/x.css',
      '/%61ssets/a.js',
    ])
      expect(await ask(unknown)).toEqual(['/404.html', 404])
  })
})

/** What somebody may get wrong in the CDK app. Each must stop the journey. */
const MISTAKES: Record<string, { mutate: Mutation; seenAs: RegExp }> = {
  'a renamed environment variable': {
    seenAs: /agents: Error: the environment is not usable: AGENTS_TABLE/,
    mutate: (raw) => {
      const { Variables } = functionOf(raw, 'Agents').Environment
      Variables.AGENT_TABLE = Variables.AGENTS_TABLE
      delete Variables.AGENTS_TABLE
    },
  },
  'a dropped grant': {
    seenAs: /onboard answered 503/,
    mutate: (raw) => {
      const policy = resourceOf(raw, 'AWS::IAM::Policy', 'AgentsRole')
      policy.PolicyDocument.Statement = policy.PolicyDocument.Statement.filter(
        ({ Action }: any) => ![Action].flat().includes('secretsmanager:CreateSecret'),
      )
    },
  },
  'a wrong handler': {
    seenAs: /provisioner: its asset has no module provisioner/,
    mutate: (raw) => {
      functionOf(raw, 'Provisioner').Handler = 'provisioner.handler'
    },
  },
  'a renamed queue': {
    seenAs: /refers to ProvisioningQueue\w+, which is not in its template/,
    mutate: (raw) => {
      const { Resources } = raw.VestibuleControlPlane
      const [id = ''] = Object.keys(Resources).filter(
        (name) => name.startsWith('ProvisioningQueue') && Resources[name].Type === 'AWS::SQS::Queue',
      )
      Resources.AnotherQueue = Resources[id]
      delete Resources[id]
    },
  },
  'a rule for another event': {
    seenAs: /not settled/,
    mutate: (raw) => {
      resourceOf(raw, 'AWS::Events::Rule', 'LaunchRequests').EventPattern['detail-type'] = ['Object Deleted']
    },
  },
  'a route to another function': {
    seenAs: /onboard answered 404/,
    mutate: (raw) => {
      const { Resources } = raw.VestibuleControlPlane
      for (const [id, { Type }] of Object.entries<any>(Resources)) {
        if (Type === 'AWS::ApiGatewayV2::Route' && id.startsWith('AgentsRouteApiAgents')) delete Resources[id]
      }
    },
  },
  'an edge that proves itself with another slot': {
    seenAs: /inspect answered 403/,
    mutate: (raw) => {
      const text = JSON.stringify(raw.VestibuleWeb).replace(':SecretString:a::', ':SecretString:b::')
      raw.VestibuleWeb = JSON.parse(text)
    },
  },
}

const resourceOf = (raw: Record<string, any>, type: string, prefix: string): any => {
  const [found] = Object.entries<any>(raw.VestibuleControlPlane.Resources).filter(
    ([id, { Type }]) => Type === type && id.startsWith(prefix),
  )
  if (found === undefined) throw new Error(`the control plane has no ${type} ${prefix}`)
  return found[1].Properties
}
const functionOf = (raw: Record<string, any>, name: string) =>
  resourceOf(raw, 'AWS::Lambda::Function', `${name}Function`)

describe('a mistake in the CDK app', () => {
  it.each(Object.entries(MISTAKES))('stops the journey: %s', async (_, { mutate, seenAs }) => {
    let house: Deployed | undefined
    const walk = async () => {
      const templates = readTemplates(assembly.directory, mutate)
      house = await deploy(templates)
      await walkShort(house, templates)
    }

    await expect(walk()).rejects.toThrow(seenAs)
    await house?.close()
  })
})
