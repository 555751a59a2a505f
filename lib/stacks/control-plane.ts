import { CfnParameter, Duration, Stack, type StackProps } from 'aws-cdk-lib'
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import * as events from 'aws-cdk-lib/aws-events'
import * as targets from 'aws-cdk-lib/aws-events-targets'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import type { FunctionName } from '../../lambdas/contract/env.ts'
import { LAUNCHES_AT_A_TIME, WORKER_SECONDS } from '../../lambdas/contract/facts.ts'
import { proofAudience } from '../../lambdas/contract/instance.ts'
import { provisionRequestPrefix } from '../../lambdas/contract/names.ts'
import { operations } from '../../lambdas/contract/operations.ts'
import { type ProvisionVerb, QUICK_VERBS } from '../../lambdas/contract/provisioning.ts'
import { routesOf } from '../api-routes.ts'
import type { Bundles } from '../bundles.ts'
import type { DeployConfig } from '../config.ts'
import { addArchivist } from '../constructs/archivist.ts'
import { addMailer } from '../constructs/mailer.ts'
import { readOutputsAtDeploy } from '../constructs/weak-references.ts'
import { runRegularly } from '../constructs/run-regularly.ts'
import { ServiceFunction } from '../constructs/service-function.ts'
import { createDeadLetters, WorkQueue } from '../constructs/work-queue.ts'
import { instanceRights } from '../rights/instance.ts'
import { type Place, placeOf } from '../rights/place.ts'
import { agentsRights, identityRights, supportRights } from '../rights/web.ts'
import { provisionerRights, reconcilerRights } from '../rights/workers.ts'
import type { DataStack } from './data.ts'
import type { NetworkStack } from './network.ts'
import type { WebStack } from './web.ts'

export interface ControlPlaneProps extends StackProps {
  data: DataStack
  network: NetworkStack
  web: WebStack
  config: DeployConfig
  version: string
  bundles: Bundles
}

const WEB_TIMEOUT = Duration.seconds(28)
const WORKER_TIMEOUT = Duration.seconds(WORKER_SECONDS)
const OTHERS_AT_A_TIME = 4

/**
 * The functions, each with a role of its own. How an event ends is one rule for all: a failure for now is thrown and comes
 * again; what cannot be used, and what failed for good, lies in a dead-letter queue with an alarm.
 */
export class ControlPlaneStack extends Stack {
  readonly functions: ServiceFunction<FunctionName>[] = []
  readonly deadLetters: sqs.Queue[] = []
  readonly launchQueue: sqs.Queue
  readonly provisionQueue: sqs.Queue
  readonly #data: DataStack
  readonly #config: DeployConfig
  readonly #bundles: Bundles
  readonly #amiId: string
  readonly #release: string
  readonly #releaseKey: string
  readonly #place: Place
  /** Imported: the key's own policy says already which services may use it. */
  readonly #key: kms.IKey

  constructor(
    scope: Construct,
    id: string,
    { data, network, web, config, version, bundles, ...props }: ControlPlaneProps,
  ) {
    super(scope, id, props)
    readOutputsAtDeploy(this, { version, bundles, config })
    this.#data = data
    this.#config = config
    this.#bundles = bundles
    this.#place = placeOf(this, config.stage)
    this.#key = kms.Key.fromKeyArn(this, 'DataKey', data.key.keyArn)
    this.#amiId = new CfnParameter(this, 'AgentImage', {
      type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>',
      default: config.amiParameter,
      description: 'Looked up at each deploy; a launch writes down which image it got',
    }).valueAsString
    this.#release = new CfnParameter(this, 'AgentRelease', {
      type: 'String',
      allowedPattern: '^[0-9a-f]{64}$',
      description: 'What new machines install: the SHA-256 of a release’s signed list',
    }).valueAsString
    this.#releaseKey = new CfnParameter(this, 'ReleaseKey', {
      type: 'String',
      allowedPattern: '^[A-Za-z0-9+/]{80,400}={0,2}$',
      description: 'The public key that releases are signed for, as publish-agent prints it',
    }).valueAsString
    this.addWebFunctions(web, version)
    const feeding = { key: this.#key, functionTimeout: WORKER_TIMEOUT }
    const launches = new WorkQueue(this, 'Launches', feeding)
    const others = new WorkQueue(this, 'Provisioning', feeding)
    this.launchQueue = launches.queue
    this.provisionQueue = others.queue
    this.addProvisioner(network, web, { launches, others })
    this.addReconciler(network, web)
    const archiving = { data, config, bundle: bundles.archivist, key: this.#key, place: this.#place }
    const archivist = addArchivist(this, archiving)
    this.functions.push(archivist.fn)
    this.deadLetters.push(archivist.deadLetters)
    if (config.mailSender !== undefined) {
      const mailer = addMailer(this, {
        ...{ data, config, bundle: bundles.mailer },
        sender: config.mailSender,
        key: this.#key,
        place: this.#place,
      })
      this.functions.push(mailer.fn)
      this.deadLetters.push(...mailer.deadLetters)
    }
    new iam.Policy(this, 'InstanceRights', {
      roles: [network.instanceRole],
      statements: instanceRights(this.#place, proofAudience(web.siteOrigin), this.#data.assetsBucket.bucketArn),
    })
  }

  private get common() {
    return {
      VESTIBULE_STAGE: this.#config.stage,
      DIRECTORY_TABLE: this.#data.directoryTable.tableName,
      AUDIT_TABLE: this.#data.auditTable.tableName,
    }
  }

  private get logging() {
    return { logKey: this.#key, logRetentionDays: this.#config.logRetentionDays }
  }

  private addWebFunctions(web: WebStack, version: string): void {
    const data = this.#data
    const config = this.#config
    const environment = {
      ...this.common,
      VESTIBULE_VERSION: version,
      LIMITS_TABLE: data.limitsTable.tableName,
      SITE_ORIGIN: web.siteOrigin,
      SESSION_KEYS_SECRET: data.sessionKeysSecret.secretArn,
      ORIGIN_PROOF_SECRET: data.originProofSecret.secretArn,
    }
    const supportCaKeys = [
      data.supportCa.keyArn,
      ...(config.retiringSupportCa === undefined ? [] : [config.retiringSupportCa]),
    ]
    const sendsMail = config.mailSender !== undefined
    const identity = new ServiceFunction(this, 'Identity', {
      functionName: 'identity',
      bundle: this.#bundles.identity,
      memoryMegabytes: 1769,
      timeout: WEB_TIMEOUT,
      reservedConcurrency: config.identityConcurrency,
      ...this.logging,
      environment: { ...environment, MAIL_KEY: sendsMail ? data.key.keyArn : undefined },
      rights: identityRights(data, this.#place, sendsMail),
    })
    const agents = new ServiceFunction(this, 'Agents', {
      functionName: 'agents',
      bundle: this.#bundles.agents,
      memoryMegabytes: 1024,
      timeout: WEB_TIMEOUT,
      ...this.logging,
      environment: {
        ...environment,
        AGENTS_TABLE: data.agentsTable.tableName,
        REQUESTS_BUCKET: data.requestsBucket.bucketName,
        ACCOUNT_ID: this.account,
        AGENTS_PER_TENANT: String(config.agentsPerTenant),
        PROOF_ISSUER: config.identityIssuer,
        SUPPORT_CA_KEYS: supportCaKeys.join(','),
      },
      rights: agentsRights(data, this.#place, supportCaKeys),
    })
    const support = new ServiceFunction(this, 'Support', {
      functionName: 'support',
      bundle: this.#bundles.support,
      memoryMegabytes: 512,
      timeout: WEB_TIMEOUT,
      ...this.logging,
      environment: {
        ...environment,
        AGENTS_TABLE: data.agentsTable.tableName,
        SUPPORT_CA_KEY: data.supportCa.keyArn,
      },
      rights: supportRights(data, this.#place),
    })
    for (const fn of [identity, agents, support]) {
      this.functions.push(fn)
      const integration = new HttpLambdaIntegration(`${fn.node.id}Integration`, fn.handler)
      for (const [routeId, path] of routesOf(operations, fn.functionName)) {
        new apigateway.HttpRoute(this, `${fn.node.id}Route${routeId}`, {
          httpApi: web.api,
          routeKey: apigateway.HttpRouteKey.with(path, apigateway.HttpMethod.ANY),
          integration,
        })
      }
    }
  }

  private launching(network: NetworkStack, web: WebStack) {
    return {
      ...this.common,
      AGENTS_TABLE: this.#data.agentsTable.tableName,
      LIMITS_TABLE: this.#data.limitsTable.tableName,
      REQUESTS_BUCKET: this.#data.requestsBucket.bucketName,
      SITE_ORIGIN: web.siteOrigin,
      ACCOUNT_ID: this.account,
      LAUNCH_TEMPLATE: network.launchTemplateId,
      SUBNETS: network.subnetIds.join(','),
      AMI: this.#amiId,
      INSTANCE_TYPE: this.#config.instanceType,
      AGENT_SECURITY_GROUP: network.agentSecurityGroupId,
      SUPPORT_SECURITY_GROUP: network.supportSecurityGroupId,
      QUARANTINE_SECURITY_GROUP: network.quarantineSecurityGroupId,
      AGENT_RELEASE: this.#release,
      RELEASE_KEY: this.#releaseKey,
      ASSETS_ORIGIN: `https://${this.#data.assetsBucket.bucketRegionalDomainName}`,
    }
  }

  /**
   * Two queues to one function: who waits for a turn to launch keeps no stop, no delete and no instance's news waiting. The
   * function itself puts them into the line, under their tenant's name: a rule has one name for all of its events.
   */
  private addProvisioner(
    network: NetworkStack,
    web: WebStack,
    { launches, others }: { launches: WorkQueue; others: WorkQueue },
  ): void {
    const provisioner = new ServiceFunction(this, 'Provisioner', {
      functionName: 'provisioner',
      bundle: this.#bundles.provisioner,
      memoryMegabytes: 512,
      timeout: WORKER_TIMEOUT,
      reservedConcurrency: LAUNCHES_AT_A_TIME + OTHERS_AT_A_TIME,
      ...this.logging,
      environment: { ...this.launching(network, web), LAUNCH_QUEUE: launches.queue.queueUrl },
      rights: provisionerRights(this.#data, network, this.#place, {
        launches: launches.queue,
        others: others.queue,
        amiId: this.#amiId,
      }),
    })
    const feed = (id: string, { queue }: WorkQueue, maxConcurrency: number) =>
      new lambda.EventSourceMapping(this, id, {
        target: provisioner.handler,
        eventSourceArn: queue.queueArn,
        batchSize: 1,
        maxConcurrency,
        reportBatchItemFailures: true,
      })
    feed('LaunchesSource', launches, LAUNCHES_AT_A_TIME)
    feed('ProvisionerSource', others, OTHERS_AT_A_TIME)
    const toOthers = new targets.SqsQueue(others.queue, { deadLetterQueue: others.deadLetters })
    new events.Rule(this, 'LaunchRequests', { eventPattern: this.requestsOf(['launch']), targets: [toOthers] })
    new events.Rule(this, 'ProvisionRequests', { eventPattern: this.requestsOf(QUICK_VERBS), targets: [toOthers] })
    new events.Rule(this, 'InstanceStates', {
      eventPattern: { source: ['aws.ec2'], detailType: ['EC2 Instance State-change Notification'] },
      targets: [toOthers],
    })
    this.functions.push(provisioner)
    this.deadLetters.push(launches.deadLetters, others.deadLetters)
  }

  private requestsOf(verbs: readonly ProvisionVerb[]): events.EventPattern {
    return {
      source: ['aws.s3'],
      detailType: ['Object Created'],
      detail: {
        bucket: { name: [this.#data.requestsBucket.bucketName] },
        object: { key: verbs.map((verb) => ({ prefix: provisionRequestPrefix(verb) })) },
      },
    }
  }

  private addReconciler(network: NetworkStack, web: WebStack): void {
    const deadLetters = createDeadLetters(this, 'ReconcilerDeadLetters', this.#key)
    const reconciler = new ServiceFunction(this, 'Reconciler', {
      functionName: 'reconciler',
      bundle: this.#bundles.reconciler,
      memoryMegabytes: 512,
      timeout: WORKER_TIMEOUT,
      ...this.logging,
      deadLetters,
      environment: this.launching(network, web),
      rights: reconcilerRights(this.#data, network, this.#place, { deadLetters, amiId: this.#amiId }),
    })
    runRegularly(this, 'EveryMinute', { every: Duration.minutes(1), handler: reconciler.handler, deadLetters })
    this.functions.push(reconciler)
    this.deadLetters.push(deadLetters)
  }
}
