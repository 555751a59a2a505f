import { Stack } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as s3 from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { placeOf } from '../rights/place.ts'

const anyone = [new iam.AnyPrincipal()]

/**
 * Ways to AWS that do not leave the VPC. The two gateways cost nothing and are always there: S3 for the packages of Amazon
 * Linux and our own releases, DynamoDB so that nobody on a machine can use it with any credentials. The interfaces cost by the hour and belong to
 * the private profile.
 */
export const addEndpoints = (
  scope: Construct,
  vpc: ec2.Vpc,
  {
    isPrivate,
    stage,
    agents,
    assets,
  }: { isPrivate: boolean; stage: string; agents: ec2.ISecurityGroup; assets: s3.IBucket },
): void => {
  const { region } = Stack.of(scope)
  vpc.addGatewayEndpoint('ToS3', { service: ec2.GatewayVpcEndpointAwsService.S3 }).addToPolicy(
    new iam.PolicyStatement({
      principals: anyone,
      actions: ['s3:GetObject'],
      resources: [`arn:aws:s3:::al2023-repos-${region}-*/*`, assets.arnForObjects('agent/*')],
    }),
  )
  vpc.addGatewayEndpoint('ToDynamoDb', { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB }).addToPolicy(
    new iam.PolicyStatement({
      effect: iam.Effect.DENY,
      principals: anyone,
      actions: ['dynamodb:*'],
      resources: ['*'],
    }),
  )
  if (!isPrivate) return
  const place = placeOf(scope, stage)
  const group = new ec2.SecurityGroup(scope, 'Endpoints', {
    vpc,
    description: 'Ways to AWS: HTTPS from agents',
    allowAllOutbound: false,
  })
  group.addIngressRule(agents, ec2.Port.tcp(443), 'HTTPS from agents')
  const common = { subnets: { subnetGroupName: 'agents' }, securityGroups: [group], open: false }
  const own = { StringEquals: { 'aws:PrincipalAccount': place.accountId } }
  vpc
    .addInterfaceEndpoint('ToSecretsManager', {
      service: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      ...common,
    })
    .addToPolicy(
      new iam.PolicyStatement({
        principals: anyone,
        actions: ['secretsmanager:GetSecretValue'],
        resources: [place.agentSecrets],
        conditions: own,
      }),
    )
  vpc.addInterfaceEndpoint('ToSts', { service: ec2.InterfaceVpcEndpointAwsService.STS, ...common }).addToPolicy(
    new iam.PolicyStatement({
      principals: anyone,
      actions: ['sts:GetWebIdentityToken'],
      resources: ['*'],
      conditions: own,
    }),
  )
}
