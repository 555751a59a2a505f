import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import * as cloudtrail from 'aws-cdk-lib/aws-cloudtrail'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import * as logs from 'aws-cdk-lib/aws-logs'
import * as s3 from 'aws-cdk-lib/aws-s3'
import * as sns from 'aws-cdk-lib/aws-sns'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import type { Bundles } from '../bundles.ts'
import type { DeployConfig } from '../config.ts'
import { Alarms } from '../constructs/alarms.ts'
import { addBreakGlass } from '../constructs/break-glass.ts'
import { readOutputsAtDeploy } from '../constructs/weak-references.ts'
import { createDeadLetters } from '../constructs/work-queue.ts'
import type { ControlPlaneStack } from './control-plane.ts'
import type { DataStack } from './data.ts'
import type { NetworkStack } from './network.ts'
import type { WebStack } from './web.ts'

export interface ObservabilityProps extends StackProps {
  data: DataStack
  network: NetworkStack
  web: WebStack
  controlPlane: ControlPlaneStack
  config: DeployConfig
  version: string
  bundles: Bundles
}

const SIGN_IN_REFUSALS_IN_FIVE_MINUTES = 50

/** Users and the root have no session issuer: an event without one is somebody else too. */
const anybodyBut = (roleArns: readonly string[]) => ({
  sessionContext: { sessionIssuer: { arn: [{ 'anything-but': roleArns }, { exists: false }] } },
})

/** What wakes somebody up, and the one page that shows how it goes. */
export class ObservabilityStack extends Stack {
  readonly #data: DataStack
  readonly #network: NetworkStack
  readonly #web: WebStack
  readonly #controlPlane: ControlPlaneStack
  readonly #config: DeployConfig
  readonly #alarms: Alarms
  readonly #untold: sqs.Queue

  constructor(
    scope: Construct,
    id: string,
    { data, network, web, controlPlane, config, version, bundles, ...props }: ObservabilityProps,
  ) {
    super(scope, id, props)
    readOutputsAtDeploy(this, { version, bundles, config })
    this.#data = data
    this.#network = network
    this.#web = web
    this.#controlPlane = controlPlane
    this.#config = config
    const key = kms.Key.fromKeyArn(this, 'DataKey', data.key.keyArn)
    const topic = new sns.Topic(this, 'AlarmTopic', {
      masterKey: key,
      enforceSSL: true,
    })
    // Said, because enforceSSL replaces the default policy, which lets AWS services of the account publish.
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    )
    if (config.alarmEmail !== undefined) topic.addSubscription(new subscriptions.EmailSubscription(config.alarmEmail))
    this.#untold = createDeadLetters(this, 'UntoldDeadLetters', key)
    this.#alarms = new Alarms(this, { topic, untold: this.#untold, stage: config.stage })
    this.watchQueues()
    this.watchFunctions()
    this.watchArchive()
    this.watchSecretsAndKeys()
    this.watchBreakGlass()
    this.addTrail()
    this.addDashboard()
    new CfnOutput(this, 'AlarmTopicArn', { value: topic.topicArn })
  }

  private functionNamed(name: string) {
    const fn = this.#controlPlane.functions.find(({ functionName }) => functionName === name)
    if (fn === undefined) throw new Error(`the control plane has no function ${name}; add it or watch another`)
    return fn
  }

  private watchQueues(): void {
    for (const queue of [...this.#controlPlane.deadLetters, this.#untold]) {
      this.#alarms.add(`${queue.node.path.split('/').slice(1).join('')}Filled`, {
        heading: 'dead-letters',
        says: 'Something could not be worked off and waits in a dead-letter queue.',
        metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: Duration.minutes(5) }),
        threshold: 1,
      })
    }
  }

  private watchFunctions(): void {
    const period = Duration.minutes(5)
    const reconciler = this.functionNamed('reconciler')
    const identity = this.functionNamed('identity')
    const ranOut = logs.FilterPattern.any(
      logs.FilterPattern.stringValue('$.msg', '=', 'agent ran out of time'),
      logs.FilterPattern.stringValue('$.msg', '=', 'reconciling one agent failed'),
    )
    this.#alarms.add('StuckAgents', {
      heading: 'stuck-agents',
      says: 'Agents did not get to where they were going in time.',
      metric: this.#alarms.countLines('AgentsOutOfTime', reconciler.logGroup, ranOut),
      threshold: 1,
    })
    const strayed = logs.FilterPattern.any(
      logs.FilterPattern.stringValue('$.msg', '=', 'sweeping one stray failed'),
      logs.FilterPattern.stringValue('$.msg', '=', 'strays could not all be looked for'),
    )
    this.#alarms.add('StraysStay', {
      heading: 'strays',
      says: 'A key, a secret or a machine that nobody owns could not be found or ended.',
      metric: this.#alarms.countLines('StraysFailed', reconciler.logGroup, strayed),
      threshold: 1,
    })
    this.#alarms.add('ReconcilerSilent', {
      heading: 'reconciler-silent',
      says: 'The reconciler, which should run every minute, did not.',
      metric: reconciler.handler.metricInvocations({ period }),
      threshold: 1,
      comparison: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      whenMissing: cloudwatch.TreatMissingData.BREACHING,
      periods: 2,
    })
    this.#alarms.add('Quarantined', {
      heading: 'quarantine',
      says: 'A machine did not run what it was given, and was cut off.',
      metric: this.#alarms.countLines(
        'Quarantines',
        this.functionNamed('agents').logGroup,
        logs.FilterPattern.stringValue('$.msg', '=', 'machine quarantined'),
      ),
      threshold: 1,
    })
    const mailer = this.#controlPlane.functions.find(({ functionName }) => functionName === 'mailer')
    if (mailer !== undefined) {
      this.#alarms.add('MailFailing', {
        heading: 'mail-failing',
        says: 'Invites cannot be mailed.',
        metric: this.#alarms.countLines(
          'MailFailures',
          mailer.logGroup,
          logs.FilterPattern.stringValue('$.msg', '=', 'sending one mail failed'),
        ),
        threshold: 1,
      })
    }
    const refused = logs.FilterPattern.all(
      logs.FilterPattern.stringValue('$.operation', '=', 'POST /api/login'),
      logs.FilterPattern.any(
        logs.FilterPattern.numberValue('$.status', '=', 401),
        logs.FilterPattern.numberValue('$.status', '=', 429),
      ),
    )
    this.#alarms.add('SignInAbuse', {
      heading: 'sign-in-abuse',
      says: 'Many sign-ins are refused.',
      metric: this.#alarms.countLines('RefusedSignIns', identity.logGroup, refused),
      threshold: SIGN_IN_REFUSALS_IN_FIVE_MINUTES,
    })
    this.#alarms.add('ServerErrors', {
      heading: 'server-errors',
      says: 'The API answers with 5xx.',
      metric: this.#web.api.metricServerError({ statistic: 'Sum', period }),
      threshold: 5,
    })
    this.#alarms.add('IdentityThrottled', {
      heading: 'function-throttled',
      says: 'Sign-ins and sign-ups are turned away for lack of concurrency.',
      metric: identity.handler.metricThrottles({ period }),
      threshold: 1,
    })
  }

  private watchArchive(): void {
    const archivist = this.functionNamed('archivist')
    const saying = (message: string) => logs.FilterPattern.stringValue('$.msg', '=', message)
    this.#alarms.add('ArchiveDiffers', {
      heading: 'archive-differs',
      says: 'The audit trail is not what was archived: somebody changed it.',
      metric: this.#alarms.countLines(
        'TrailDifferences',
        archivist.logGroup,
        saying('the trail differs from its archive'),
      ),
      threshold: 1,
    })
    this.#alarms.add('ArchiveFailing', {
      heading: 'archive-behind',
      says: 'A part of the audit trail cannot be archived.',
      metric: this.#alarms.countLines('ArchiveFailures', archivist.logGroup, saying('archiving one chain failed')),
      threshold: 1,
    })
    this.#alarms.add('ArchivistSilent', {
      heading: 'archive-behind',
      says: 'The archivist, which should run every quarter of an hour, did not for one.',
      metric: archivist.handler.metricInvocations({ period: Duration.hours(1) }),
      threshold: 1,
      comparison: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      whenMissing: cloudwatch.TreatMissingData.BREACHING,
    })
  }

  /** Heard through CloudTrail: whoever reads an agent's secret or ends a key that is not one of the roles that may. */
  private watchSecretsAndKeys(): void {
    const readers = [
      this.functionNamed('agents').role.roleArn,
      this.functionNamed('reconciler').role.roleArn,
      this.#network.instanceRoleArn,
    ]
    const says = 'Somebody else than the product read an agent’s credentials.'
    this.#alarms.add('UnexpectedSecretReader', {
      heading: 'unexpected-secret-reader',
      says,
      metric: this.#alarms.countEvents(
        'SecretReads',
        {
          source: ['aws.secretsmanager'],
          detailType: ['AWS API Call via CloudTrail'],
          detail: {
            eventName: ['GetSecretValue'],
            requestParameters: { secretId: [{ wildcard: `*vestibule/${this.#config.stage}/tenant/*` }] },
            userIdentity: anybodyBut(readers),
          },
        },
        says,
      ),
      threshold: 1,
    })
    const keySays = 'A key was disabled or is to be deleted.'
    this.#alarms.add('KeyDeletion', {
      heading: 'key-deletion',
      says: keySays,
      metric: this.#alarms.countEvents(
        'KeysEnding',
        {
          source: ['aws.kms'],
          detailType: ['AWS API Call via CloudTrail'],
          detail: {
            eventName: ['ScheduleKeyDeletion', 'DisableKey'],
          },
        },
        keySays,
      ),
      threshold: 1,
    })
  }

  private watchBreakGlass(): void {
    const { breakGlassPrincipal: principalArn, breakGlassUntil: until } = this.#config
    if (principalArn === undefined || until === undefined) return
    const role = addBreakGlass(this, {
      ...{ principalArn, until },
      data: this.#data,
      controlPlane: this.#controlPlane,
    })
    const says = 'The break-glass role is in use.'
    this.#alarms.add('BreakGlassUsed', {
      heading: 'break-glass-used',
      says,
      metric: this.#alarms.countEvents(
        'BreakGlassUses',
        {
          source: ['aws.sts'],
          detailType: ['AWS API Call via CloudTrail'],
          detail: { eventName: ['AssumeRole'], requestParameters: { roleArn: [role.roleArn] } },
        },
        says,
      ),
      threshold: 1,
    })
  }

  /** Without a trail CloudTrail tells EventBridge nothing. The first copy of management events costs nothing. */
  private addTrail(): void {
    const key = kms.Key.fromKeyArn(this, 'TrailKey', this.#data.key.keyArn)
    const bucket = new s3.Bucket(this, 'TrailBucket', {
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: key,
      bucketKeyEnabled: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      lifecycleRules: [{ expiration: Duration.days(365), noncurrentVersionExpiration: Duration.days(30) }],
      removalPolicy: RemovalPolicy.RETAIN,
    })
    new cloudtrail.Trail(this, 'Trail', {
      bucket,
      encryptionKey: key,
      isMultiRegionTrail: false,
      includeGlobalServiceEvents: true,
    })
  }

  private addDashboard(): void {
    const dashboard = new cloudwatch.Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(12) })
    const { functions, deadLetters, launchQueue } = this.#controlPlane
    dashboard.addWidgets(
      new cloudwatch.AlarmStatusWidget({ title: 'Alarms', width: 24, height: 4, alarms: this.#alarms.made }),
    )
    dashboard.addWidgets(
      new cloudwatch.GraphWidget({
        title: 'API: requests and errors',
        width: 12,
        left: [this.#web.api.metricCount(), this.#web.api.metricClientError(), this.#web.api.metricServerError()],
      }),
      new cloudwatch.GraphWidget({
        title: 'Functions: 99th percentile',
        width: 12,
        left: functions.map(({ handler, functionName }) =>
          handler.metricDuration({ statistic: 'p99', label: functionName }),
        ),
      }),
    )
    dashboard.addWidgets(
      new cloudwatch.GraphWidget({
        title: 'Waiting to be launched',
        width: 12,
        left: [
          launchQueue.metricApproximateNumberOfMessagesVisible(),
          launchQueue.metricApproximateAgeOfOldestMessage(),
        ],
      }),
      new cloudwatch.GraphWidget({
        title: 'Dead letters',
        width: 12,
        left: deadLetters.map((queue) => queue.metricApproximateNumberOfMessagesVisible()),
      }),
    )
  }
}
