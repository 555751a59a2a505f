import { type App, CfnElement, Stack, Token, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import type { Construct } from 'constructs'
import type { Stacks } from './vestibule.ts'

interface Suppression {
  resources: readonly Construct[]
  rule: string
  /** Which findings of the rule; all of them where the rule has but one. */
  findings?: readonly string[]
  reason: string
}

const child = (scope: Construct, path: string): Construct => {
  const found = path.split('/').reduce<Construct | undefined>((at, id) => at?.node.tryFindChild(id), scope)
  if (found === undefined) throw new Error(`${scope.node.path} has no ${path}; a suppression must name what exists`)
  return found
}

/** An ARN as cdk-nag spells it: what is known only at the deploy stands in angle brackets. */
const anyOf = ({ region }: Stack, service: string, kind: string): string =>
  `Resource::arn:aws:${service}:${Token.isUnresolved(region) ? '<AWS::Region>' : region}:<AWS::AccountId>:${kind}/*`

/** Every cdk-nag finding that we accept: where, which rule, why. Anything else fails the synth. */
export const listSuppressions = ({ data, web, controlPlane, observability }: Stacks): Suppression[] => {
  const launchers = [child(controlPlane, 'Provisioner/Role'), child(controlPlane, 'Reconciler/Role')]
  const agents = child(controlPlane, 'Agents/Role')
  const instance = child(controlPlane, 'InstanceRights')
  const distribution = child(web, 'Distribution')
  return [
    {
      resources: [controlPlane],
      rule: 'APIG4',
      reason:
        'Every route leads to a function that checks the edge’s proof first and then who is calling; who may call what is one table, and a test calls all of it as everybody.',
    },
    {
      resources: [distribution],
      rule: 'CFR1',
      reason: 'Whom a tenant works with, and from where, is not ours to limit; an operator may add it.',
    },
    {
      resources: [distribution],
      rule: 'CFR3',
      reason:
        'CloudFront’s own log keeps queries and addresses. The API’s access log has every call without them, the firewall counts the rest.',
    },
    {
      resources: [distribution],
      rule: 'CFR4',
      reason:
        'Without an own domain CloudFront’s certificate is used, whose policy AWS fixes; with domainName the policy is TLSv1.2_2021.',
    },
    {
      resources: [...launchers, agents, instance],
      rule: 'IAM5',
      findings: ['Resource::*'],
      reason:
        'ec2:DescribeInstances, sts:GetWebIdentityToken, secretsmanager:ListSecrets, kms:ListKeys and kms:ListAliases know no resources and give no content; kms:CreateKey has none yet and is held by a tag that the request must carry.',
    },
    {
      resources: launchers,
      rule: 'IAM5',
      findings: ['instance', 'volume', 'network-interface'].map((kind) => anyOf(controlPlane, 'ec2', kind)),
      reason: 'What is launched has no id before; each statement is held by our launch template or our tag.',
    },
    {
      resources: [...launchers, agents, instance],
      rule: 'IAM5',
      findings: [anyOf(controlPlane, 'kms', 'key')],
      reason:
        'A tenant’s key is made at run time; each statement is held by the stage’s tag on the key or by the service that uses it, but for reading tags and state, which tells whose a key is.',
    },
    {
      resources: [child(controlPlane, 'Provisioner/Role'), agents],
      rule: 'IAM5',
      findings: [objectsOf(data, data.requestsBucket, 'Arn231A34F2', 'requests')],
      reason: 'Requests are written under new names; the prefix is the whole of what the bucket holds.',
    },
    {
      resources: [child(controlPlane, 'Archivist/Role')],
      rule: 'IAM5',
      findings: [objectsOf(data, data.archiveBucket, 'Arn2D71F484', 'audit')],
      reason:
        'Segments of the trail are written under new names, each once; the prefix is the whole of what the bucket holds.',
    },
    {
      resources: [instance],
      rule: 'IAM5',
      findings: [objectsOf(data, data.assetsBucket, 'ArnC646BE86', 'agent')],
      reason:
        'A machine reads the release that it was launched with; all releases of the bucket are signed, none is secret.',
    },
    {
      resources: [child(data, 'BackupsRole')],
      rule: 'IAM5',
      findings: [data.directoryTable, data.agentsTable, data.auditTable].map(
        (table) => `Resource::<${logicalIdOf(table)}.Arn>/backup/*`,
      ),
      reason: 'A backup has no id before it is made; the statement names the table it is of.',
    },
    {
      resources: [
        child(data, 'Requests'),
        child(data, 'Assets'),
        child(data, 'Archive'),
        child(web, 'Site'),
        child(observability, 'TrailBucket'),
      ],
      rule: 'S1',
      reason:
        'Requests hold ids, times and booleans and each has its event in the trail; releases are signed and the site is public; the archive and the last are logs themselves.',
    },
    {
      resources: [child(observability, 'UntoldDeadLetters')],
      rule: 'SQS3',
      reason:
        'It is a dead-letter queue: of what EventBridge tells the topic of alarms, which the rule does not look at.',
    },
    {
      resources: [child(data, 'SessionKeys'), child(data, 'OriginProof')],
      rule: 'SMG4',
      reason:
        'Both are rotated by the operator’s command with two live values (docs/deploy.md); Secrets Manager cannot do that alone.',
    },
  ]
}

const logicalIdOf = (resource: Construct): string => {
  const { defaultChild } = resource.node
  if (!(defaultChild instanceof CfnElement))
    throw new Error(`${resource.node.path} has no CloudFormation resource; check the CDK version`)
  return Stack.of(resource).getLogicalId(defaultChild)
}

/** The finding as cdk-nag spells it: the bucket’s ARN is an output of the data stack, under a name that ends in a hash. */
const objectsOf = (
  { stackName, region }: Stacks['data'],
  bucket: Construct,
  ending: string,
  prefix: string,
): string => {
  const StackName = stackName
  const Region = Token.isUnresolved(region) ? { Ref: 'AWS::Region' } : region
  const OutputName = `PublishOutputFnGetAtt${logicalIdOf(bucket)}${ending}`
  return `Resource::${JSON.stringify({ 'Fn::GetStackOutput': { StackName, Region, OutputName } })}/${prefix}/*`
}

/** Attaches cdk-nag to the app, with what we accept of its findings. */
export const attachNag = (app: App, stacks: Stacks): void => {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  for (const { resources, rule, findings, reason } of listSuppressions(stacks)) {
    const ids = findings === undefined ? [rule] : findings.map((finding) => `${rule}[${finding}]`)
    for (const resource of resources)
      for (const id of ids) Validations.of(resource).acknowledge({ id: `AwsSolutions-${id}`, reason })
  }
}
