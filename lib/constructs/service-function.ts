import { fileURLToPath } from 'node:url'
import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as nodejs from 'aws-cdk-lib/aws-lambda-nodejs'
import * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { EnvFor, FunctionName } from '../../lambdas/contract/env.ts'

export interface ServiceFunctionProps<F extends FunctionName> {
  functionName: F
  /** One vCPU is 1,769 MB; a function that hashes passwords wants a whole one. */
  memoryMegabytes: number
  reservedConcurrency: number
  /** Missing a variable does not compile: the function's own schema is the type. */
  environment: EnvFor<F>
  logKey: kms.IKey
  logRetention: logs.RetentionDays
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** One function of the control plane: its bundle, its role, its log group. Rights are added by whoever owns a resource. */
export class ServiceFunction<F extends FunctionName> extends Construct {
  readonly handler: lambda.Function
  readonly role: iam.Role

  constructor(scope: Construct, id: string, props: ServiceFunctionProps<F>) {
    super(scope, id)
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: props.logRetention,
      encryptionKey: props.logKey,
      removalPolicy: RemovalPolicy.RETAIN,
    })
    this.role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') })
    logGroup.grantWrite(this.role)
    this.handler = new nodejs.NodejsFunction(this, 'Function', {
      entry: `${ROOT}lambdas/entry/${props.functionName}.lambda.ts`,
      projectRoot: ROOT,
      depsLockFilePath: `${ROOT}package-lock.json`,
      handler: 'handler',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      memorySize: props.memoryMegabytes,
      timeout: Duration.seconds(15),
      reservedConcurrentExecutions: props.reservedConcurrency,
      role: this.role,
      logGroup,
      environment: props.environment,
      bundling: {
        format: nodejs.OutputFormat.ESM,
        target: 'node24',
        minify: true,
        // The SDK is bundled, from its ES modules: a third less to load than the runtime's own copy.
        externalModules: [],
        mainFields: ['module', 'main'],
        banner: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
      },
    })
  }
}
