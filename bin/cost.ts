import { existsSync, readdirSync, readFileSync } from 'node:fs'
import * as z from 'zod'
import { AGENT_VOLUME_GIGABYTES } from '../lambdas/contract/facts.ts'

/**
 * `npm run cost`: what the synthesised stacks cost a month while nobody uses them, and what each agent adds. Reads the
 * templates in cdk.out, so that it counts what will be deployed. List prices of us-east-1 in US dollars, on demand, as AWS
 * published them in 2025; other regions differ by some tens of percent.
 */

const HOURS = 730
const PRICE = {
  kmsKey: 1,
  secret: 0.4,
  alarm: 0.1,
  freeAlarms: 10,
  firewall: 5,
  firewallRule: 1,
  interfaceEndpointHour: 0.01,
  natHour: 0.045,
  domainListName: 0.0005,
  publicAddressHour: 0.005,
  gp3Gigabyte: 0.08,
  instanceHours: {
    't4g.nano': 0.0042,
    't4g.micro': 0.0084,
    't4g.small': 0.0168,
    't4g.medium': 0.0336,
    't4g.large': 0.0672,
  },
} as const

const Template = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), Properties: z.record(z.string(), z.unknown()).optional() }),
  ),
})

interface Row {
  what: string
  dollars: number
}

const read = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.template.json'))
    .flatMap((name) =>
      Object.values(Template.parse(JSON.parse(readFileSync(`${directory}/${name}`, 'utf8'))).Resources),
    )

const listLength = (value: unknown): number => (Array.isArray(value) ? value.length : 0)

const directory = process.argv[2] ?? 'cdk.out'
if (!existsSync(directory)) {
  process.stderr.write(
    `There is no ${directory}. Run npm run synth first, with the -c settings that you deploy with.\n`,
  )
  process.exit(2)
}
const resources = read(directory)
const ofType = (type: string) => resources.filter(({ Type }) => Type === type)
const count = (type: string): number => ofType(type).length
const zones = 2

const rules = ofType('AWS::WAFv2::WebACL').reduce((sum, { Properties }) => sum + listLength(Properties?.Rules), 0)
const names = ofType('AWS::Route53Resolver::FirewallDomainList').reduce(
  (sum, { Properties }) => sum + listLength(Properties?.Domains),
  0,
)
const interfaces = ofType('AWS::EC2::VPCEndpoint').filter(
  ({ Properties }) => Properties?.VpcEndpointType === 'Interface',
).length
const alarms = Math.max(0, count('AWS::CloudWatch::Alarm') - PRICE.freeAlarms)

const idle: Row[] = [
  { what: `${count('AWS::KMS::Key')} keys of the installation`, dollars: count('AWS::KMS::Key') * PRICE.kmsKey },
  {
    what: `${count('AWS::SecretsManager::Secret')} secrets of the installation`,
    dollars: count('AWS::SecretsManager::Secret') * PRICE.secret,
  },
  {
    what: `${count('AWS::CloudWatch::Alarm')} alarms, ${PRICE.freeAlarms} of them free`,
    dollars: alarms * PRICE.alarm,
  },
  {
    what: `firewall with ${rules} rules`,
    dollars: count('AWS::WAFv2::WebACL') * PRICE.firewall + rules * PRICE.firewallRule,
  },
  {
    what: `${interfaces} interface endpoints in ${zones} zones`,
    dollars: interfaces * zones * PRICE.interfaceEndpointHour * HOURS,
  },
  {
    what: `${count('AWS::EC2::NatGateway')} NAT gateways, each with an address`,
    dollars: count('AWS::EC2::NatGateway') * (PRICE.natHour + PRICE.publicAddressHour) * HOURS,
  },
  { what: `${names} names in DNS Firewall lists`, dollars: names * PRICE.domainListName },
  { what: 'tables, buckets, queues, functions, CloudFront, trail', dollars: 0 },
]

const Launch = z.object({ LaunchTemplateData: z.object({ InstanceType: z.string() }) })
const [template] = ofType('AWS::EC2::LaunchTemplate')
const { InstanceType } = Launch.parse(template?.Properties).LaunchTemplateData
const hourly = Object.entries(PRICE.instanceHours).find(([type]) => type === InstanceType)?.[1]
const isPrivate = count('AWS::EC2::NatGateway') > 0
const perAgent: Row[] = [
  {
    what:
      hourly === undefined ? `${InstanceType}: price not known here, look it up` : `${InstanceType}, running all month`,
    dollars: (hourly ?? 0) * HOURS,
  },
  {
    what: `${AGENT_VOLUME_GIGABYTES} GB of gp3, also while stopped`,
    dollars: AGENT_VOLUME_GIGABYTES * PRICE.gp3Gigabyte,
  },
  {
    what: isPrivate ? 'no public address' : 'public address, while running',
    dollars: isPrivate ? 0 : PRICE.publicAddressHour * HOURS,
  },
  { what: 'secret', dollars: PRICE.secret },
]

const print = (title: string, rows: readonly Row[]): void => {
  const total = rows.reduce((sum, { dollars }) => sum + dollars, 0)
  const line = ({ what, dollars }: Row): string => `  ${what.padEnd(56)} ${dollars.toFixed(2).padStart(8)}`
  process.stdout.write(`${[title, ...rows.map(line), line({ what: 'together', dollars: total })].join('\n')}\n\n`)
}

print('US dollars a month, while nobody uses it', idle)
print('Each agent adds', perAgent)
print('Each tenant adds', [
  { what: 'key of its own (plus a dollar after each of two rotations)', dollars: PRICE.kmsKey },
])
process.stdout.write('Use adds cents: requests, logs, DNS queries, backups by the gigabyte, traffic out.\n')
