import { type Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import type { EnvFor, FunctionName } from '../../lambdas/contract/env.ts'
import type { Bundle } from '../bundles.ts'

export interface ServiceFunctionProps<F extends FunctionName> {
  functionName: F
  bundle: Bundle
  /** One vCPU is 1,769 MB; a function that hashes passwords wants a whole one. */
  memoryMegabytes: number
  timeout: Duration
  /** Left out where a function may take what the account has. */
  reservedConcurrency?: number
  /** Missing a variable does not compile: the function's own schema is the type. */
  environment: EnvFor<F>
  /** Everything its role may do, beside writing its own log. */
  rights: readonly iam.PolicyStatement[]
  /** Where events go that were handed over without waiting, and failed for good. */
  deadLetters?: sqs.IQueue
  logKey: kms.IKey
  logRetentionDays: number
}

const toText = (environment: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

/** One function of the control plane: its bundle, its role with the rights its code uses and no other, its log group. */
export class ServiceFunction<F extends FunctionName> extends Construct {
  readonly functionName: F
  readonly handler: lambda.Function
  readonly role: iam.Role
  readonly logGroup: logs.LogGroup

  constructor(scope: Construct, id: string, props: ServiceFunctionProps<F>) {
    super(scope, id)
    this.functionName = props.functionName
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: props.logRetentionDays,
      encryptionKey: props.logKey,
      removalPolicy: RemovalPolicy.RETAIN,
    })
    this.role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') })
    this.role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.logGroup.logGroupArn],
      }),
    )
    for (const right of props.rights) this.role.addToPolicy(right)
    this.handler = new lambda.Function(this, 'Function', {
      code: lambda.Code.fromAsset(props.bundle.directory),
      handler: props.bundle.handler,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      memorySize: props.memoryMegabytes,
      timeout: props.timeout,
      reservedConcurrentExecutions: props.reservedConcurrency,
      deadLetterQueue: props.deadLetters,
      role: this.role,
      logGroup: this.logGroup,
      environment: toText(props.environment),
    })
  }
}
